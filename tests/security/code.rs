//! C: authorization codes (RFC 6749 §4.1.2, §4.1.3; RFC 9700 §4.5).

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};
use stepgate::{
    id::{AuthorizationServerId, ClientId},
    limit::lockout::UNTIL_RESET,
    model::{Status, user::UserStatus},
    secret::{Secret, TokenHash},
    setup, store,
    store::{authorization_code::AuthorizationCode, grant::GrantFacts, unit::Unit},
    user::login::LoginKey,
};
use tokio::sync::Barrier;

use super::assert_refused;
use crate::support::{
    Test, TestApp,
    fixtures::{self, ALICE, OTHER, PASSWORD, REDIRECT_URI, SECRET, SPA, WEB},
    http::{Browser, Client, Response},
    op::{VERIFIER, answer, code_form, public_code_form},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            sec_c01_a_late_replay_revokes_the_family_too,
            sec_c02_of_many_concurrent_redemptions_one_wins_and_the_family_is_revoked,
            sec_c02_two_nodes_redeem_a_code_once,
            sec_c03_a_code_of_another_client_buys_nothing,
            sec_c05_a_code_expires,
            sec_c06_what_ended_in_between_ends_the_code;
        sqlite:
            sec_c04_nothing_else_is_a_code,
            sec_c04_a_code_is_nothing_else,
            sec_c06_a_client_or_server_that_is_switched_off_gets_nothing,
            sec_c07_a_code_belongs_to_its_authorization_server,
            sec_c08_a_token_request_is_a_form_in_a_post,
            sec_c09_a_replay_by_somebody_else_revokes_nothing,
            sec_c09_a_public_client_proves_itself_by_its_verifier
    ]
}

/// A code as it is stored.
async fn stored(app: &TestApp, code: &str) -> (AuthorizationCode, GrantFacts) {
    store::authorization_code::find(&app.app.db, &TokenHash::of(code))
        .await
        .unwrap()
        .expect("the code is stored")
}

/// Nothing has happened to the code, and it can still be redeemed.
async fn assert_still_good(app: &TestApp, code: &str) {
    let (row, facts) = stored(app, code).await;
    assert_eq!((row.consumed_at, facts.grant.revoked_at), (None, None));
    let response = app.redeem(WEB, code).await;
    assert_eq!(response.status, 200, "{}", response.text());
}

/// Everything that the code bought is dead (RFC 6749 §4.1.2).
async fn assert_family_revoked(app: &TestApp, tokens: &Value) {
    assert_eq!(app.introspect(tokens["access_token"].as_str().unwrap()).await, json!({"active": false}));
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    assert_refused(&app.refresh(WEB, refresh_token).await, 400, "invalid_grant");
    assert_eq!(app.introspect(refresh_token).await, json!({"active": false}));
    assert_eq!(app.userinfo(tokens["access_token"].as_str().unwrap()).await.status, 401);
}

/// RFC 6749 §4.1.2: a replay counts as one however late it comes, also after the code's own lifetime.
async fn sec_c01_a_late_replay_revokes_the_family_too(app: TestApp) {
    for seconds in [31, 120] {
        let code = app.code(WEB, "openid offline_access", ALICE).await;
        let tokens = app.redeem(WEB, &code).await.json();
        app.clock.advance(seconds);
        assert_eq!(app.introspect(tokens["access_token"].as_str().unwrap()).await["active"], true);
        assert_refused(&app.redeem(WEB, &code).await, 400, "invalid_grant");
        assert_family_revoked(&app, &tokens).await;
    }
}

/// How many redeem at once.
const CROWD: usize = 64;

/// Redeems a code many times at the same moment, by turns at each of the clients.
async fn race(app: &TestApp, clients: &[Client], code: &str) -> Vec<Response> {
    let barrier = Arc::new(Barrier::new(CROWD));
    let host = app.issuer.strip_prefix("http://").unwrap().to_owned();
    let redemptions: Vec<_> = (0..CROWD)
        .map(|number| {
            let request = clients[number % clients.len()]
                .request(Method::POST, "/oauth2/default/v1/token")
                .header("host", &host)
                .basic(WEB, SECRET)
                .form(&code_form(code));
            let barrier = Arc::clone(&barrier);
            tokio::spawn(async move {
                barrier.wait().await;
                request.send().await
            })
        })
        .collect();
    let mut responses = Vec::new();
    for redemption in redemptions {
        responses.push(redemption.await.unwrap());
    }
    responses
}

/// One answer is good, all others say the same, and in the end nothing of the code is left: a replay was seen.
async fn assert_one_won(app: &TestApp, code: &str, responses: &[Response]) {
    let (won, lost): (Vec<_>, Vec<_>) = responses.iter().partition(|response| response.status == 200);
    assert_eq!((won.len(), lost.len()), (1, CROWD - 1), "{:?}", responses.iter().map(|it| it.status));
    for response in lost {
        assert_refused(response, 400, "invalid_grant");
    }
    assert_family_revoked(app, &won[0].json()).await;
    let (row, facts) = stored(app, code).await;
    assert!(row.consumed_at.is_some() && facts.grant.revoked_at.is_some());
    let grants = app
        .log()
        .await
        .into_iter()
        .filter(|(kind, reason)| kind == "app.oauth2.as.token.grant" && reason.is_none());
    assert_eq!(grants.count(), 1, "what lost has left no trace of success");
    assert!(app.logged("app.oauth2.as.token.detect_reuse", Some("code_replayed")).await);
}

/// RFC 6749 §4.1.2: a code is used once, however many try at the same moment.
async fn sec_c02_of_many_concurrent_redemptions_one_wins_and_the_family_is_revoked(app: TestApp) {
    let code = app.code(WEB, "openid offline_access", ALICE).await;
    let responses = race(&app, &[app.client()], &code).await;
    assert_one_won(&app, &code, &responses).await;
}

/// The same at two nodes on one database.
async fn sec_c02_two_nodes_redeem_a_code_once(app: TestApp) {
    let node = app.second_node().await;
    let code = app.code(WEB, "openid offline_access", ALICE).await;
    let second = Client::new(&format!("http://{}", node.address));
    let responses = race(&app, &[app.client(), second], &code).await;
    assert_one_won(&app, &code, &responses).await;
}

/// RFC 6749 §4.1.3: the code was issued to the authenticated client; otherwise its owner keeps it.
async fn sec_c03_a_code_of_another_client_buys_nothing(app: TestApp) {
    let code = app.code(WEB, "openid offline_access", ALICE).await;
    assert_refused(&app.redeem(OTHER, &code).await, 400, "invalid_grant");
    let form = public_code_form(SPA, &code);
    let response = app.client().post_form("/oauth2/default/v1/token", &form).await;
    assert_refused(&response, 400, "invalid_grant");
    // Naming the owner without being it is worse.
    let request = app.client().request(Method::POST, "/oauth2/default/v1/token").basic(OTHER, SECRET);
    let mut named = form;
    named[1] = ("client_id", WEB);
    let response = request.form(&named).send().await;
    assert!(matches!(response.status, 400 | 401), "{}", response.text());
    assert_still_good(&app, &code).await;
}

/// A lookup names what it looks for: no other artefact is a code, and no part of one (RFC 9700 §4.5).
async fn sec_c04_nothing_else_is_a_code(app: TestApp) {
    let mut browser = Browser::new();
    let page = browser.open(&app.authorize_url(WEB, &[])).await;
    let form = page.form("login-form");
    let flow = form.field("flow_id").unwrap().to_owned();
    let csrf = form.field("csrf").unwrap().to_owned();
    let more = [("scope", "openid offline_access")];
    let code = app.code_in(&mut browser, "default", WEB, &more, ALICE).await;
    let spent = app.code_in(&mut browser, "default", WEB, &more, ALICE).await;
    let tokens = app.redeem(WEB, &spent).await.json();
    browser.open(&app.url("/")).await;
    let port = url::Url::parse(&app.issuer).unwrap().port().unwrap();
    let session = browser.cookie(&format!("sid_{port}")).expect("a session cookie").value.clone();
    let (row, _) = stored(&app, &code).await;
    let request = app.client().request(Method::POST, "/oauth2/default/v1/authorize");
    let parked = request.body("application/x-www-form-urlencoded", "client_id=web").send().await;
    let ticket = parked.location().unwrap().query_pairs().next().unwrap().1.into_owned();
    app.require_factor().await;
    let state_token = app.password_of(ALICE).await["stateToken"].as_str().unwrap().to_owned();
    let mut others: Vec<String> = ["access_token", "id_token", "refresh_token"]
        .iter()
        .map(|name| tokens[name].as_str().unwrap().to_owned())
        .filter(|token| token.len() <= 1024)
        .collect();
    assert!(others.len() >= 2);
    others.extend([
        flow,
        csrf,
        session,
        ticket,
        state_token,
        row.grant_id.to_string(),
        TokenHash::of(&code).encoded(),
    ]);
    // The code itself, altered in each place, and a little more or less of it.
    for (at, letter) in code.char_indices() {
        let mut altered = code.clone();
        altered.replace_range(at..=at, if letter == 'A' { "B" } else { "A" });
        others.push(altered);
    }
    others.extend([
        code[1..].to_owned(),
        code[..code.len() - 1].to_owned(),
        format!("{code}A"),
        format!("{code}="),
        format!(" {code}"),
        format!("{code} "),
        format!("{code}\n"),
        format!("{code}#"),
        code.to_uppercase(),
        code.to_lowercase(),
        "%".to_owned(),
        "' OR '1'='1".to_owned(),
    ]);
    for other in &others {
        assert_refused(&app.redeem(WEB, other).await, 400, "invalid_grant");
    }
    assert_refused(&app.redeem(WEB, "").await, 400, "invalid_request");
    // Nothing was spent or revoked by trying.
    assert_eq!(app.introspect(tokens["access_token"].as_str().unwrap()).await["active"], true);
    assert_still_good(&app, &code).await;
}

/// The other way round: a code is no token and no session.
async fn sec_c04_a_code_is_nothing_else(app: TestApp) {
    let code = app.code(WEB, "openid offline_access", ALICE).await;
    assert_refused(&app.refresh(WEB, &code).await, 400, "invalid_grant");
    assert_eq!(app.introspect(&code).await, json!({"active": false}));
    assert_eq!(app.userinfo(&code).await.status, 401);
    let port = url::Url::parse(&app.issuer).unwrap().port().unwrap();
    let mut browser = Browser::new();
    browser.open(&app.url("/")).await;
    browser.plant(&format!("sid_{port}"), &code);
    browser.open(&app.authorize_url(OTHER, &[("prompt", "none")])).await;
    assert_eq!(answer(&browser)["error"], "login_required");
    let revoke = app.client().request(Method::POST, "/oauth2/default/v1/revoke").basic(WEB, SECRET);
    assert_eq!(revoke.form(&[("token", &code)]).send().await.status, 200);
    assert_still_good(&app, &code).await;
}

/// RFC 6749 §4.1.2: codes are short-lived; ours live for 60 seconds.
async fn sec_c05_a_code_expires(app: TestApp) {
    let code = app.code(WEB, "openid", ALICE).await;
    app.clock.advance(45);
    assert_eq!(app.redeem(WEB, &code).await.status, 200);
    let code = app.code(WEB, "openid", ALICE).await;
    app.clock.advance(61);
    assert_refused(&app.redeem(WEB, &code).await, 400, "invalid_grant");
    let (row, facts) = stored(&app, &code).await;
    assert_eq!((row.consumed_at, facts.grant.revoked_at), (None, None));
}

/// What may end between a code and its redemption.
#[derive(Clone, Copy, Debug)]
enum End {
    Suspended,
    Deactivated,
    Deleted,
    Locked,
    PasswordReset,
    SignedOut,
    GrantRevoked,
    ClientNotBefore,
}

impl End {
    const ALL: [Self; 8] = [
        Self::Suspended,
        Self::Deactivated,
        Self::Deleted,
        Self::Locked,
        Self::PasswordReset,
        Self::SignedOut,
        Self::GrantRevoked,
        Self::ClientNotBefore,
    ];

    async fn happen(self, app: &TestApp, login: &str, (browser, code): (&mut Browser, &str)) {
        let key = LoginKey::normalize(login).unwrap();
        let mut user = store::user::find_by_login(&app.app.db, key.as_str()).await.unwrap().unwrap();
        let now = app.app.now();
        match self {
            Self::Suspended => user.status = UserStatus::Suspended,
            Self::Deactivated => user.status = UserStatus::Deprovisioned,
            Self::Locked => user.lock.locked_until = Some(UNTIL_RESET),
            Self::SignedOut => {
                let page = browser.open(&app.url("/oauth2/default/v1/logout")).await;
                browser.submit(&page.form("logout-form").press("confirm")).await;
                return;
            }
            Self::GrantRevoked => {
                let (row, _) = stored(app, code).await;
                let change = store::grant::revoke(&row.grant_id, "consent_revoked", now);
                app.app.db.writer().commit(Unit::new().change(change)).await.unwrap();
                return;
            }
            Self::ClientNotBefore => {
                let tx = app.app.db.begin_write().await.unwrap();
                let mut client = store::client::find_in(&tx, &ClientId::new(WEB)).await.unwrap().unwrap();
                client.not_before = now;
                store::client::update(&tx, &client).await.unwrap();
                tx.commit().await.unwrap();
                return;
            }
            Self::PasswordReset | Self::Deleted => {}
        }
        let tx = app.app.db.begin_write().await.unwrap();
        match self {
            Self::Deleted => store::user::delete(&tx, &user.id).await.unwrap(),
            Self::PasswordReset => {
                store::user::end_everything(&tx, &user.id, "password_reset", now).await.unwrap();
            }
            Self::Suspended
            | Self::Deactivated
            | Self::Locked
            | Self::SignedOut
            | Self::GrantRevoked
            | Self::ClientNotBefore => store::user::update(&tx, &user, key.as_str()).await.unwrap(),
        }
        tx.commit().await.unwrap();
    }
}

/// A code is a promise that stands only while what it rests on does: user, session, consent, client.
async fn sec_c06_what_ended_in_between_ends_the_code(app: TestApp) {
    let hash = app.app.passwords.hash(Secret::new(PASSWORD.to_owned())).await.unwrap();
    for end in End::ALL {
        let login = format!("{end:?}@example.com").to_lowercase();
        let user = fixtures::user(&login, &json!({}), hash.clone(), app.app.now());
        let tx = app.app.db.begin_write().await.unwrap();
        store::user::insert(&tx, &user, LoginKey::normalize(&login).unwrap().as_str()).await.unwrap();
        tx.commit().await.unwrap();
        let mut browser = Browser::new();
        let more = [("scope", "openid offline_access")];
        let code = app.code_in(&mut browser, "default", WEB, &more, &login).await;
        let bystander = app.code(WEB, "openid", ALICE).await;
        end.happen(&app, &login, (&mut browser, &code)).await;
        let refused = app.redeem(WEB, &code).await;
        assert_eq!(refused.status, 400, "{end:?}: {}", refused.text());
        assert_refused(&refused, 400, "invalid_grant");
        if !matches!(end, End::ClientNotBefore) {
            assert_eq!(app.redeem(WEB, &bystander).await.status, 200, "{end:?} concerns one user only");
        }
    }
}

/// A client that is switched off cannot authenticate, and a server that is switched off is not there.
async fn sec_c06_a_client_or_server_that_is_switched_off_gets_nothing(app: TestApp) {
    let set = async |status: Status| {
        let tx = app.app.db.begin_write().await.unwrap();
        let mut client = store::client::find_in(&tx, &ClientId::new(WEB)).await.unwrap().unwrap();
        client.status = status;
        store::client::update(&tx, &client).await.unwrap();
        tx.commit().await.unwrap();
        app.app.forget_configuration();
    };
    let code = app.code(WEB, "openid", ALICE).await;
    set(Status::Inactive).await;
    assert_refused(&app.redeem(WEB, &code).await, 401, "invalid_client");
    set(Status::Active).await;
    let tx = app.app.db.begin_write().await.unwrap();
    let id = AuthorizationServerId::new("default");
    let mut server = store::server::find_in(&tx, &id).await.unwrap().unwrap().server;
    server.status = Status::Inactive;
    store::server::update(&tx, &server).await.unwrap();
    tx.commit().await.unwrap();
    app.app.forget_configuration();
    let gone = app.redeem(WEB, &code).await;
    assert!(matches!(gone.status, 400 | 404), "{} {}", gone.status, gone.text());
    assert!(stored(&app, &code).await.0.consumed_at.is_none());
}

/// A code is for the issuer that issued it (RFC 9700 §4.4): neither another custom server nor the org server takes it.
async fn sec_c07_a_code_belongs_to_its_authorization_server(app: TestApp) {
    let server = setup::new_server(&app.app, ("another", "Another", "api://another"), app.app.now());
    let tx = app.app.db.begin_write().await.unwrap();
    store::server::insert(&tx, &server).await.unwrap();
    for scope in setup::system_scopes(&app.app, &server) {
        store::server::upsert_scope(&tx, &server.id, &scope).await.unwrap();
    }
    tx.commit().await.unwrap();
    setup::maintain_keys(&app.app).await.unwrap();
    app.app.forget_configuration();
    let servers = ["default", "another", "org"];
    let mut browser = Browser::new();
    for home in servers {
        let code = app.code_in(&mut browser, home, WEB, &[], ALICE).await;
        let form = code_form(&code);
        for other in servers.iter().filter(|other| **other != home) {
            assert_refused(&app.token_at(other, WEB, &form).await, 400, "invalid_grant");
        }
        let (row, facts) = stored(&app, &code).await;
        assert_eq!((row.consumed_at, facts.grant.revoked_at), (None, None));
        let response = app.token_at(home, WEB, &form).await;
        assert_eq!(response.status, 200, "{home}: {}", response.text());
    }
}

/// RFC 6749 §3.2: POST, with a form, whose secrets never stand in a URL.
async fn sec_c08_a_token_request_is_a_form_in_a_post(app: TestApp) {
    let code = app.code(WEB, "openid", ALICE).await;
    let path = "/oauth2/default/v1/token";
    let fields = code_form(&code);
    let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = |method: Method, path: &str| app.client().request(method, path).basic(WEB, SECRET);
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
        let response = request(method, &format!("{path}?{encoded}")).send().await;
        assert_eq!(response.status, 405, "{}", response.text());
    }
    // All of it, or one secret of it, in the URL.
    let response = request(Method::POST, &format!("{path}?{encoded}")).form(&[]).send().await;
    assert_refused(&response, 400, "invalid_request");
    let url = format!("{path}?code={code}");
    assert_refused(&request(Method::POST, &url).form(&fields).send().await, 400, "invalid_request");
    assert_refused(
        &request(Method::POST, &url).form(&[fields[0], fields[2], fields[3]]).send().await,
        400,
        "invalid_request",
    );
    let secret = format!("{path}?client_id={WEB}&client_secret={SECRET}");
    let response = app.client().request(Method::POST, &secret).form(&fields).send().await;
    assert_refused(&response, 400, "invalid_request");
    // Other formats.
    for (content_type, body) in [
        ("text/plain", encoded.clone()),
        ("application/json", json!(std::collections::BTreeMap::from(fields)).to_string()),
        ("application/x-www-form-urlencoded2", encoded.clone()),
        ("multipart/form-data; boundary=x", format!("--x\r\n\r\n{encoded}\r\n--x--")),
    ] {
        let response = request(Method::POST, path).body(content_type, body).send().await;
        assert_refused(&response, 400, "invalid_request");
    }
    let response = request(Method::POST, path).send().await;
    assert_refused(&response, 400, "invalid_request");
    // The good case tolerates parameters of the media type (RFC 6749 appendix B).
    let content_type = "Application/X-WWW-Form-Urlencoded; charset=UTF-8";
    let (row, _) = stored(&app, &code).await;
    assert_eq!(row.consumed_at, None);
    let response = request(Method::POST, path).body(content_type, encoded).send().await;
    assert_eq!(response.status, 200, "{}", response.text());
}

/// Whoever cannot redeem a code cannot end what it bought either: otherwise every leaked code were a way to sign people
/// out.
async fn sec_c09_a_replay_by_somebody_else_revokes_nothing(app: TestApp) {
    let code = app.code(WEB, "openid offline_access", ALICE).await;
    let tokens = app.redeem(WEB, &code).await.json();
    let form = code_form(&code);
    let request = || app.client().request(Method::POST, "/oauth2/default/v1/token");
    assert_refused(
        &request().basic(WEB, "a-wrong-secret-of-more-than-thirty-two").form(&form).send().await,
        401,
        "invalid_client",
    );
    assert_eq!(request().form(&form).send().await.status, 401);
    let mut named = form.to_vec();
    named.push(("client_id", WEB));
    assert_refused(&request().form(&named).send().await, 401, "invalid_client");
    assert_refused(&app.redeem(OTHER, &code).await, 400, "invalid_grant");
    let access_token = tokens["access_token"].as_str().unwrap();
    assert_eq!(app.introspect(access_token).await["active"], true);
    assert_eq!(app.refresh(WEB, tokens["refresh_token"].as_str().unwrap()).await.status, 200);
    assert!(!app.logged("app.oauth2.as.token.detect_reuse", None).await);
}

/// A public client sends no secret: the verifier tells it from whoever has seen the code (RFC 7636 §1).
async fn sec_c09_a_public_client_proves_itself_by_its_verifier(app: TestApp) {
    let code = app.code(SPA, "openid offline_access", ALICE).await;
    let redeem = async |verifier: Option<&str>| {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("client_id", SPA),
            ("code", code.as_str()),
            ("redirect_uri", REDIRECT_URI),
        ];
        form.extend(verifier.map(|verifier| ("code_verifier", verifier)));
        app.client().post_form("/oauth2/default/v1/token", &form).await
    };
    let tokens = redeem(Some(VERIFIER)).await.json();
    let access_token = tokens["access_token"].as_str().unwrap();
    for verifier in [None, Some("x".repeat(43)), Some("short".to_owned())] {
        assert_refused(&redeem(verifier.as_deref()).await, 400, "invalid_grant");
        assert_eq!(app.introspect(access_token).await["active"], true);
    }
    assert_refused(&redeem(Some(VERIFIER)).await, 400, "invalid_grant");
    assert_eq!(app.introspect(access_token).await["active"], false);
}
