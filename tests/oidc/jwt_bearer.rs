//! JWT bearer assertions of trusted issuers (RFC 7523 §2.1, §3).

use std::sync::Arc;

use http::Method;
use keys::{Algorithm, MacAlgorithm, MacKey, SigningKey};
use serde_json::{Value, json};
use stepgate::{
    id::AuthorizationServerId,
    model::{
        authorization_server::{TrustedIssuer, TrustedSubject},
        user::UserStatus,
    },
    ports::random::SystemRandom,
    secret::opaque_token,
    store,
    user::login::LoginKey,
};
use tokio::sync::Barrier;

use crate::support::{
    Test, TestApp,
    assertion::changed,
    fixtures::{self, ALICE, SECRET, WEB},
    http::Response,
    op::claims,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage: sec_m05_an_assertion_is_used_once;
        sqlite:
            a_trusted_issuer_speaks_for_a_user_and_tokens_say_no_more_than_that,
            policy_that_wants_two_factors_believes_no_assertion,
            the_subject_is_a_login_or_an_id_as_agreed,
            only_assertions_that_hold_buy_tokens,
            only_trusted_issuers_are_believed,
            sec_m05_users_that_may_not_have_tokens_look_like_unknown_ones,
            sec_e15_an_assertion_gives_no_id_token_and_no_refresh_token,
            sec_e16_assertions_are_off_unless_registered
    ]
}

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const ISSUER: &str = "https://idp.example.com";
const BRIDGE: &str = "bridge";

async fn trust(app: &TestApp, subject: TrustedSubject) -> SigningKey {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let metadata = json!({"application_type": "service", "grant_types": [JWT_BEARER]});
    fixtures::client(&app.app, BRIDGE, metadata, Some(SECRET)).await;
    let tx = app.app.db.begin_write().await.unwrap();
    let id = AuthorizationServerId::new("default");
    let mut server = store::server::find_in(&tx, &id).await.unwrap().unwrap().server;
    server.settings.trusted_issuers = vec![TrustedIssuer {
        issuer: ISSUER.to_owned(),
        jwks: Some(json!({"keys": [key.public_jwk()]})),
        jwks_uri: None,
        subject,
    }];
    store::server::update(&tx, &server).await.unwrap();
    tx.commit().await.unwrap();
    app.app.forget_configuration();
    key
}

fn assertion(app: &TestApp, changes: &Value) -> Value {
    let now = app.app.now().unix_timestamp();
    let claims = json!({
        "iss": ISSUER,
        "sub": ALICE,
        "aud": app.url("/oauth2/default"),
        "iat": now,
        "exp": now + 300,
        "jti": opaque_token(&SystemRandom).expose(),
    });
    changed(claims, changes)
}

async fn present(app: &TestApp, assertion: &str, scope: &str) -> Response {
    app.token(BRIDGE, &[("grant_type", JWT_BEARER), ("assertion", assertion), ("scope", scope)]).await
}

#[track_caller]
fn refused(response: &Response, error: &str) {
    let code = response.json()["error"].as_str().map(ToOwned::to_owned);
    assert_eq!((response.status, code.as_deref()), (400, Some(error)), "{}", response.text());
}

/// RFC 7523 §2.1: nobody signed in here, so nothing is said of how and when.
async fn a_trusted_issuer_speaks_for_a_user_and_tokens_say_no_more_than_that(app: TestApp) {
    let key = trust(&app, TrustedSubject::Login).await;
    for audience in [app.url("/oauth2/default"), app.url("/oauth2/default/v1/token")] {
        let signed = key.sign_jwt(Some("JWT"), &assertion(&app, &json!({"aud": audience}))).unwrap();
        let response = present(&app, &signed, "car:drive").await;
        assert_eq!(response.status, 200, "{}", response.text());
        let body = response.json();
        assert_eq!(body["scope"], "car:drive");
        assert!(body.get("id_token").is_none() && body.get("refresh_token").is_none());
        let token = body["access_token"].as_str().unwrap();
        let said = claims(token);
        assert_eq!((&said["sub"], &said["cid"]), (&json!(ALICE), &json!(BRIDGE)));
        for unearned in ["auth_time", "acr", "amr", "sid"] {
            assert!(said.get(unearned).is_none(), "{unearned}");
        }
        let active = app.introspect(token).await;
        assert_eq!((&active["active"], &active["username"]), (&json!(true), &json!(ALICE)));
    }
}

/// An assertion says nothing of factors: where two are wanted, or nobody at all, it buys nothing.
async fn policy_that_wants_two_factors_believes_no_assertion(app: TestApp) {
    let key = trust(&app, TrustedSubject::Login).await;
    let ask = async || {
        let signed = key.sign_jwt(None, &assertion(&app, &json!({}))).unwrap();
        present(&app, &signed, "car:drive").await
    };
    for rule in ["factor_mode: 2FA", "access: DENY"] {
        app.seed(&format!(
            "authentication_policies: [{{name: B, clients: [{BRIDGE}], rules: [{{name: All, {rule}}}]}}]\n"
        ))
        .await;
        refused(&ask().await, "invalid_grant");
    }
    app.seed("authentication_policies: [{name: B, clients: [], rules: []}]\n").await;
    assert_eq!(ask().await.status, 200);
    app.seed("authorization_servers: [{id: default, scopes: [{name: \"car:drive\", sensitive: true}]}]\n")
        .await;
    refused(&ask().await, "invalid_grant");
}

/// What `sub` is was agreed with the issuer: a login is no id.
async fn the_subject_is_a_login_or_an_id_as_agreed(app: TestApp) {
    let key = trust(&app, TrustedSubject::Id).await;
    let login = LoginKey::normalize(ALICE).unwrap();
    let alice = store::user::find_by_login(&app.app.db, login.as_str()).await.unwrap().unwrap();
    let ask = async |sub: &str| {
        let signed = key.sign_jwt(None, &assertion(&app, &json!({"sub": sub}))).unwrap();
        present(&app, &signed, "car:drive").await
    };
    assert_eq!(ask(alice.id.as_str()).await.status, 200);
    refused(&ask(ALICE).await, "invalid_grant");
}

/// RFC 7523 §3: each rule broken alone.
async fn only_assertions_that_hold_buy_tokens(app: TestApp) {
    let key = trust(&app, TrustedSubject::Login).await;
    let now = app.app.now().unix_timestamp();
    for changes in [
        json!({"exp": null}),
        json!({"exp": now}),
        json!({"exp": now + 362}),
        json!({"exp": "soon"}),
        json!({"iat": now + 100}),
        json!({"nbf": now + 100}),
        json!({"aud": null}),
        json!({"aud": app.issuer}),
        json!({"aud": [app.url("/oauth2/default"), "https://evil.example"]}),
        json!({"aud": []}),
        json!({"aud": app.url("/oauth2/default/")}),
        json!({"jti": null}),
        json!({"jti": ""}),
        json!({"jti": 7}),
        json!({"sub": null}),
        json!({"sub": ""}),
        json!({"iss": null}),
    ] {
        let signed = key.sign_jwt(None, &assertion(&app, &changes)).unwrap();
        let answer = present(&app, &signed, "car:drive").await;
        assert_eq!(answer.json()["error"], "invalid_grant", "{changes}: {}", answer.text());
    }
    let claims = assertion(&app, &json!({}));
    let other = SigningKey::generate(Algorithm::Es256).unwrap();
    refused(&present(&app, &other.sign_jwt(None, &claims).unwrap(), "car:drive").await, "invalid_grant");
    for typ in ["at+jwt", "logout+jwt", "dpop+jwt"] {
        let signed = key.sign_jwt(Some(typ), &claims).unwrap();
        refused(&present(&app, &signed, "car:drive").await, "invalid_grant");
    }
    // RFC 8725 §3.1: a public key is no secret.
    let mac = MacKey::new(MacAlgorithm::Hs256, key.public_jwk().to_string().as_bytes()).unwrap();
    refused(&present(&app, &mac.sign_jwt(None, &claims).unwrap(), "car:drive").await, "invalid_grant");
    for nonsense in ["x", "x.y.z", "e30.e30."] {
        refused(&present(&app, nonsense, "car:drive").await, "invalid_grant");
    }
    // Nothing of all that used the assertion up.
    assert_eq!(present(&app, &key.sign_jwt(None, &claims).unwrap(), "car:drive").await.status, 200);
}

/// Trust is per authorization server; our own tokens are nobody's assertions.
async fn only_trusted_issuers_are_believed(app: TestApp) {
    let key = trust(&app, TrustedSubject::Login).await;
    let signed = key.sign_jwt(None, &assertion(&app, &json!({"iss": "https://evil.example"}))).unwrap();
    refused(&present(&app, &signed, "car:drive").await, "invalid_grant");
    let tokens = app.tokens(WEB, "openid car:drive", ALICE).await;
    for name in ["access_token", "id_token"] {
        refused(&present(&app, tokens[name].as_str().unwrap(), "car:drive").await, "invalid_grant");
    }
    let signed = key.sign_jwt(None, &assertion(&app, &json!({}))).unwrap();
    let form = [("grant_type", JWT_BEARER), ("assertion", signed.as_str()), ("scope", "openid")];
    refused(&app.token_at("org", BRIDGE, &form).await, "unsupported_grant_type");
}

/// RFC 7523 §3 rule 7: 16 at the same moment, on every database, and once more later.
async fn sec_m05_an_assertion_is_used_once(app: TestApp) {
    let key = trust(&app, TrustedSubject::Login).await;
    let signed = key.sign_jwt(None, &assertion(&app, &json!({}))).unwrap();
    const TRIES: usize = 16;
    let barrier = Arc::new(Barrier::new(TRIES));
    let tasks: Vec<_> = (0..TRIES)
        .map(|_| {
            let (barrier, client, signed) = (Arc::clone(&barrier), app.client(), signed.clone());
            tokio::spawn(async move {
                let form =
                    [("grant_type", JWT_BEARER), ("assertion", signed.as_str()), ("scope", "car:drive")];
                barrier.wait().await;
                let request = client.request(Method::POST, "/oauth2/default/v1/token").basic(BRIDGE, SECRET);
                request.form(&form).send().await
            })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        let response = task.await.unwrap();
        match response.status {
            200 => won += 1,
            _ => refused(&response, "invalid_grant"),
        }
    }
    assert_eq!(won, 1);
    refused(&present(&app, &signed, "car:drive").await, "invalid_grant");
}

/// The answer does not tell whether somebody exists.
async fn sec_m05_users_that_may_not_have_tokens_look_like_unknown_ones(app: TestApp) {
    let key = trust(&app, TrustedSubject::Login).await;
    let ask = async |sub: &str| {
        let signed = key.sign_jwt(None, &assertion(&app, &json!({"sub": sub}))).unwrap();
        present(&app, &signed, "car:drive").await
    };
    let unknown = ask("nobody@example.com").await;
    let login = LoginKey::normalize(ALICE).unwrap();
    let mut alice = store::user::find_by_login(&app.app.db, login.as_str()).await.unwrap().unwrap();
    alice.status = UserStatus::Suspended;
    let tx = app.app.db.begin_write().await.unwrap();
    store::user::update(&tx, &alice, login.as_str()).await.unwrap();
    tx.commit().await.unwrap();
    let suspended = ask(ALICE).await;
    refused(&suspended, "invalid_grant");
    assert_eq!(suspended.body, unknown.body);
}

/// An ID token tells of a sign-in that did not happen here; without one there is nothing to stay signed in to.
async fn sec_e15_an_assertion_gives_no_id_token_and_no_refresh_token(app: TestApp) {
    let key = trust(&app, TrustedSubject::Login).await;
    for scope in ["openid", "car:drive offline_access", "car:drive device_sso", "no-such-scope"] {
        let signed = key.sign_jwt(None, &assertion(&app, &json!({}))).unwrap();
        let answer = present(&app, &signed, scope).await;
        if scope.contains("offline_access") && answer.status == 200 {
            // A client that cannot refresh is not given what it could not use.
            assert_eq!(answer.json()["scope"], "car:drive");
        } else {
            refused(&answer, "invalid_scope");
        }
    }
}

/// Off for clients that are not registered for it, whoever signs.
async fn sec_e16_assertions_are_off_unless_registered(app: TestApp) {
    let key = trust(&app, TrustedSubject::Login).await;
    let signed = key.sign_jwt(None, &assertion(&app, &json!({}))).unwrap();
    let form = [("grant_type", JWT_BEARER), ("assertion", signed.as_str()), ("scope", "car:drive")];
    refused(&app.token(WEB, &form).await, "unauthorized_client");
    refused(&app.token(fixtures::SERVICE, &form).await, "unauthorized_client");
}
