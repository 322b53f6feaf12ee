//! Back-Channel Logout 1.0: which clients are told of the end of a session, what, and how often.

use serde_json::{Value, json};
use stepgate::{jobs::deliver::deliver_due, session::farewell, store};

use crate::support::{
    Test, TestApp,
    fixtures::{ALICE, BOB, OTHER, WEB, WEB_POST},
    http::Browser,
    op::{claims, code_form},
    relying_party::{backchannel_logout_uri, configure, listen, told},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            oidc_l6_every_client_of_the_session_is_told_once,
            oidc_l6_of_two_nodes_one_delivers;
        sqlite:
            oidc_d10_back_channel_logout_is_advertised,
            oidc_i5_the_id_token_of_a_client_with_a_back_channel_has_a_sid,
            oidc_l6_the_logout_token_says_what_the_id_token_said,
            oidc_l6_another_user_who_signs_in_ends_the_session,
            oidc_l6_an_administrator_who_ends_sessions_has_clients_told,
            oidc_l6_clients_without_openid_or_without_a_back_channel_are_not_told,
            oidc_l6_a_running_node_delivers_at_once,
            the_uri_of_a_back_channel_is_checked,
    ]
}

async fn tokens_in(app: &TestApp, browser: &mut Browser, client: &str, scope: &str) -> Value {
    let code = app.code_in(browser, "default", client, &[("scope", scope)], ALICE).await;
    let response = app.redeem(client, &code).await;
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()
}

/// §2.1: discovery says so, with `sid`.
async fn oidc_d10_back_channel_logout_is_advertised(app: TestApp) {
    for path in ["/.well-known/openid-configuration", "/oauth2/default/.well-known/openid-configuration"] {
        let document = app.client().get(path).await.json();
        assert_eq!(document["backchannel_logout_supported"], true, "{path}");
        assert_eq!(document["backchannel_logout_session_supported"], true, "{path}");
        assert!(document["end_session_endpoint"].is_string(), "{path}");
    }
}

/// §2.1: the client recognises its session by `sid`.
async fn oidc_i5_the_id_token_of_a_client_with_a_back_channel_has_a_sid(app: TestApp) {
    let more = json!({
        "backchannel_logout_uri": backchannel_logout_uri(WEB),
        "backchannel_logout_session_required": true,
    });
    configure(&app, WEB, more).await;
    let tokens = app.tokens(WEB, "openid", ALICE).await;
    assert!(claims(tokens["id_token"].as_str().unwrap())["sid"].as_str().is_some_and(|sid| !sid.is_empty()));
}

/// §2.5: each client of the session once, whichever server its tokens are from; the logout itself waits for none of them.
async fn oidc_l6_every_client_of_the_session_is_told_once(app: TestApp) {
    listen(&app, &[WEB, OTHER, WEB_POST], 200).await;
    let mut browser = Browser::new();
    let tokens = tokens_in(&app, &mut browser, WEB, "openid").await;
    tokens_in(&app, &mut browser, WEB, "openid profile").await;
    tokens_in(&app, &mut browser, OTHER, "openid offline_access").await;
    let mut elsewhere = Browser::new();
    tokens_in(&app, &mut elsewhere, WEB_POST, "openid").await;
    assert_eq!(told(&app, WEB).await.len(), 0, "nothing has ended yet");
    app.log_out(&mut browser, &tokens).await;
    assert!(app.fetch.posted().is_empty(), "the browser waited for a client");
    for _ in 0..2 {
        assert_eq!(told(&app, WEB).await.len(), 1);
        assert_eq!(told(&app, OTHER).await.len(), 1);
        assert_eq!(told(&app, WEB_POST).await.len(), 0, "another session");
        app.clock.advance(7200);
    }
    // A second logout has nothing to say.
    browser.open(&app.url("/oauth2/default/v1/logout")).await;
    assert_eq!(told(&app, WEB).await.len(), 1);
}

/// §2.5: nodes share the work; a message is tried by one of them at a time.
async fn oidc_l6_of_two_nodes_one_delivers(app: TestApp) {
    let node = app.second_node().await;
    listen(&app, &[WEB, OTHER], 200).await;
    let mut browser = Browser::new();
    let tokens = tokens_in(&app, &mut browser, WEB, "openid").await;
    tokens_in(&app, &mut browser, OTHER, "openid").await;
    app.log_out(&mut browser, &tokens).await;
    let nodes = [&app.app, &node.app, &app.app, &node.app];
    let rounds = nodes.map(|app| deliver_due(app));
    for round in futures_util::future::join_all(rounds).await {
        round.unwrap();
    }
    assert_eq!(app.fetch.posted().len(), 2, "{:?}", app.fetch.posted());
}

/// §2.4: `iss`, `aud`, `sub` and `sid` are those of the ID token.
async fn oidc_l6_the_logout_token_says_what_the_id_token_said(app: TestApp) {
    listen(&app, &[WEB], 204).await;
    for server in ["default", "org"] {
        let mut browser = Browser::new();
        let code = app.code_in(&mut browser, server, WEB, &[], ALICE).await;
        let form = code_form(&code);
        let tokens = app.token_at(server, WEB, &form).await.json();
        log_out_at(&app, server, &mut browser, &tokens).await;
        let id_token = claims(tokens["id_token"].as_str().unwrap());
        let all = told(&app, WEB).await;
        let logout_token = claims(all.last().unwrap());
        for name in ["iss", "aud", "sub", "sid"] {
            assert_eq!(logout_token[name], id_token[name], "{name}");
        }
        assert_eq!(logout_token["events"], json!({"http://schemas.openid.net/event/backchannel-logout": {}}));
    }
}

async fn log_out_at(app: &TestApp, server: &str, browser: &mut Browser, tokens: &Value) {
    let path = format!("{}/v1/logout", crate::support::op::base(server));
    let hint = tokens["id_token"].as_str().unwrap();
    let done = browser.open(&app.url(&format!("{path}?id_token_hint={hint}"))).await;
    assert!(done.body_contains("signed-out-page"), "{}", done.words());
}

/// §2.5: the session of the first user has ended, whoever ended it.
async fn oidc_l6_another_user_who_signs_in_ends_the_session(app: TestApp) {
    listen(&app, &[WEB, OTHER], 200).await;
    let mut browser = Browser::new();
    let tokens = tokens_in(&app, &mut browser, WEB, "openid").await;
    // The same user again: the session goes on.
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[("prompt", "login")]), ALICE).await;
    assert_eq!(told(&app, WEB).await.len(), 0);
    app.sign_in(&mut browser, &app.authorize_url(OTHER, &[("prompt", "login")]), BOB).await;
    let told_web = told(&app, WEB).await;
    assert_eq!(told_web.len(), 1);
    let alice = claims(tokens["id_token"].as_str().unwrap());
    assert_eq!(claims(&told_web[0])["sub"], alice["sub"]);
    assert_eq!(told(&app, OTHER).await.len(), 0, "Bob goes on");
}

/// Suspension, deletion and the like end sessions on every device.
async fn oidc_l6_an_administrator_who_ends_sessions_has_clients_told(app: TestApp) {
    listen(&app, &[WEB, OTHER], 200).await;
    let first = tokens_in(&app, &mut Browser::new(), WEB, "openid").await;
    tokens_in(&app, &mut Browser::new(), OTHER, "openid").await;
    app.tokens(WEB, "openid", BOB).await;
    let user = stepgate::id::UserId::new(
        claims(first["id_token"].as_str().unwrap())["sub"].as_str().unwrap().to_owned(),
    );
    let now = app.app.now();
    let tx = app.app.db.begin_write().await.unwrap();
    farewell::end_everything(&app.app, &tx, &user, "user_deleted", now).await.unwrap();
    store::user::delete(&tx, &user).await.unwrap();
    tx.commit().await.unwrap();
    let told_web = told(&app, WEB).await;
    assert_eq!(told_web.len(), 1, "Bob goes on");
    assert_eq!(claims(&told_web[0])["sub"], user.as_str());
    assert_eq!(told(&app, OTHER).await.len(), 1);
}

/// §2.2, §2.5: only clients that registered a URI, and only those that the user is logged in at.
async fn oidc_l6_clients_without_openid_or_without_a_back_channel_are_not_told(app: TestApp) {
    listen(&app, &[OTHER], 200).await;
    let mut browser = Browser::new();
    let tokens = tokens_in(&app, &mut browser, WEB, "openid").await;
    tokens_in(&app, &mut browser, OTHER, "car:drive").await;
    app.log_out(&mut browser, &tokens).await;
    assert_eq!(deliver_due(&app.app).await.unwrap(), 0);
    assert!(app.fetch.posted().is_empty());
}

/// The process that ends a session delivers without waiting for its next round.
async fn oidc_l6_a_running_node_delivers_at_once(app: TestApp) {
    listen(&app, &[WEB], 200).await;
    let stop = tokio_util::sync::CancellationToken::new();
    let jobs = stepgate::jobs::spawn_all(&app.app, &stop);
    let mut browser = Browser::new();
    let tokens = tokens_in(&app, &mut browser, WEB, "openid").await;
    let began = std::time::Instant::now();
    app.log_out(&mut browser, &tokens).await;
    while app.fetch.posted().is_empty() {
        assert!(began.elapsed() < std::time::Duration::from_secs(2), "it waits for its round");
        tokio::task::yield_now().await;
    }
    stop.cancel();
    jobs.wait().await;
}

/// §2.2: an absolute `https` URI without a fragment; loopback is for development.
async fn the_uri_of_a_back_channel_is_checked(_: TestApp) {
    let valid = |uri: &str| {
        let metadata: stepgate::protocol::client_metadata::ClientMetadata = serde_json::from_value(json!({
            "redirect_uris": ["https://app.example.com/callback"],
            "backchannel_logout_uri": uri,
        }))
        .unwrap();
        metadata.with_defaults().validate().is_ok()
    };
    for good in
        ["https://app.example.com/logout?x=1", "https://elsewhere.example/", "http://localhost:3000/bcl"]
    {
        assert!(valid(good), "{good}");
    }
    for bad in [
        "http://app.example.com/logout",
        "https://app.example.com/logout#f",
        "https://user@app.example.com/",
        "/logout",
        "javascript:alert(1)",
        "",
    ] {
        assert!(!valid(bad), "{bad}");
    }
}
