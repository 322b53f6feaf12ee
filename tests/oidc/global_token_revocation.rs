//! Universal Logout: one call of a trusted machine ends everything that a user has.

use http::Method;
use serde_json::{Value, json};

use crate::support::{
    Test, TestApp,
    dpop::ProofKey,
    fixtures::{self, ALICE, BOB, MACHINE, OTHER, SECRET, WEB},
    http::{Browser, Response},
    op::answer,
    relying_party::{listen, told},
    session_token::user_id,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage: everything_of_the_user_ends_and_nothing_of_others;
        sqlite:
            a_user_is_named_by_id_or_by_issuer_and_subject,
            sec_u05_only_a_machine_that_was_given_the_scope_may,
            sec_h04_a_bound_token_is_no_bearer_token_of_an_administrator,
            a_scope_that_was_taken_back_does_not_live_on_in_tokens,
    ]
}

const PATH: &str = "/oauth2/v1/global-token-revocation";
const SCOPE: &str = "okta.universalLogout.manage";

/// An access token of a machine that may log users out everywhere.
async fn machine_token(app: &TestApp) -> String {
    let metadata = json!({
        "application_type": "service",
        "grant_types": ["client_credentials"],
        "okta_scopes": [SCOPE],
    });
    fixtures::client(&app.app, MACHINE, metadata, Some(SECRET)).await;
    let answer = app.token_at("org", MACHINE, &request()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

fn request() -> [(&'static str, &'static str); 2] {
    [("grant_type", "client_credentials"), ("scope", SCOPE)]
}

async fn revoke(app: &TestApp, token: &str, body: &Value) -> Response {
    app.client().request(Method::POST, PATH).bearer(token).json(body).send().await
}

fn opaque(user: &str) -> Value {
    json!({ "sub_id": { "format": "opaque", "id": user } })
}

/// Sessions, tokens and refresh tokens on every device; offline access as well. Clients are told.
async fn everything_of_the_user_ends_and_nothing_of_others(app: TestApp) {
    listen(&app, &[WEB, OTHER], 200).await;
    let token = machine_token(&app).await;
    let mut devices = [Browser::new(), Browser::new()];
    let mut tokens = Vec::new();
    for (browser, client) in devices.iter_mut().zip([WEB, OTHER]) {
        let more = [("scope", "openid offline_access")];
        let code = app.code_in(browser, "default", client, &more, ALICE).await;
        tokens.push((client, app.redeem(client, &code).await.json()));
    }
    let bob = app.tokens(WEB, "openid offline_access", BOB).await;
    let alice = user_id(&app, ALICE).await;
    app.clock.advance(1);
    let answer_to_it = revoke(&app, &token, &opaque(alice.as_str())).await;
    assert_eq!((answer_to_it.status, answer_to_it.body.len()), (204, 0), "{}", answer_to_it.text());
    for (client, tokens) in &tokens {
        assert_eq!(app.userinfo(tokens["access_token"].as_str().unwrap()).await.status, 401);
        let refreshed = app.refresh(client, tokens["refresh_token"].as_str().unwrap()).await;
        assert_eq!(refreshed.json()["error"], "invalid_grant");
        assert_eq!(told(&app, client).await.len(), 1);
    }
    for browser in &mut devices {
        browser.open(&app.authorize_url(WEB, &[("prompt", "none")])).await;
        assert_eq!(answer(browser)["error"], "login_required");
    }
    assert_eq!(app.refresh(WEB, bob["refresh_token"].as_str().unwrap()).await.status, 200);
    assert!(app.logged("user.authentication.universal_logout", None).await);
    // The user may sign in again at once.
    app.clock.advance(1);
    assert_eq!(
        app.userinfo(app.tokens(WEB, "openid", ALICE).await["access_token"].as_str().unwrap()).await.status,
        200
    );
}

/// RFC 9493 §3.2.3 and §3.2.7; of an issuer that is ours. Whoever is not named well is not guessed.
async fn a_user_is_named_by_id_or_by_issuer_and_subject(app: TestApp) {
    let token = machine_token(&app).await;
    let alice = user_id(&app, ALICE).await;
    let named = |iss: &str| json!({"sub_id": {"format": "iss_sub", "iss": iss, "sub": alice}});
    for body in [named(&app.issuer), named(&app.url("/oauth2/default")), opaque(alice.as_str())] {
        assert_eq!(revoke(&app, &token, &body).await.status, 204, "{body}");
    }
    for body in [
        named("https://evil.example"),
        named(&app.url("/oauth2/nobody")),
        named(&app.url("/oauth2/org")),
        json!({"sub_id": {"format": "email", "email": ALICE}}),
        json!({"sub_id": {"format": "opaque"}}),
        json!({"sub_id": {"format": "opaque", "id": ""}}),
        json!({"sub_id": alice}),
        json!({}),
    ] {
        let refused = revoke(&app, &token, &body).await;
        assert_eq!((refused.status, &refused.json()["errorCode"]), (400, &json!("E0000001")), "{body}");
    }
    let unknown = revoke(&app, &token, &opaque("00u00000000000000000")).await;
    assert_eq!((unknown.status, &unknown.json()["errorCode"]), (404, &json!("E0000007")));
    for body in ["{", "[]", r#"{"sub_id": {}, "sub_id": {}}"#] {
        let request = app.client().request(Method::POST, PATH).bearer(&token);
        let broken = request.body("application/json", body).send().await;
        assert_eq!((broken.status, &broken.json()["errorCode"]), (400, &json!("E0000003")), "{body}");
    }
}

/// Okta: the scope exists at the org server, for machines that an administrator gave it to.
async fn sec_u05_only_a_machine_that_was_given_the_scope_may(app: TestApp) {
    let body = opaque(user_id(&app, ALICE).await.as_str());
    let tokens = app.tokens(WEB, "openid", ALICE).await;
    // Nobody else gets the scope: not another machine, not at another server, not for a user.
    for (server, client) in [("org", WEB), ("default", WEB), ("org", MACHINE)] {
        let refused = app.token_at(server, client, &request()).await;
        assert_eq!(refused.json()["error"], "invalid_scope", "{server} {client}");
    }
    let token = machine_token(&app).await;
    let refused = app.token_at("default", MACHINE, &request()).await;
    assert_eq!(refused.json()["error"], "invalid_scope");
    let mut browser = Browser::new();
    browser.open(&app.authorize_url_at("org", WEB, &[("scope", SCOPE)])).await;
    assert_eq!(answer(&browser)["error"], "invalid_scope");
    // Nothing else opens the endpoint.
    let user_token = tokens["access_token"].as_str().unwrap();
    for bad in ["invented", user_token, &token[..token.len() - 1]] {
        let refused = revoke(&app, bad, &body).await;
        assert_eq!(refused.status, 401, "{}", refused.text());
        assert!(refused.header("www-authenticate").unwrap().contains("invalid_token"));
    }
    let missing = app.client().post_json(PATH, &body).await;
    assert_eq!(missing.status, 401);
    let in_url = format!("{PATH}?access_token={token}");
    assert_eq!(app.client().post_json(&in_url, &body).await.status, 400);
    app.clock.advance(3601);
    assert_eq!(revoke(&app, &token, &body).await.status, 401, "it has expired");
    app.clock.advance(-3601);
    assert_eq!(app.userinfo(user_token).await.status, 200, "nothing has ended");
}

/// RFC 9449 §7.2: what is bound to a key opens nothing without it.
async fn sec_h04_a_bound_token_is_no_bearer_token_of_an_administrator(app: TestApp) {
    const TOKEN: &str = "/oauth2/v1/token";
    machine_token(&app).await;
    let proof = ProofKey::new().proof(&app, "POST", TOKEN);
    let asked = app.client().request(Method::POST, TOKEN).basic(MACHINE, SECRET).header("dpop", &proof);
    let bound = asked.form(&request()).send().await.json();
    assert_eq!(bound["token_type"], "DPoP", "{bound}");
    let body = opaque(user_id(&app, ALICE).await.as_str());
    assert_eq!(revoke(&app, bound["access_token"].as_str().unwrap(), &body).await.status, 401);
}

/// What a machine may is decided when it does it.
async fn a_scope_that_was_taken_back_does_not_live_on_in_tokens(app: TestApp) {
    let token = machine_token(&app).await;
    let metadata = json!({"application_type": "service", "grant_types": ["client_credentials"]});
    fixtures::client(&app.app, MACHINE, metadata, Some(SECRET)).await;
    let refused = revoke(&app, &token, &opaque(user_id(&app, ALICE).await.as_str())).await;
    assert_eq!((refused.status, &refused.json()["errorCode"]), (403, &json!("E0000006")));
    assert!(refused.header("www-authenticate").unwrap().contains("insufficient_scope"));
}
