//! Authorization responses as JWTs (JARM; FAPI 2.0 Message Signing §5.4), by the ids of the checklists: V3, G1, A14.

use keys::{Algorithm, Limits, SigningKey, VerifyingKey};
use serde_json::{Value, json};

use crate::{
    security::assert_page,
    support::{
        Test, TestApp,
        fixtures::{self, ALICE, PASSWORD, REDIRECT_URI, SECRET},
        http::Browser,
        op::{answer, sign_in_on},
        par::request_uri,
        response::{Answer, must_receive},
    },
};

pub(crate) fn trials() -> Vec<Test> {
    trials![sqlite:
        oidc_v3_one_parameter_holds_the_whole_response,
        oidc_v3_a_fapi2_client_gets_strong_signatures,
        oidc_d11_the_modes_are_advertised,
        sec_g01_iss_is_inside_the_jwt_and_nowhere_else,
        sec_a14_signed_modes_obey_the_rules_of_the_others
    ]
}

const CLIENT: &str = "jarm";

async fn register(app: &TestApp, more: &Value) {
    let mut metadata = json!({
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code", "implicit"],
        "response_types": ["code", "id_token", "code id_token"],
    });
    metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fixtures::client(&app.app, CLIENT, metadata, Some(SECRET)).await;
}

/// The claims of a response whose signature was verified by a published key; it is the only parameter.
async fn opened(app: &TestApp, answer: &Answer, algorithm: Algorithm) -> Value {
    assert_eq!(answer.keys().collect::<Vec<_>>(), ["response"], "{answer:?}");
    let token = keys::parse(&answer["response"], &Limits::default()).unwrap();
    let kid = token.header().kid().expect("a kid");
    let jwks = app.client().get("/oauth2/default/v1/keys").await.json();
    let jwk = jwks["keys"].as_array().unwrap().iter().find(|jwk| jwk["kid"] == kid).unwrap();
    let claims = VerifyingKey::from_jwk(jwk, algorithm).unwrap().verify(&token).unwrap();
    Value::Object(claims.into_map())
}

/// V3: success and errors, in the place that the mode names (JARM §2.1, §2.3).
async fn oidc_v3_one_parameter_holds_the_whole_response(app: TestApp) {
    register(&app, &json!({"authorization_signed_response_alg": "ES256"})).await;
    let mut browser = Browser::new();
    for (mode, response_type) in [
        ("jwt", "code"),
        ("query.jwt", "code"),
        ("fragment.jwt", "code"),
        ("form_post.jwt", "code"),
        ("jwt", "id_token"),
        ("jwt", "code id_token"),
        ("form_post.jwt", "code id_token"),
    ] {
        for scope in ["openid", "nothing"] {
            let more = [("response_mode", mode), ("response_type", response_type), ("scope", scope)];
            let mut page = browser.open(&app.authorize_url(CLIENT, &more)).await;
            if page.body_contains("login-page") {
                page = sign_in_on(&mut browser, &page, ALICE, PASSWORD).await;
            }
            let answer = must_receive(&browser, &page);
            let in_query = browser.url().query().is_some_and(|query| query.contains("response="));
            assert_eq!(in_query, mode.starts_with("query") || (mode == "jwt" && response_type == "code"));
            let claims = opened(&app, &answer, Algorithm::Es256).await;
            let now = app.app.now().unix_timestamp();
            assert_eq!((&claims["aud"], &claims["state"]), (&json!(CLIENT), &json!("a-state")));
            assert_eq!(claims["iss"], app.url("/oauth2/default"));
            let ends = claims["exp"].as_i64().unwrap();
            assert!(ends > now && ends <= now + 600, "{claims}");
            if scope == "nothing" {
                assert_eq!(claims["error"], "invalid_scope");
                assert!(claims.get("code").is_none());
                continue;
            }
            assert_eq!(claims.get("id_token").is_some(), response_type.contains("id_token"));
            if let Some(code) = claims.get("code") {
                assert_eq!(app.redeem(CLIENT, code.as_str().unwrap()).await.status, 200);
            }
        }
    }
    // A refusal by the user is inside, too.
    let mut browser = Browser::new();
    let page = browser.open(&app.authorize_url(CLIENT, &[("response_mode", "jwt")])).await;
    let page = browser.submit(&page.form("login-form").press("cancel")).await;
    let claims = opened(&app, &must_receive(&browser, &page), Algorithm::Es256).await;
    assert_eq!(claims["error"], "access_denied");
}

/// V3: FAPI 2.0 Security Profile §5.4.1: no RSASSA-PKCS1-v1_5, also where the client registered nothing.
async fn oidc_v3_a_fapi2_client_gets_strong_signatures(app: TestApp) {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let more = json!({
        "profile": "fapi2",
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [key.public_jwk()]},
    });
    register(&app, &more).await;
    let name = request_uri(&app.push_by_assertion(CLIENT, &key, &[("response_mode", "jwt")]).await);
    let mut browser = Browser::new();
    let page = browser.open(&app.pushed_url(CLIENT, &name)).await;
    let page = sign_in_on(&mut browser, &page, ALICE, PASSWORD).await;
    let claims = opened(&app, &must_receive(&browser, &page), Algorithm::Es256).await;
    assert!(claims["code"].is_string(), "{claims}");
    for (member, alg) in
        [("authorization_signed_response_alg", "RS256"), ("authorization_signed_response_alg", "none")]
    {
        let metadata = json!({"redirect_uris": [REDIRECT_URI], "profile": "fapi2", member: alg,
            "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [key.public_jwk()]}});
        let metadata: stepgate::protocol::client_metadata::ClientMetadata =
            serde_json::from_value(metadata).unwrap();
        assert_eq!(metadata.with_defaults().validate().unwrap_err().member, member, "{alg}");
    }
}

/// D11: JARM §4.
async fn oidc_d11_the_modes_are_advertised(app: TestApp) {
    let metadata = app.client().get("/oauth2/default/.well-known/openid-configuration").await.json();
    let modes = metadata["response_modes_supported"].as_array().unwrap();
    for mode in ["jwt", "query.jwt", "fragment.jwt", "form_post.jwt"] {
        assert!(modes.contains(&json!(mode)), "{mode}");
    }
    let algorithms = metadata["authorization_signing_alg_values_supported"].as_array().unwrap();
    assert!(algorithms.contains(&json!("ES256")) && !algorithms.contains(&json!("none")));
}

/// G1: RFC 9207 §2.4: a signed `iss` beside an unsigned one would be two opinions.
async fn sec_g01_iss_is_inside_the_jwt_and_nowhere_else(app: TestApp) {
    register(&app, &json!({})).await;
    let mut browser = Browser::new();
    for more in [("prompt", "none"), ("scope", "nothing")] {
        browser.open(&app.authorize_url(CLIENT, &[("response_mode", "jwt"), more])).await;
        let claims = opened(&app, &answer(&browser), Algorithm::Rs256).await;
        assert_eq!(claims["iss"], app.url("/oauth2/default"));
    }
}

/// A14: the same check of the redirect URI, and no token in a query (CVE-2023-6134; JARM §2.3.1).
async fn sec_a14_signed_modes_obey_the_rules_of_the_others(app: TestApp) {
    register(&app, &json!({})).await;
    let mut browser = Browser::new();
    for mode in ["jwt", "query.jwt", "fragment.jwt", "form_post.jwt"] {
        let more = [("response_mode", mode), ("redirect_uri", "https://evil.example/")];
        assert_page(&browser.open(&app.authorize_url(CLIENT, &more)).await, "invalid_redirect_uri");
    }
    let more = [("response_mode", "query.jwt"), ("response_type", "id_token")];
    browser.open(&app.authorize_url(CLIENT, &more)).await;
    assert_eq!(browser.url().query(), None, "{}", browser.url());
    assert!(browser.url().fragment().unwrap().starts_with("error=unsupported_response_mode"));
    for mode in ["JWT", "okta_post_message.jwt", "jwt "] {
        browser.open(&app.authorize_url(CLIENT, &[("response_mode", mode)])).await;
        assert_eq!(answer(&browser)["error"], "invalid_request", "{mode}");
    }
}
