//! Userinfo as a signed JWT: OpenID Connect Core §5.3.2, Registration §2.

use keys::{Algorithm, Limits, VerifyingKey};
use serde_json::{Value, json};

use crate::support::{
    Test, TestApp,
    fixtures::{self, ALICE, REDIRECT_URI, SECRET},
    http::{Browser, Response},
    op::{answer, claims},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        sqlite:
            oidc_u2_signed_userinfo_is_a_jwt_for_the_client,
            oidc_u2_it_is_neither_an_id_token_nor_an_access_token,
            oidc_d8_metadata_names_the_algorithms;
        plain: only_algorithms_with_a_key_pair_are_registered;
    ]
}

/// A client that wants its userinfo signed.
async fn client(app: &TestApp, alg: &str) {
    let metadata = json!({
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "userinfo_signed_response_alg": alg,
    });
    fixtures::client(&app.app, "signed", metadata, Some(SECRET)).await;
}

async fn userinfo(app: &TestApp) -> (Value, Response) {
    let tokens = app.tokens("signed", "openid email", ALICE).await;
    let response = app.userinfo(tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(response.status, 200, "{}", response.text());
    (tokens, response)
}

/// Core §5.3.2: `application/jwt`, signed by the registered algorithm, with `iss`, `aud` and `sub`; no `nonce`.
async fn oidc_u2_signed_userinfo_is_a_jwt_for_the_client(app: TestApp) {
    let published = app.client().get("/oauth2/default/v1/keys").await.json();
    for (alg, algorithm) in [("RS256", Algorithm::Rs256), ("ES256", Algorithm::Es256)] {
        client(&app, alg).await;
        let (tokens, response) = userinfo(&app).await;
        assert_eq!(response.header("content-type"), Some("application/jwt"));
        assert_eq!(response.header("cache-control"), Some("no-store"));
        let jwt = keys::parse(response.text(), &Limits::default()).unwrap();
        let keys = published["keys"].as_array().unwrap();
        let key = keys.iter().find(|key| key["kid"].as_str() == jwt.header().kid()).unwrap();
        let told = VerifyingKey::from_jwk(key, algorithm).unwrap().verify(&jwt).unwrap();
        let id_token = claims(tokens["id_token"].as_str().unwrap());
        assert_eq!((&told["sub"], &told["iss"]), (&id_token["sub"], &id_token["iss"]));
        assert_eq!((&told["aud"], &told["email"]), (&json!("signed"), &json!(ALICE)));
        assert_eq!(told.get("nonce"), None);
    }
}

/// RFC 8725 §3.12: one kind of JWT does not pass for another.
async fn oidc_u2_it_is_neither_an_id_token_nor_an_access_token(app: TestApp) {
    client(&app, "RS256").await;
    let (_, response) = userinfo(&app).await;
    let jwt = response.text();
    assert_eq!(app.userinfo(jwt).await.status, 401);
    assert_eq!(app.introspect(jwt).await, json!({"active": false}));
    let mut browser = Browser::new();
    browser.open(&app.authorize_url("signed", &[("id_token_hint", jwt)])).await;
    assert_eq!(answer(&browser)["error"], "invalid_request");
}

/// Discovery §3.
async fn oidc_d8_metadata_names_the_algorithms(app: TestApp) {
    let metadata = app.client().get("/oauth2/default/.well-known/openid-configuration").await.json();
    let algorithms = metadata["userinfo_signing_alg_values_supported"].as_array().unwrap();
    assert!(algorithms.contains(&json!("RS256")) && !algorithms.contains(&json!("none")));
}

/// I6: nothing is unsigned in the name of a signature.
fn only_algorithms_with_a_key_pair_are_registered() {
    use stepgate::protocol::client_metadata::ClientMetadata;
    for member in ["userinfo_signed_response_alg", "introspection_signed_response_alg"] {
        for (alg, fine) in [("RS256", true), ("EdDSA", true), ("none", false), ("HS256", false), ("x", false)]
        {
            let metadata = json!({"redirect_uris": [REDIRECT_URI], member: alg});
            let metadata = serde_json::from_value::<ClientMetadata>(metadata).unwrap().with_defaults();
            assert_eq!(
                metadata.validate().map_err(|error| error.member),
                if fine { Ok(()) } else { Err(member) }
            );
        }
    }
}
