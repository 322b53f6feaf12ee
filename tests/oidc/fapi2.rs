//! Clients of the FAPI 2.0 Security Profile at the token endpoint.

use keys::{Algorithm, SigningKey};
use serde_json::{Value, json};
use stepgate::protocol::client_metadata::ClientMetadata;

use crate::support::{
    Test, TestApp,
    assertion::{present, present_proving},
    certificate::{Authority, Issued},
    dpop::{ProofKey, TOKEN},
    fixtures::{self, ALICE, REDIRECT_URI},
    http::{Browser, Client, Tls, ok},
    op::{answer, claims, code_form},
    par::request_uri,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![sqlite:
        oidc_v1_every_grant_needs_a_sender_constrained_token,
        oidc_v1_a_certificate_constrains_tokens_as_well;
    plain:
        oidc_v1_only_confidential_clients_with_strong_authentication_are_registered;
    ]
}

const FAPI: &str = "fapi";

fn metadata(more: &Value) -> Value {
    let mut metadata = json!({
        "profile": "fapi2",
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types": ["code"],
        "id_token_signed_response_alg": "ES256",
    });
    metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    metadata
}

/// FAPI 2.0 Security Profile §5.3.2.1: code, refresh and client credentials; no bearer tokens.
async fn oidc_v1_every_grant_needs_a_sender_constrained_token(app: TestApp) {
    let (key, proofs) = (SigningKey::generate(Algorithm::Es256).unwrap(), ProofKey::new());
    let more = json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [key.public_jwk()]}});
    fixtures::client(&app.app, FAPI, metadata(&more), None).await;
    let sign = || key.sign_jwt(None, &app.assertion_claims(FAPI, app.url("/oauth2/default"))).unwrap();
    let refused = async |form: &[(&str, &str)]| {
        let response = present(&app.client(), TOKEN, &sign(), form).await;
        assert_eq!((response.status, response.json()["error"].clone()), (400, json!("invalid_dpop_proof")));
    };
    let granted = async |form: &[(&str, &str)]| {
        let proof = proofs.for_token(&app);
        let tokens = ok(&present_proving(&app.client(), TOKEN, (&sign(), &proof), form).await);
        assert_eq!(tokens["token_type"], "DPoP");
        assert_eq!(claims(tokens["access_token"].as_str().unwrap())["cnf"]["jkt"], proofs.jkt());
        tokens
    };
    let form = [("grant_type", "client_credentials"), ("scope", "api")];
    refused(&form).await;
    granted(&form).await;
    let pushed = app.push_by_assertion(FAPI, &key, &[("scope", "openid offline_access")]).await;
    let mut browser = Browser::new();
    app.sign_in(&mut browser, &app.pushed_url(FAPI, &request_uri(&pushed)), ALICE).await;
    let code = answer(&browser)["code"].clone();
    let form = code_form(&code);
    refused(&form).await;
    let tokens = granted(&form).await;
    let form =
        [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
    refused(&form).await;
    granted(&form).await;
}

/// RFC 8705 §3 in place of DPoP: the certificate that authenticates binds the tokens, too.
async fn oidc_v1_a_certificate_constrains_tokens_as_well(app: TestApp) {
    let authority = Authority::new();
    let node = app.mtls_node(&authority).await;
    let own = Issued::by_itself(FAPI);
    let more = json!({
        "token_endpoint_auth_method": "self_signed_tls_client_auth",
        "jwks": {"keys": [own.jwk()]},
    });
    fixtures::client(&app.app, FAPI, metadata(&more), None).await;
    let base = format!("https://localhost:{}", node.address.port());
    let client =
        Client::with_tls(&base, &Tls { authority: Some(authority.pem()), identity: Some(own.identity()) });
    let form = [("grant_type", "client_credentials"), ("scope", "api"), ("client_id", FAPI)];
    let tokens = ok(&client.post_form(TOKEN, &form).await);
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(claims(tokens["access_token"].as_str().unwrap())["cnf"]["x5t#S256"], own.thumbprint());
}

/// FAPI 2.0 Security Profile §5.3.2.1, §5.4.1
fn oidc_v1_only_confidential_clients_with_strong_authentication_are_registered() {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let jwks = json!({"keys": [key.public_jwk()]});
    let verdict = |more: Value| {
        serde_json::from_value::<ClientMetadata>(metadata(&more)).unwrap().with_defaults().validate()
    };
    for more in [
        json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": jwks}),
        json!({"token_endpoint_auth_method": "self_signed_tls_client_auth", "jwks": jwks}),
        json!({"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_dns": "rp.example"}),
    ] {
        assert_eq!(verdict(more.clone()), Ok(()), "{more}");
    }
    for (more, member) in [
        (json!({"token_endpoint_auth_method": "client_secret_basic"}), "token_endpoint_auth_method"),
        (json!({"token_endpoint_auth_method": "client_secret_jwt"}), "token_endpoint_auth_method"),
        (
            json!({"token_endpoint_auth_method": "none", "grant_types": ["authorization_code"]}),
            "token_endpoint_auth_method",
        ),
        (
            json!({
                "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks,
                "token_endpoint_auth_signing_alg": "RS256",
            }),
            "token_endpoint_auth_signing_alg",
        ),
        (
            json!({
                "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks,
                "request_object_signing_alg": "RS256",
            }),
            "request_object_signing_alg",
        ),
    ] {
        assert_eq!(verdict(more.clone()).unwrap_err().member, member, "{more}");
    }
}
