//! Transport, metadata and keys as certification testers look at them (sections 1 to 3 of the conformance checklist).

use std::collections::BTreeSet;

use http::Method;
use keys::{Algorithm, SigningKey, Timing};
use serde_json::{Value, json};
use stepgate::{id::AuthorizationServerId, signing_key};

use crate::support::{
    Test, TestApp,
    app::Change,
    fixtures::{self, ALICE, PASSWORD, SECRET, WEB},
    http::Browser,
    op::{base, claims},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![sqlite:
        oidc_t1_every_endpoint_of_an_https_issuer_is_https,
        oidc_t3_token_responses_are_json_that_nobody_keeps,
        oidc_t4_error_texts_hold_no_input_and_no_odd_characters,
        oidc_t5_unknown_parameters_are_ignored_and_repeated_ones_refused,
        oidc_t10_redirects_after_credentials_are_303,
        oidc_d4_refresh_tokens_are_issued_and_advertised,
        oidc_d5_metadata_members_are_registered_ones_of_their_types,
        oidc_d10_the_end_session_endpoint_is_advertised,
        oidc_k1_the_jwk_set_holds_public_keys_with_names_of_their_own,
        oidc_k3_a_rotation_brings_a_new_key_and_keeps_the_old_one,
        oidc_k4_a_registered_key_needs_no_name,
        oidc_i2_at_hash_is_the_left_half_of_the_access_tokens_hash,
    ]
}

/// Discovery §3: with an https issuer, every endpoint and the key set are https.
async fn oidc_t1_every_endpoint_of_an_https_issuer_is_https(app: TestApp) {
    let change = Change {
        settings: Some(|settings| "https://id.example.com".clone_into(&mut settings.issuer)),
        ..Change::default()
    };
    let app = app.restart(change).await;
    for path in
        ["/.well-known/openid-configuration", "/oauth2/default/.well-known/oauth-authorization-server"]
    {
        let answer = app.client().request(Method::GET, path).header("host", "id.example.com").send().await;
        let metadata = answer.json();
        let urls: Vec<&str> = metadata
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| name.ends_with("_endpoint") || *name == "jwks_uri" || *name == "issuer")
            .map(|(_, value)| value.as_str().unwrap())
            .collect();
        assert!(
            urls.len() >= 6 && urls.iter().all(|url| url.starts_with("https://id.example.com")),
            "{urls:?}"
        );
    }
}

/// RFC 6749 §5.1, §5.2: JSON, and `no-store`, for good and bad answers alike.
async fn oidc_t3_token_responses_are_json_that_nobody_keeps(app: TestApp) {
    let good = app.token(WEB, &[("grant_type", "client_credentials"), ("scope", "api")]).await;
    let bad = app.token(WEB, &[("grant_type", "client_credentials"), ("scope", "nothing")]).await;
    let stranger = app.token("nobody", &[("grant_type", "client_credentials")]).await;
    let introspected = app
        .client()
        .request(Method::POST, "/oauth2/default/v1/introspect")
        .basic(WEB, SECRET)
        .form(&[("token", "x")])
        .send()
        .await;
    for (answer, status) in [(good, 200), (bad, 400), (stranger, 401), (introspected, 200)] {
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.header("content-type").is_some_and(|it| it.starts_with("application/json")));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

/// RFC 6749 §5.2: `error_description` is printable ASCII without `"` and `\`, and repeats nothing that was sent.
async fn oidc_t4_error_texts_hold_no_input_and_no_odd_characters(app: TestApp) {
    let hostile = "zq\"zq\\\r\n<é>";
    for form in [
        vec![("grant_type", hostile)],
        vec![("grant_type", "client_credentials"), ("scope", hostile)],
        vec![("grant_type", "authorization_code"), ("code", hostile), ("redirect_uri", hostile)],
        vec![("grant_type", "refresh_token"), ("refresh_token", hostile)],
        vec![],
    ] {
        let answer = app.token(WEB, &form).await;
        assert_eq!(answer.status, 400, "{form:?}: {}", answer.text());
        let body = answer.json();
        for member in ["error", "error_description"] {
            let text = body[member].as_str().unwrap();
            assert!(text.chars().all(|c| matches!(c, ' '..='~') && c != '"' && c != '\\'), "{text}");
            assert!(!text.contains("zq"), "{text}");
        }
    }
}

/// RFC 6749 §3.1, §3.2: unknown parameters are ignored at every endpoint, repeated ones are an error.
async fn oidc_t5_unknown_parameters_are_ignored_and_repeated_ones_refused(app: TestApp) {
    let unknown = ("an_unknown_parameter", "x");
    let code = {
        let mut browser = Browser::new();
        app.code_in(&mut browser, "default", WEB, &[("scope", "openid"), unknown], ALICE).await
    };
    let redeemed = app
        .token(
            WEB,
            &[
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("redirect_uri", fixtures::REDIRECT_URI),
                ("code_verifier", crate::support::op::VERIFIER),
                unknown,
            ],
        )
        .await;
    assert_eq!(redeemed.status, 200, "{}", redeemed.text());
    let token = redeemed.json()["access_token"].as_str().unwrap().to_owned();
    for endpoint in ["introspect", "revoke"] {
        let path = format!("/oauth2/default/v1/{endpoint}");
        let ask =
            |form: &[(&str, &str)]| app.client().request(Method::POST, &path).basic(WEB, SECRET).form(form);
        assert_eq!(ask(&[("token", &token), unknown]).send().await.status, 200);
        let twice = ask(&[("token", &token), ("token", &token)]).send().await;
        assert_eq!((twice.status, twice.json()["error"].as_str()), (400, Some("invalid_request")));
    }
    let twice =
        app.token(WEB, &[("grant_type", "client_credentials"), ("scope", "api"), ("scope", "api")]).await;
    assert_eq!((twice.status, twice.json()["error"].as_str()), (400, Some("invalid_request")));
}

/// RFC 9700 §4.12: after a form with a password the browser must not send it on: 303, never 307.
async fn oidc_t10_redirects_after_credentials_are_303(app: TestApp) {
    let mut browser = Browser::new();
    let page = browser.open(&app.authorize_url(WEB, &[])).await;
    let mut browser = browser.stay();
    let form = page.form("login-form").fill("identifier", ALICE).fill("password", PASSWORD).press("sign_in");
    let answer = browser.submit(&form).await;
    assert_eq!(answer.status, 303);
    assert!(answer.location().is_some_and(|to| to.as_str().starts_with(fixtures::REDIRECT_URI)));
}

/// RFC 8414 §2: refresh tokens are issued exactly where `grant_types_supported` says so.
async fn oidc_d4_refresh_tokens_are_issued_and_advertised(app: TestApp) {
    let metadata = app.client().get("/oauth2/default/.well-known/openid-configuration").await.json();
    let grants = metadata["grant_types_supported"].as_array().unwrap().clone();
    assert!(grants.contains(&json!("refresh_token")), "{grants:?}");
    assert!(app.tokens(WEB, "openid offline_access", ALICE).await["refresh_token"].is_string());
    assert!(app.tokens(WEB, "openid", ALICE).await.get("refresh_token").is_none());
}

/// RFC 8414 §2: strings, booleans and arrays of strings, under names of the IANA registry.
async fn oidc_d5_metadata_members_are_registered_ones_of_their_types(app: TestApp) {
    const REGISTERED: &[&str] = &[
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "jwks_uri",
        "registration_endpoint",
        "scopes_supported",
        "response_types_supported",
        "response_modes_supported",
        "grant_types_supported",
        "subject_types_supported",
        "id_token_signing_alg_values_supported",
        "id_token_encryption_alg_values_supported",
        "id_token_encryption_enc_values_supported",
        "userinfo_signing_alg_values_supported",
        "userinfo_encryption_alg_values_supported",
        "userinfo_encryption_enc_values_supported",
        "introspection_signing_alg_values_supported",
        "token_endpoint_auth_methods_supported",
        "token_endpoint_auth_signing_alg_values_supported",
        "claims_supported",
        "acr_values_supported",
        "display_values_supported",
        "prompt_values_supported",
        "ui_locales_supported",
        "claims_locales_supported",
        "code_challenge_methods_supported",
        "introspection_endpoint",
        "introspection_endpoint_auth_methods_supported",
        "introspection_endpoint_auth_signing_alg_values_supported",
        "revocation_endpoint",
        "revocation_endpoint_auth_methods_supported",
        "revocation_endpoint_auth_signing_alg_values_supported",
        "end_session_endpoint",
        "device_authorization_endpoint",
        "check_session_iframe",
        "frontchannel_logout_supported",
        "frontchannel_logout_session_supported",
        "backchannel_logout_supported",
        "backchannel_logout_session_supported",
        "claims_parameter_supported",
        "request_parameter_supported",
        "request_uri_parameter_supported",
        "dpop_signing_alg_values_supported",
        "authorization_response_iss_parameter_supported",
        "service_documentation",
        "pushed_authorization_request_endpoint",
        "require_pushed_authorization_requests",
        "request_object_signing_alg_values_supported",
        "require_request_uri_registration",
        "authorization_signing_alg_values_supported",
    ];
    for path in
        ["/.well-known/openid-configuration", "/oauth2/default/.well-known/oauth-authorization-server"]
    {
        for (name, value) in app.client().get(path).await.json().as_object().unwrap() {
            assert!(REGISTERED.contains(&name.as_str()), "{name}");
            let fits = if name.ends_with("parameter_supported")
                || name.starts_with("require_")
                || name.contains("channel_logout")
            {
                value.is_boolean()
            } else if name.ends_with("_supported") {
                value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_string))
            } else {
                value.is_string()
            };
            assert!(fits, "{name}: {value}");
        }
    }
}

/// RP-Initiated Logout §2.1: the endpoint is advertised.
async fn oidc_d10_the_end_session_endpoint_is_advertised(app: TestApp) {
    let metadata = app.client().get("/.well-known/openid-configuration").await.json();
    assert_eq!(metadata["end_session_endpoint"], app.url("/oauth2/v1/logout"));
}

/// RFC 7517 §4, §5: asymmetric public keys only, each with a `kid` of its own and the `alg` of what it verifies.
async fn oidc_k1_the_jwk_set_holds_public_keys_with_names_of_their_own(app: TestApp) {
    for server in ["org", "default"] {
        let set = app.client().get(&format!("{}/v1/keys", base(server))).await.json();
        let keys = set["keys"].as_array().unwrap();
        let names: BTreeSet<&str> = keys.iter().map(|key| key["kid"].as_str().unwrap()).collect();
        assert!(keys.len() >= 2 && names.len() == keys.len() && !names.contains(""), "{set}");
        for key in keys {
            for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
                assert!(key.get(private).is_none(), "{private}");
            }
            assert!(matches!(key["kty"].as_str(), Some("RSA" | "EC" | "OKP")), "{key}");
            assert!(
                key["alg"].as_str().unwrap().parse::<Algorithm>().is_ok() && key["use"] == "sig",
                "{key}"
            );
        }
    }
}

/// Core §10.1.1: the rotated-in key has new material and a new name; the old one still verifies what it signed.
async fn oidc_k3_a_rotation_brings_a_new_key_and_keeps_the_old_one(app: TestApp) {
    let names = async || -> BTreeSet<String> {
        let set = app.client().get("/oauth2/default/v1/keys").await.json();
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    };
    let before = names().await;
    let tokens = app.tokens(WEB, "openid", ALICE).await;
    let default = AuthorizationServerId::new("default");
    assert!(signing_key::rotate(&app.app, &default, Algorithm::Rs256, Timing::Now).await.unwrap());
    let after = names().await;
    assert!(after.is_superset(&before) && after.len() == before.len() + 1, "{before:?} {after:?}");
    assert_eq!(app.userinfo(tokens["access_token"].as_str().unwrap()).await.status, 200);
}

/// Core §10.1: a client whose key set has one fitting key need not name it.
async fn oidc_k4_a_registered_key_needs_no_name(app: TestApp) {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let mut public = key.public_jwk().clone();
    public.as_object_mut().unwrap().remove("kid");
    let metadata = json!({
        "application_type": "service",
        "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [public]},
    });
    fixtures::client(&app.app, "nameless", metadata, None).await;
    let assertion = |signer: &SigningKey| {
        let claims = app.assertion_claims("nameless", app.url("/oauth2/default"));
        signer.sign_jwt(None, &claims).unwrap()
    };
    let accepted = app.token_by_assertion(&assertion(&key)).await;
    assert_eq!(accepted.status, 200, "{}", accepted.text());
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    assert_eq!(app.token_by_assertion(&assertion(&stranger)).await.status, 401);
}

/// Core §3.1.3.6: `at_hash` at the token endpoint is optional, but right.
async fn oidc_i2_at_hash_is_the_left_half_of_the_access_tokens_hash(app: TestApp) {
    let tokens = app.tokens(WEB, "openid", ALICE).await;
    let id_token = claims(tokens["id_token"].as_str().unwrap());
    let expected = Algorithm::Rs256.left_half_hash(tokens["access_token"].as_str().unwrap().as_bytes());
    assert_eq!(id_token["at_hash"], expected);
    assert!(id_token.get("c_hash").is_none());
}
