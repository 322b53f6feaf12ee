//! Introspection answers as signed JWTs: RFC 9701.

use http::Method;
use keys::{Algorithm, Limits, VerifyingKey};
use serde_json::{Value, json};

use crate::{
    security::assert_refused,
    support::{
        Test, TestApp,
        assertion::present,
        fixtures::{self, ALICE, MACHINE, SECRET, SERVICE, WEB},
        http::Response,
        op::claims,
    },
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        sqlite:
            an_answer_is_signed_for_its_caller,
            a_caller_that_registered_an_algorithm_gets_a_jwt,
            what_accept_names_wins,
            metadata_names_the_algorithms,
            sec_k02_a_signed_answer_about_an_inactive_token_has_one_member,
            sec_k02_anonymous_callers_get_no_signature,
            sec_k03_an_answer_is_not_an_access_token,
            sec_k03_an_answer_is_not_an_assertion_nor_a_hint,
    ]
}

const ENDPOINT: &str = "/oauth2/default/v1/introspect";
const MEDIA_TYPE: &str = "application/token-introspection+jwt";

async fn ask(app: &TestApp, caller: &str, accept: &str, token: &str) -> Response {
    let request = app.client().request(Method::POST, ENDPOINT).basic(caller, SECRET);
    let response = request.header("accept", accept).form(&[("token", token)]).send().await;
    assert_eq!(response.status, 200, "{}", response.text());
    response
}

async fn signed(app: &TestApp, caller: &str, token: &str) -> String {
    let response = ask(app, caller, MEDIA_TYPE, token).await;
    assert_eq!(response.header("content-type"), Some(MEDIA_TYPE));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    response.text().to_owned()
}

async fn access_token(app: &TestApp) -> String {
    app.tokens(WEB, "openid car:drive", ALICE).await["access_token"].as_str().unwrap().to_owned()
}

/// RFC 9701 §5: `typ`, `iss`, `aud` = the caller, `iat`, and the answer of RFC 7662 inside; §8.1: no `sub`, no `exp`.
async fn an_answer_is_signed_for_its_caller(app: TestApp) {
    let token = access_token(&app).await;
    let jwt = signed(&app, SERVICE, &token).await;
    let parsed = keys::parse(&jwt, &Limits::default()).unwrap();
    assert_eq!((parsed.header().typ(), parsed.header().alg()), (Some("token-introspection+jwt"), "RS256"));
    let published = app.client().get("/oauth2/default/v1/keys").await.json();
    let published = published["keys"].as_array().unwrap().clone();
    let key = published.iter().find(|key| key["kid"].as_str() == parsed.header().kid()).unwrap();
    let told = VerifyingKey::from_jwk(key, Algorithm::Rs256).unwrap().verify(&parsed).unwrap();
    assert_eq!(told["iss"], app.url("/oauth2/default"));
    assert_eq!(told["aud"], SERVICE);
    assert!((told["iat"].as_i64().unwrap() - app.app.now().unix_timestamp()).abs() < 5);
    assert!(told.get("sub").is_none() && told.get("exp").is_none() && told.get("jti").is_none());
    assert_eq!(told["token_introspection"], app.introspect(&token).await);
    assert_eq!(told["token_introspection"]["active"], true);
}

async fn registered(app: &TestApp, alg: &str) {
    let metadata = json!({
        "application_type": "service",
        "grant_types": ["client_credentials"],
        "introspect": "server",
        "introspection_signed_response_alg": alg,
    });
    fixtures::client(&app.app, "reader", metadata, Some(SECRET)).await;
}

/// RFC 9701 §6.
async fn a_caller_that_registered_an_algorithm_gets_a_jwt(app: TestApp) {
    registered(&app, "ES256").await;
    let token = access_token(&app).await;
    let response = ask(&app, "reader", "*/*", &token).await;
    assert_eq!(response.header("content-type"), Some(MEDIA_TYPE));
    let parsed = keys::parse(response.text(), &Limits::default()).unwrap();
    assert_eq!(parsed.header().alg(), "ES256");
    assert_eq!(claims(response.text())["aud"], "reader");
}

/// RFC 9701 §4; RFC 9110 §12.5.1.
async fn what_accept_names_wins(app: TestApp) {
    registered(&app, "ES256").await;
    let token = access_token(&app).await;
    for (caller, accept, jwt) in [
        ("reader", "application/json", false),
        ("reader", "text/html", true),
        ("reader", "Application/Token-Introspection+JWT;q=0.9, application/json", true),
        (SERVICE, "*/*", false),
        (SERVICE, "application/json, */*", false),
        (SERVICE, "application/jwt", false),
        (SERVICE, "application/json;q=0.1,application/token-introspection+jwt", true),
    ] {
        let response = ask(&app, caller, accept, &token).await;
        assert_eq!(response.header("content-type") == Some(MEDIA_TYPE), jwt, "{caller} {accept}");
    }
}

/// RFC 9701 §7.
async fn metadata_names_the_algorithms(app: TestApp) {
    for document in ["openid-configuration", "oauth-authorization-server"] {
        let metadata = app.client().get(&format!("/oauth2/default/.well-known/{document}")).await.json();
        assert_eq!(metadata["introspection_signing_alg_values_supported"], json!(["RS256", "ES256"]));
    }
}

/// RFC 7662 §2.2, RFC 9701 §5: also when it is signed, an answer about a token that does not count, or that the caller may
/// not know, has no other member (CVE-2026-37979, CVE-2024-47077).
async fn sec_k02_a_signed_answer_about_an_inactive_token_has_one_member(app: TestApp) {
    let token = access_token(&app).await;
    for (caller, token) in [(MACHINE, token.as_str()), (SERVICE, "unknown"), (SERVICE, "a.b.c")] {
        let told = claims(&signed(&app, caller, token).await);
        assert_eq!(told["token_introspection"], json!({"active": false}), "{caller}");
        let mut members: Vec<&String> = told.as_object().unwrap().keys().collect();
        members.sort();
        assert_eq!(members, ["aud", "iat", "iss", "token_introspection"]);
    }
    app.clock.advance(3601);
    let told = claims(&signed(&app, SERVICE, &token).await);
    assert_eq!(told["token_introspection"], json!({"active": false}));
}

/// RFC 9701 §4: the caller authenticates; a refusal is JSON.
async fn sec_k02_anonymous_callers_get_no_signature(app: TestApp) {
    let token = access_token(&app).await;
    let request = app.client().request(Method::POST, ENDPOINT).header("accept", MEDIA_TYPE);
    assert_refused(&request.form(&[("token", &token)]).send().await, 401, "invalid_client");
    let request = app.client().request(Method::POST, ENDPOINT).basic(SERVICE, "wrong");
    let request = request.header("accept", MEDIA_TYPE).form(&[("token", &token)]);
    assert_refused(&request.send().await, 401, "invalid_client");
}

/// RFC 9701 §8.1: it opens nothing, though the same key signed it.
async fn sec_k03_an_answer_is_not_an_access_token(app: TestApp) {
    let jwt = signed(&app, SERVICE, &access_token(&app).await).await;
    assert_eq!(app.userinfo(&jwt).await.status, 401);
    assert_eq!(app.introspect(&jwt).await, json!({"active": false}));
    let request = app.client().request(Method::POST, "/oauth2/default/v1/revoke").basic(SERVICE, SECRET);
    assert_eq!(request.form(&[("token", &jwt)]).send().await.status, 200);
}

/// RFC 9701 §8.1, RFC 8725 §3.11: neither a client assertion nor an ID token.
async fn sec_k03_an_answer_is_not_an_assertion_nor_a_hint(app: TestApp) {
    let jwt = signed(&app, SERVICE, &access_token(&app).await).await;
    let form = [("grant_type", "client_credentials"), ("scope", "car:drive")];
    let refused = present(&app.client(), "/oauth2/default/v1/token", &jwt, &form).await;
    assert_refused(&refused, 401, "invalid_client");
    // A JWT of this type is no assertion even if the client signed it itself, about itself.
    let key = keys::SigningKey::generate(Algorithm::Es256).unwrap();
    let metadata = json!({
        "application_type": "service",
        "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [key.public_jwk()]},
    });
    fixtures::client(&app.app, "signer", metadata, None).await;
    let claims: Value = app.assertion_claims("signer", app.url("/oauth2/default"));
    for (typ, status) in [(Some("token-introspection+jwt"), 401), (None, 200)] {
        let assertion = key.sign_jwt(typ, &claims).unwrap();
        let response = present(&app.client(), "/oauth2/default/v1/token", &assertion, &form).await;
        assert_eq!(response.status, status, "{typ:?}: {}", response.text());
    }
    let mut browser = crate::support::http::Browser::new();
    browser.open(&app.authorize_url(WEB, &[("id_token_hint", &jwt)])).await;
    assert_eq!(crate::support::op::answer(&browser)["error"], "invalid_request");
}
