//! The password grant (RFC 6749 §4.3): off unless registered, and no way round what guards sign-in.

use serde_json::json;
use stepgate::{
    limit::rate::{Bucket, Rate},
    model::user::UserStatus,
    protocol::client_metadata::ClientMetadata,
    store,
    user::login::LoginKey,
};

use crate::support::{
    Test, TestApp,
    app::Change,
    fixtures::{self, ALICE, BOB, PASSWORD, SECRET, WEB},
    http::Response,
    op::claims,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            a_password_buys_tokens_and_no_session,
            sec_m05_wrong_passwords_lock_as_at_sign_in;
        sqlite:
            sec_m05_every_refusal_of_a_user_is_the_same,
            attempts_are_throttled_as_at_sign_in,
            a_scope_that_needs_consent_needs_a_page,
            sec_e15_the_password_grant_gives_no_unknown_scope,
            sec_e16_the_password_grant_is_off_unless_registered
    ]
}

const APP: &str = "own-app";

async fn registered(app: &TestApp, more: serde_json::Value) {
    let mut metadata = json!({
        "application_type": "native",
        "grant_types": ["password", "refresh_token"],
        "token_endpoint_auth_method": "client_secret_basic",
    });
    metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fixtures::client(&app.app, APP, metadata, Some(SECRET)).await;
}

async fn ask(app: &TestApp, login: &str, password: &str, scope: &str) -> Response {
    let form = [("grant_type", "password"), ("username", login), ("password", password), ("scope", scope)];
    app.token(APP, &form).await
}

#[track_caller]
fn refused(response: &Response, error: &str) {
    let code = response.json()["error"].as_str().map(ToOwned::to_owned);
    assert_eq!((response.status, code.as_deref()), (400, Some(error)), "{}", response.text());
}

/// RFC 6749 §4.3.3: what was proved is told, and nothing else: there is no session to speak of.
async fn a_password_buys_tokens_and_no_session(app: TestApp) {
    registered(&app, json!({})).await;
    let response = ask(&app, " Alice@Example.com ", PASSWORD, "openid email offline_access").await;
    assert_eq!(response.status, 200, "{}", response.text());
    let body = response.json();
    assert_eq!(body["scope"], "openid email offline_access");
    let id_token = claims(body["id_token"].as_str().unwrap());
    assert_eq!((&id_token["amr"], &id_token["acr"]), (&json!(["pwd"]), &json!("urn:okta:loa:1fa:pwd")));
    assert!(id_token.get("sid").is_none() && id_token["auth_time"].is_i64());
    let refreshed = app.refresh(APP, body["refresh_token"].as_str().unwrap()).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.text());
    assert!(response.headers.get("set-cookie").is_none());
    assert!(!app.logged("user.session.start", None).await);
    assert!(app.logged("app.oauth2.as.token.grant", None).await);
    assert!(ask(&app, ALICE, PASSWORD, "openid").await.json().get("refresh_token").is_none());
}

/// RFC 6749 §10.10; limits of sign-in: failures count there and here together, and a lock is a lock.
async fn sec_m05_wrong_passwords_lock_as_at_sign_in(app: TestApp) {
    registered(&app, json!({})).await;
    for n in 0..9 {
        refused(&ask(&app, ALICE, "wrong", "openid").await, "invalid_grant");
        assert!(!app.logged("user.account.lock", None).await, "{n}");
    }
    // A success sets the count back.
    assert_eq!(ask(&app, ALICE, PASSWORD, "openid").await.status, 200);
    for _ in 0..10 {
        refused(&ask(&app, ALICE, "wrong", "openid").await, "invalid_grant");
    }
    assert!(app.logged("user.account.lock", None).await);
    refused(&ask(&app, ALICE, PASSWORD, "openid").await, "invalid_grant");
    assert_eq!(ask(&app, BOB, PASSWORD, "openid").await.status, 200);
    app.clock.advance(15 * 60 + 1);
    assert_eq!(ask(&app, ALICE, PASSWORD, "openid").await.status, 200);
}

/// Unknown, wrong, suspended and locked are one answer, byte by byte; each costs one hash (the service sees to it).
async fn sec_m05_every_refusal_of_a_user_is_the_same(app: TestApp) {
    registered(&app, json!({})).await;
    let unknown = ask(&app, "nobody@example.com", PASSWORD, "openid").await;
    refused(&unknown, "invalid_grant");
    let mut answers = vec![ask(&app, ALICE, "wrong", "openid").await];
    answers.push(ask(&app, "\u{202e}<script>", PASSWORD, "openid").await);
    let key = LoginKey::normalize(BOB).unwrap();
    let mut bob = store::user::find_by_login(&app.app.db, key.as_str()).await.unwrap().unwrap();
    bob.status = UserStatus::Suspended;
    let tx = app.app.db.begin_write().await.unwrap();
    store::user::update(&tx, &bob, key.as_str()).await.unwrap();
    tx.commit().await.unwrap();
    answers.push(ask(&app, BOB, PASSWORD, "openid").await);
    for answer in answers {
        assert_eq!((answer.status, &answer.body), (unknown.status, &unknown.body));
    }
}

/// The budget of a username is the one of sign-in, with its 429.
async fn attempts_are_throttled_as_at_sign_in(app: TestApp) {
    let rates = vec![(Bucket::SignInUsername, Rate::per_minute(2))];
    let app = app.restart(Change { rates, ..Change::default() }).await;
    registered(&app, json!({})).await;
    let second = app.app.now().unix_timestamp().rem_euclid(60);
    app.clock.advance(60 - second);
    for _ in 0..2 {
        refused(&ask(&app, ALICE, "wrong", "openid").await, "invalid_grant");
    }
    let throttled = ask(&app, ALICE, PASSWORD, "openid").await;
    assert_eq!(throttled.status, 429, "{}", throttled.text());
    assert!(throttled.header("retry-after").is_some() && throttled.json()["error"].is_string());
}

/// Okta: a client and a scope that both require consent cannot have it here, unless it was given before.
async fn a_scope_that_needs_consent_needs_a_page(app: TestApp) {
    registered(&app, json!({"consent_method": "REQUIRED"})).await;
    refused(&ask(&app, ALICE, PASSWORD, "openid car:sell").await, "consent_required");
    // Only to whoever knows the password.
    refused(&ask(&app, ALICE, "wrong", "openid car:sell").await, "invalid_grant");
    assert_eq!(ask(&app, ALICE, PASSWORD, "openid car:drive").await.status, 200);
    registered(&app, json!({"consent_method": "TRUSTED"})).await;
    assert_eq!(ask(&app, ALICE, PASSWORD, "openid car:sell").await.status, 200);
}

/// What does not exist is not granted, and offline access takes the grant refresh_token.
async fn sec_e15_the_password_grant_gives_no_unknown_scope(app: TestApp) {
    registered(&app, json!({"grant_types": ["password"]})).await;
    for scope in ["no-such-scope", "openid no-such-scope", "groups"] {
        refused(&ask(&app, ALICE, PASSWORD, scope).await, "invalid_scope");
    }
    let body = ask(&app, ALICE, PASSWORD, "openid offline_access").await.json();
    assert_eq!((&body["scope"], body.get("refresh_token")), (&json!("openid"), None));
}

/// RFC 9700 §2.4: no client has it that is not registered for it, and most kinds of client cannot be.
async fn sec_e16_the_password_grant_is_off_unless_registered(app: TestApp) {
    for server in ["default", "org"] {
        let form = [("grant_type", "password"), ("username", ALICE), ("password", PASSWORD)];
        refused(&app.token_at(server, WEB, &form).await, "unauthorized_client");
    }
    for kind in ["web", "browser", "service"] {
        let metadata = json!({"application_type": kind, "grant_types": ["password"]});
        let metadata: ClientMetadata = serde_json::from_value(metadata).unwrap();
        assert_eq!(metadata.with_defaults().validate().unwrap_err().member, "grant_types", "{kind}");
    }
    // The password never stands in a URL, nor comes from a browser.
    registered(&app, json!({})).await;
    let request = |path: &str| app.client().request(http::Method::POST, path).basic(APP, SECRET);
    let form = [("grant_type", "password"), ("username", ALICE), ("password", PASSWORD), ("scope", "openid")];
    let from_browser = request("/oauth2/default/v1/token").header("origin", "https://app.example.com");
    refused(&from_browser.form(&form).send().await, "unauthorized_client");
    let in_url = request("/oauth2/default/v1/token?password=x").form(&form[..2]).send().await;
    refused(&in_url, "invalid_request");
}
