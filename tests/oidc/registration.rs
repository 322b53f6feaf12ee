//! Dynamic registration and management of clients: OpenID Connect Registration 1.0, RFC 7591, RFC 7592, and Okta's API on
//! the same paths.

use http::Method;
use openidconnect::{
    AuthorizationCode, ClientName, CsrfToken, LocalizedClaim, Nonce, PkceCodeChallenge, RedirectUrl,
    TokenResponse,
    core::{CoreAuthenticationFlow, CoreClient, CoreClientRegistrationRequest},
    registration::EmptyAdditionalClientMetadata,
};
use serde_json::{Value, json};

use super::relying_party::{discover, transport};
use crate::support::{
    Test, TestApp,
    fixtures::{self, ALICE, REDIRECT_URI, SECRET, WEB},
    http::{Browser, Response},
    op::{VERIFIER, answer, claims, code_form, error_code, sign_in_on},
    registration::{ADMIN, CLIENTS, INITIAL, open, restricted, web},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![storage:
        oidc_g1_a_client_registers_and_is_told_everything,
        oidc_g4_a_registration_is_read_replaced_and_deleted,
        a_deleted_client_takes_its_grants_along,
        okta_lists_clients_by_pages_and_name,
    ; sqlite:
        oidc_g1_nobody_registers_unless_it_is_allowed,
        oidc_g1_an_initial_access_token_lets_its_holder_register,
        oidc_g1_a_public_client_has_no_secret,
        oidc_g2_every_member_is_kept_told_and_replaced,
        oidc_g2_what_is_unknown_or_null_is_ignored_and_the_rest_gets_its_default,
        oidc_g2_default_max_age_and_acr_values_are_honoured,
        oidc_g3_what_is_wrong_is_refused_by_name_on_create_and_update,
        oidc_g3_what_is_not_supported_is_refused,
        oidc_r3_a_redirect_uri_with_a_fragment_is_not_registered,
        oidc_g5_a_sector_lists_every_redirect_uri,
        oidc_g6_a_login_is_started_at_the_client,
        oidc_g6_a_target_elsewhere_is_not_passed_on,
        oidc_g6_nothing_starts_where_nothing_is_registered,
        oidc_a14_sign_in_and_consent_show_the_client_in_the_users_language,
        oidc_d5_the_registration_endpoint_is_advertised_by_every_server,
        okta_machines_need_the_scope_that_goes_with_the_call,
        okta_errors_are_told_to_machines_in_its_envelope,
        okta_scopes_are_only_for_whom_an_administrator_gave_them_to,
        okta_gives_a_client_a_new_secret,
        every_change_is_logged_under_okta_s_names,
        changes_are_seen_at_once_and_on_other_nodes,
        the_library_registers_itself_and_signs_a_user_in;
    ]
}

fn assert_error(response: &Response, error: &str, member: &str) {
    assert_eq!(response.status, 400, "{member}: {}", response.text());
    let body = response.json();
    assert_eq!(body["error"], error, "{member}: {body}");
    let description = body["error_description"].as_str().unwrap();
    assert!(description.starts_with(member), "{member}: {description}");
    assert_eq!(response.header("cache-control"), Some("no-store"));
}

/// Registration §3.2, RFC 7591 §3.2.1: 201 with the id, the secret and when it expires, the token and address to manage
/// the registration with, and all effective metadata.
async fn oidc_g1_a_client_registers_and_is_told_everything(app: TestApp) {
    let app = open(app).await;
    let response = app.clients(Method::POST, CLIENTS, "", Some(&web(json!({})))).await;
    assert_eq!(response.status, 201, "{}", response.text());
    assert_eq!(response.header("content-type"), Some("application/json;charset=UTF-8"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let told = response.json();
    let id = told["client_id"].as_str().unwrap();
    assert!(id.starts_with("0oa"), "{told}");
    assert_eq!(told["client_secret_expires_at"], 0);
    assert_eq!(told["client_id_issued_at"], app.app.now().unix_timestamp());
    assert_eq!(told["client_secret"].as_str().unwrap().len(), 43);
    assert_eq!(told["registration_access_token"].as_str().unwrap().len(), 43);
    assert_eq!(told["registration_client_uri"], app.url(&format!("{CLIENTS}/{id}")));
    for (member, value) in [
        ("client_name", json!("Registered")),
        ("redirect_uris", json!([REDIRECT_URI])),
        ("application_type", json!("web")),
        ("response_types", json!(["code"])),
        ("grant_types", json!(["authorization_code"])),
        ("token_endpoint_auth_method", json!("client_secret_basic")),
        ("id_token_signed_response_alg", json!("RS256")),
    ] {
        assert_eq!(told[member], value, "{member}: {told}");
    }
    // The secret is the one that the token endpoint takes.
    let mut browser = Browser::new();
    let page = browser.open(&app.authorize_url(id, &[])).await;
    let consent = sign_in_on(&mut browser, &page, ALICE, fixtures::PASSWORD).await;
    browser.submit(&consent.form("consent-form").press("accept")).await;
    let code = answer(&browser)["code"].clone();
    let form = code_form(&code);
    let token = app.client().request(Method::POST, "/oauth2/default/v1/token");
    let tokens = token.basic(id, told["client_secret"].as_str().unwrap()).form(&form).send().await;
    assert_eq!(tokens.status, 200, "{}", tokens.text());
    assert_eq!(claims(tokens.json()["id_token"].as_str().unwrap())["aud"], id);
}

/// RFC 7591 §3: open registration is a decision of the operator; without it a token is asked for (RFC 6750 §3).
async fn oidc_g1_nobody_registers_unless_it_is_allowed(app: TestApp) {
    let response = app.clients(Method::POST, CLIENTS, "", Some(&web(json!({})))).await;
    assert_eq!((response.status, response.body.len()), (401, 0));
    assert!(response.header("www-authenticate").unwrap().starts_with("Bearer "));
    for token in ["invented", INITIAL] {
        let response = app.clients(Method::POST, CLIENTS, token, Some(&web(json!({})))).await;
        assert_eq!(response.status, 401);
        assert!(response.header("www-authenticate").unwrap().contains("invalid_token"), "{token}");
    }
}

/// RFC 7591 §3: an initial access token, as a bearer token, lets its holder register, and nothing else.
async fn oidc_g1_an_initial_access_token_lets_its_holder_register(app: TestApp) {
    let app = restricted(app).await;
    for token in ["", "invented", "anothe"] {
        let response = app.clients(Method::POST, CLIENTS, token, Some(&web(json!({})))).await;
        assert_eq!(response.status, 401, "{token}");
    }
    let known = app.register(INITIAL, &web(json!({}))).await;
    let again = app.register(INITIAL, &web(json!({}))).await;
    assert_ne!(known.id, again.id);
    for (method, path) in
        [(Method::GET, CLIENTS.to_owned()), (Method::GET, known.path()), (Method::DELETE, known.path())]
    {
        assert_eq!(app.clients(method.clone(), &path, INITIAL, None).await.status, 401, "{method} {path}");
    }
}

/// RFC 7591 §3.2.1: a secret and its expiry only where the method has one.
async fn oidc_g1_a_public_client_has_no_secret(app: TestApp) {
    let app = open(app).await;
    let jwks = json!({"keys": [public_key()]});
    for metadata in [
        json!({"application_type": "browser"}),
        json!({"token_endpoint_auth_method": "none"}),
        json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": jwks}),
    ] {
        let known = app.register("", &web(metadata.clone())).await;
        assert!(known.document.get("client_secret").is_none(), "{metadata}");
        assert!(known.document.get("client_secret_expires_at").is_none(), "{metadata}");
        assert!(!known.token.is_empty());
    }
}

fn public_key() -> Value {
    json!({
        "kty": "EC", "crv": "P-256", "kid": "one",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    })
}

fn everything() -> Value {
    json!({
        "client_name": "Everything",
        "client_name#de": "Alles",
        "client_uri": "https://app.example.com",
        "logo_uri": "https://app.example.com/logo.png",
        "policy_uri": "https://app.example.com/policy",
        "policy_uri#fr-CA": "https://app.example.com/politique",
        "tos_uri": "https://app.example.com/tos",
        "contacts": ["ops@app.example.com"],
        "application_type": "web",
        "redirect_uris": [REDIRECT_URI, "https://app.example.com/other"],
        "post_logout_redirect_uris": ["https://app.example.com/goodbye"],
        "response_types": ["code"],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        "id_token_signed_response_alg": "ES256",
        "userinfo_signed_response_alg": "RS256",
        "request_object_signing_alg": "ES256",
        "jwks": {"keys": [public_key()]},
        "request_uris": ["https://app.example.com/request.jwt"],
        "subject_type": "pairwise",
        "default_max_age": 3600,
        "require_auth_time": true,
        "default_acr_values": ["urn:okta:loa:1fa:pwd"],
        "initiate_login_uri": "https://app.example.com/login",
        "frontchannel_logout_uri": "https://app.example.com/front",
        "frontchannel_logout_session_required": true,
        "backchannel_logout_uri": "https://app.example.com/back",
        "backchannel_logout_session_required": true,
    })
}

#[track_caller]
fn assert_told(told: &Value, wanted: &Value) {
    for (member, value) in wanted.as_object().unwrap() {
        assert_eq!(told[member], *value, "{member}");
    }
}

/// Registration §2, RFC 7591 §2: what is registered is what is told, at registration, when it is read, and when it is
/// replaced; what is left out of a replacement is gone (RFC 7592 §2.2).
async fn oidc_g2_every_member_is_kept_told_and_replaced(app: TestApp) {
    let app = open(app).await;
    let known = app.register("", &everything()).await;
    assert_told(&known.document, &everything());
    let read = app.clients(Method::GET, &known.path(), &known.token, None).await;
    assert_eq!(read.status, 200);
    assert_told(&read.json(), &everything());

    let plain = app.register("", &web(json!({}))).await;
    let mut wanted = everything();
    wanted["client_id"] = plain.id.as_str().into();
    let replaced = app.clients(Method::PUT, &plain.path(), &plain.token, Some(&wanted)).await;
    assert_eq!(replaced.status, 200, "{}", replaced.text());
    assert_told(&replaced.json(), &wanted);
    let back = app.clients(Method::PUT, &plain.path(), &plain.token, Some(&web(json!({})))).await.json();
    for gone in ["client_name#de", "jwks", "default_max_age", "contacts", "request_uris", "logo_uri"] {
        assert!(back.get(gone).is_none(), "{gone}: {back}");
    }
    assert_eq!(back["token_endpoint_auth_method"], "client_secret_basic");
}

/// RFC 7591 §2: what is not understood is ignored; RFC 7592 §2.2: `null` is as good as absent.
async fn oidc_g2_what_is_unknown_or_null_is_ignored_and_the_rest_gets_its_default(app: TestApp) {
    let app = open(app).await;
    let more = json!({
        "software_statement": "eyJhbGciOiJub25lIn0.eyJwcm9maWxlIjoiZmFwaTIifQ.",
        "unheard_of": {"a": [1, 2]}, "software_id#de": "x", "logo_uri": null, "jwks": null,
        "client_id": "chosen", "client_secret": "chosen-by-the-client-itself-for-itself",
    });
    let known = app.register("", &web(more)).await;
    assert!(known.id.starts_with("0oa") && known.secret != "chosen-by-the-client-itself-for-itself");
    for member in ["software_statement", "unheard_of", "logo_uri", "jwks", "software_id#de"] {
        assert!(known.document.get(member).is_none(), "{member}");
    }
    let named = web(json!({"client_name": "Gemüse ☕"}));
    assert_eq!(app.register("", &named).await.document["client_name"], "Gemüse ☕");
}

/// Registration §2: `default_max_age` asks again when the sign-in is too old; `default_acr_values` is what is earned.
async fn oidc_g2_default_max_age_and_acr_values_are_honoured(app: TestApp) {
    let app = restricted(app).await;
    let metadata = web(json!({
        "default_max_age": 100, "require_auth_time": true, "default_acr_values": ["urn:okta:loa:1fa:any"],
    }));
    let known = app.register(INITIAL, &metadata).await;
    let mut browser = Browser::new();
    let page = browser.open(&app.authorize_url(&known.id, &[])).await;
    let consent = sign_in_on(&mut browser, &page, ALICE, fixtures::PASSWORD).await;
    browser.submit(&consent.form("consent-form").press("accept")).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &answer(&browser)["code"]),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    let token = app.client().request(Method::POST, "/oauth2/default/v1/token");
    let tokens = token.basic(&known.id, &known.secret).form(&form).send().await;
    let id_token = claims(tokens.json()["id_token"].as_str().unwrap());
    assert_eq!(id_token["acr"], "urn:okta:loa:1fa:any");
    assert!(id_token["auth_time"].is_i64());
    browser.open(&app.authorize_url(&known.id, &[("prompt", "none")])).await;
    assert!(answer(&browser).contains_key("code"));
    app.clock.advance(101);
    browser.open(&app.authorize_url(&known.id, &[("prompt", "none")])).await;
    assert_eq!(answer(&browser)["error"], "login_required");
}

/// Registration §3.3, RFC 7591 §3.2.2: every rule holds for a registration and for its replacement alike, and nothing is
/// written when one is broken.
async fn oidc_g3_what_is_wrong_is_refused_by_name_on_create_and_update(app: TestApp) {
    let app = open(app).await;
    let known = app.register("", &web(json!({}))).await;
    let long = "x".repeat(256);
    for (metadata, error, member) in [
        (json!({"redirect_uris": ["https://a.example/cb#f"]}), "invalid_redirect_uri", "redirect_uris"),
        (json!({"redirect_uris": "https://a.example/cb"}), "invalid_redirect_uri", "redirect_uris"),
        (json!({"redirect_uris": []}), "invalid_redirect_uri", "redirect_uris"),
        (json!({"post_logout_redirect_uris": ["/bye"]}), "invalid_redirect_uri", "post_logout_redirect_uris"),
        (
            json!({"initiate_login_uri": "http://a.example/login"}),
            "invalid_client_metadata",
            "initiate_login_uri",
        ),
        (json!({"grant_types": ["implicit"]}), "invalid_client_metadata", "response_types"),
        (
            json!({"response_types": ["id_token"], "grant_types": ["authorization_code"]}),
            "invalid_client_metadata",
            "response_types",
        ),
        (json!({"response_types": ["none"]}), "invalid_client_metadata", "response_types"),
        (json!({"grant_types": ["magic"]}), "invalid_client_metadata", "grant_types"),
        (json!({"application_type": "toaster"}), "invalid_client_metadata", "application_type"),
        (
            json!({"application_type": "browser", "token_endpoint_auth_method": "client_secret_post"}),
            "invalid_client_metadata",
            "token_endpoint_auth_method",
        ),
        (json!({"application_type": "service"}), "invalid_redirect_uri", "redirect_uris"),
        (json!({"token_endpoint_auth_method": "private_key_jwt"}), "invalid_client_metadata", "jwks"),
        (json!({"jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}}), "invalid_client_metadata", "jwks"),
        (
            json!({"jwks": {"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}, "token_endpoint_auth_method": "private_key_jwt"}),
            "invalid_client_metadata",
            "jwks",
        ),
        (
            json!({"jwks": {"keys": [public_key()]}, "jwks_uri": "https://a.example/jwks"}),
            "invalid_client_metadata",
            "jwks",
        ),
        (json!({"jwks_uri": "http://a.example/jwks"}), "invalid_client_metadata", "jwks_uri"),
        (json!({"logo_uri": "http://a.example/logo.png"}), "invalid_client_metadata", "logo_uri"),
        (json!({"tos_uri": "javascript:alert(1)"}), "invalid_client_metadata", "tos_uri"),
        (json!({"policy_uri#de": "data:text/html,x"}), "invalid_client_metadata", "policy_uri"),
        (json!({"client_name#": "x"}), "invalid_client_metadata", "client_name"),
        (json!({"client_name": long}), "invalid_client_metadata", "client_name"),
        (json!({"contacts": vec!["a"; 21]}), "invalid_client_metadata", "contacts"),
        (json!({"default_max_age": -1}), "invalid_client_metadata", "default_max_age"),
        (json!({"default_max_age": "soon"}), "invalid_client_metadata", "default_max_age"),
        (json!({"default_acr_values": ["a b"]}), "invalid_client_metadata", "default_acr_values"),
        (json!({"request_uris": ["http://a.example/r"]}), "invalid_client_metadata", "request_uris"),
        (
            json!({"id_token_signed_response_alg": "none"}),
            "invalid_client_metadata",
            "id_token_signed_response_alg",
        ),
        (
            json!({"request_object_signing_alg": "none"}),
            "invalid_client_metadata",
            "request_object_signing_alg",
        ),
        (json!({"subject_type": "secret"}), "invalid_client_metadata", "subject_type"),
        (
            json!({"sector_identifier_uri": "http://a.example/s"}),
            "invalid_client_metadata",
            "sector_identifier_uri",
        ),
        (
            json!({"pkce_required": false, "token_endpoint_auth_method": "none"}),
            "invalid_client_metadata",
            "pkce_required",
        ),
    ] {
        let metadata = web(metadata);
        assert_error(&app.clients(Method::POST, CLIENTS, "", Some(&metadata)).await, error, member);
        assert_error(
            &app.clients(Method::PUT, &known.path(), &known.token, Some(&metadata)).await,
            error,
            member,
        );
    }
    let read = app.clients(Method::GET, &known.path(), &known.token, None).await.json();
    assert_told(&read, &web(json!({})));
    let administrator = app.administrator(&["okta.clients.read"]).await;
    let listed = app.clients(Method::GET, &format!("{CLIENTS}?q=Registered"), &administrator, None).await;
    assert_eq!(listed.json().as_array().unwrap().len(), 1, "a refused registration was written");
}

/// What cannot be done is not registered as if it could (RFC 7591 §3.2.2); the list of algorithms is that of the keys.
async fn oidc_g3_what_is_not_supported_is_refused(app: TestApp) {
    let app = open(app).await;
    for (metadata, member) in [
        (json!({"id_token_signed_response_alg": "ES512"}), "id_token_signed_response_alg"),
        (json!({"userinfo_signed_response_alg": "PS384"}), "userinfo_signed_response_alg"),
        (
            json!({"grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:saml2-bearer"]}),
            "grant_types",
        ),
    ] {
        let response = app.clients(Method::POST, CLIENTS, "", Some(&web(metadata))).await;
        assert_error(&response, "invalid_client_metadata", member);
    }
    app.register("", &web(json!({"id_token_signed_response_alg": "ES256"}))).await;
}

/// RFC 6749 §3.1.2: the redirection endpoint has no fragment; Registration §3.3 names the error.
async fn oidc_r3_a_redirect_uri_with_a_fragment_is_not_registered(app: TestApp) {
    let app = open(app).await;
    for uri in ["https://app.example.com/cb#", "https://app.example.com/cb#x", "http://localhost/#a"] {
        let metadata = json!({"redirect_uris": ["https://app.example.com/fine", uri]});
        let response = app.clients(Method::POST, CLIENTS, "", Some(&metadata)).await;
        assert_error(&response, "invalid_redirect_uri", "redirect_uris");
    }
    let query = json!({"redirect_uris": ["https://app.example.com/cb?fine=1"]});
    app.register("", &query).await;
}

/// RFC 7592 §2: read, replace and delete with the registration access token; afterwards neither works.
async fn oidc_g4_a_registration_is_read_replaced_and_deleted(app: TestApp) {
    let app = open(app).await;
    let known = app.register("", &web(json!({"initiate_login_uri": "https://app.example.com/login"}))).await;
    let read = app.clients(Method::GET, &known.path(), &known.token, None).await;
    assert_eq!(read.status, 200);
    let read = read.json();
    assert_eq!(read["initiate_login_uri"], "https://app.example.com/login");
    // RFC 7592 §3: the token and the address are part of every answer to the client; the secret is told once.
    assert_eq!(read["registration_access_token"], known.token.as_str());
    assert_eq!(read["registration_client_uri"], known.document["registration_client_uri"]);
    assert!(read.get("client_secret").is_none());

    let mut wanted =
        web(json!({"client_name": "Renamed", "client_id": known.id, "client_secret": known.secret}));
    let replaced = app.clients(Method::PUT, &known.path(), &known.token, Some(&wanted)).await;
    assert_eq!((replaced.status, &replaced.json()["client_name"]), (200, &json!("Renamed")));
    assert!(replaced.json().get("initiate_login_uri").is_none());
    // RFC 7592 §2.2: client_id is the client's own, and a client does not choose its secret.
    for (member, value) in [("client_id", WEB), ("client_secret", "a-secret-of-my-own-choosing-for-myself")] {
        let right = std::mem::replace(&mut wanted[member], value.into());
        let response = app.clients(Method::PUT, &known.path(), &known.token, Some(&wanted)).await;
        assert_error(&response, "invalid_client_metadata", member);
        wanted[member] = right;
    }

    let deleted = app.clients(Method::DELETE, &known.path(), &known.token, None).await;
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let response = app.clients(method.clone(), &known.path(), &known.token, Some(&web(json!({})))).await;
        assert_eq!(response.status, 401, "{method}");
    }
    let page = Browser::new().open(&app.authorize_url(&known.id, &[])).await;
    assert_eq!(error_code(&page), "invalid_client");
}

/// RFC 7592 §2.3: deletion invalidates the client's grants and tokens.
async fn a_deleted_client_takes_its_grants_along(app: TestApp) {
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    let access_token = tokens["access_token"].as_str().unwrap();
    assert_eq!(app.introspect(access_token).await["active"], true);
    let administrator = app.administrator(&["okta.clients.manage"]).await;
    let deleted = app.clients(Method::DELETE, &format!("{CLIENTS}/{WEB}"), &administrator, None).await;
    assert_eq!(deleted.status, 204);
    assert_eq!(app.introspect(access_token).await["active"], false);
    assert_eq!(app.userinfo(access_token).await.status, 401);
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(app.refresh(WEB, refresh_token).await.json()["error"], "invalid_client");
}

/// Registration §5, Core §8.1: the sector's document is a JSON array that lists every redirect URI.
async fn oidc_g5_a_sector_lists_every_redirect_uri(app: TestApp) {
    const SECTOR: &str = "https://sector.example.com/uris.json";
    let app = open(app).await;
    let metadata = web(json!({
        "redirect_uris": [REDIRECT_URI, "https://other.example.com/cb"],
        "subject_type": "pairwise", "sector_identifier_uri": SECTOR,
    }));
    let register = async || app.clients(Method::POST, CLIENTS, "", Some(&metadata)).await;
    for document in [
        json!([REDIRECT_URI]),
        json!({"redirect_uris": [REDIRECT_URI, "https://other.example.com/cb"]}),
        json!([REDIRECT_URI, "https://other.example.com/cb/"]),
        json!([1, 2]),
    ] {
        app.fetch.put(SECTOR, document.to_string());
        assert_error(&register().await, "invalid_client_metadata", "sector_identifier_uri");
    }
    app.fetch
        .put(SECTOR, json!(["https://other.example.com/cb", REDIRECT_URI, "https://x.example/"]).to_string());
    let registered = register().await;
    assert_eq!(registered.status, 201, "{}", registered.text());
    // An update is held to the same.
    let id = registered.json()["client_id"].as_str().unwrap().to_owned();
    let token = registered.json()["registration_access_token"].as_str().unwrap().to_owned();
    app.fetch.put(SECTOR, json!([REDIRECT_URI]).to_string());
    let update = app.clients(Method::PUT, &format!("{CLIENTS}/{id}"), &token, Some(&metadata)).await;
    assert_error(&update, "invalid_client_metadata", "sector_identifier_uri");
    // Several hosts without a sector name no sector at all.
    let mut without = metadata.clone();
    without["sector_identifier_uri"] = Value::Null;
    let response = app.clients(Method::POST, CLIENTS, "", Some(&without)).await;
    assert_eq!((response.status, &response.json()["error"]), (400, &json!("invalid_client_metadata")));
}

/// Core §4: a login that a third party starts goes to `initiate_login_uri` with the issuer, and what was given of
/// `login_hint` and `target_link_uri`.
async fn oidc_g6_a_login_is_started_at_the_client(app: TestApp) {
    fixtures::client(
        &app.app,
        "portal",
        web(json!({"initiate_login_uri": "https://app.example.com/start?tenant=1"})),
        Some(SECRET),
    )
    .await;
    let target = "https://app.example.com/reports?id=7";
    for path in ["/login/initiate?client_id=portal&", "/home/oidc_client/portal?"] {
        let query = format!("login_hint=alice&target_link_uri={}", urlencoded(target));
        let mut browser = Browser::new().stay();
        let response = browser.open(&app.url(&format!("{path}{query}"))).await;
        assert_eq!(response.status, 302, "{}", response.words());
        assert_eq!(response.header("referrer-policy"), Some("no-referrer"));
        let location = response.location().unwrap();
        assert!(location.as_str().starts_with("https://app.example.com/start?tenant=1&iss="), "{location}");
        let sent: std::collections::BTreeMap<_, _> = location.query_pairs().into_owned().collect();
        assert_eq!(sent["iss"], app.issuer);
        assert_eq!((sent["login_hint"].as_str(), sent["target_link_uri"].as_str()), ("alice", target));
    }
    let custom = app.url("/oauth2/default");
    let link = format!("/login/initiate?client_id=portal&iss={}", urlencoded(&custom));
    let location = app.client().get(&link).await.location().unwrap();
    assert!(
        location.query_pairs().any(|(name, value)| name == "iss" && value == custom.as_str()),
        "{location}"
    );
    let page = app.client().get("/login/initiate?client_id=portal&iss=https://evil.example").await;
    assert_eq!(error_code(&page), "unknown_authorization_server");
}

fn urlencoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Core §4: `target_link_uri` must not become an open redirect; only the client's own origins are passed on.
async fn oidc_g6_a_target_elsewhere_is_not_passed_on(app: TestApp) {
    fixtures::client(
        &app.app,
        "portal",
        web(json!({"initiate_login_uri": "https://app.example.com/start"})),
        Some(SECRET),
    )
    .await;
    for target in [
        "https://evil.example/",
        "javascript:alert(1)",
        "//app.example.com",
        "https://app.example.com.evil.example/",
        "http://app.example.com/",
    ] {
        let link = format!("/login/initiate?client_id=portal&target_link_uri={}", urlencoded(target));
        let location = app.client().get(&link).await.location().unwrap();
        assert!(location.as_str().starts_with("https://app.example.com/start?iss="), "{location}");
        assert!(!location.as_str().contains("target_link_uri"), "{location}");
    }
}

/// Without `initiate_login_uri`, or without the client, there is a page and no redirect.
async fn oidc_g6_nothing_starts_where_nothing_is_registered(app: TestApp) {
    for (path, code) in [
        ("/login/initiate?client_id=web", "no_initiate_login_uri"),
        ("/login/initiate?client_id=nobody", "invalid_client"),
        ("/login/initiate", "invalid_client"),
        ("/login/initiate?client_id=a&client_id=b", "invalid_request"),
        ("/home/oidc_client/nobody", "invalid_client"),
    ] {
        let page = app.client().get(path).await;
        assert_eq!((page.status, error_code(&page)), (400, code), "{path}");
        assert!(page.header("location").is_none());
    }
}

/// Registration §2, §2.1: name, logo, policy and terms are shown where users decide, in the language they prefer; the
/// page's policy lets the logo load.
async fn oidc_a14_sign_in_and_consent_show_the_client_in_the_users_language(app: TestApp) {
    let app = open(app).await;
    let known = app
        .register(
            "",
            &web(json!({
                "client_name": "Garden", "client_name#de": "Garten",
                "logo_uri": "https://app.example.com/logo.png", "logo_uri#de": "https://app.example.com/logo-de.png",
                "policy_uri": "https://app.example.com/policy", "policy_uri#de": "https://app.example.com/datenschutz",
                "tos_uri": "https://app.example.com/tos",
            })),
        )
        .await;
    for (locales, name, logo, policy) in [
        ("de-AT en", "Garten", "logo-de.png", "datenschutz"),
        ("fr", "Garden", "logo.png", "policy"),
        ("-", "Garden", "logo.png", "policy"),
    ] {
        let mut browser = Browser::new();
        let login = browser.open(&app.authorize_url(&known.id, &[("ui_locales", locales)])).await;
        let consent = sign_in_on(&mut browser, &login, ALICE, fixtures::PASSWORD).await;
        assert!(login.body_contains("login-page") && consent.body_contains("consent-page"));
        for page in [login, consent] {
            assert!(page.words().contains(name), "{locales}: {}", page.words());
            assert!(page.body_contains(&format!("src=\"https://app.example.com/{logo}\"")), "{locales}");
            assert_eq!(page.link("Privacy policy").as_str(), format!("https://app.example.com/{policy}"));
            assert_eq!(page.link("Terms of service").as_str(), "https://app.example.com/tos");
            assert!(page.header("content-security-policy").unwrap().contains("img-src 'self' https:"));
        }
    }
}

/// Discovery §3, RFC 8414 §2: `registration_endpoint` is a URL; clients are registered at the org server for all.
async fn oidc_d5_the_registration_endpoint_is_advertised_by_every_server(app: TestApp) {
    for path in [
        "/.well-known/openid-configuration",
        "/oauth2/default/.well-known/openid-configuration",
        "/oauth2/default/.well-known/oauth-authorization-server",
    ] {
        let document = app.client().get(path).await.json();
        assert_eq!(document["registration_endpoint"], app.url(CLIENTS), "{path}");
    }
}

/// Okta: register, read and manage are three rights; more is not given by less.
async fn okta_machines_need_the_scope_that_goes_with_the_call(app: TestApp) {
    let manage = app.administrator(&["okta.clients.manage"]).await;
    let read = app.administrator(&["okta.clients.read"]).await;
    let register = app.administrator(&["okta.clients.register"]).await;
    let known = app.register(&register, &web(json!({}))).await;
    let path = known.path();
    let secret = format!("{path}/lifecycle/newSecret");
    let calls = [
        (Method::POST, CLIENTS, vec![&manage, &register]),
        (Method::GET, CLIENTS, vec![&manage, &read]),
        (Method::GET, path.as_str(), vec![&manage, &read]),
        (Method::PUT, path.as_str(), vec![&manage]),
        (Method::POST, secret.as_str(), vec![&manage]),
        (Method::DELETE, path.as_str(), vec![&manage]),
    ];
    for (method, path, able) in calls {
        for token in [&read, &register, &manage] {
            let response = app.clients(method.clone(), path, token, Some(&web(json!({})))).await;
            let good = matches!(response.status, 200 | 201 | 204);
            assert_eq!(good, able.contains(&token), "{method} {path}: {}", response.status);
            if !good {
                assert_eq!((response.status, &response.json()["errorCode"]), (403, &json!("E0000006")));
                assert!(response.header("www-authenticate").unwrap().contains("insufficient_scope"));
            }
        }
    }
}

/// Okta: an unknown client is E0000007 to a machine that may know.
async fn okta_errors_are_told_to_machines_in_its_envelope(app: TestApp) {
    let token = app.administrator(&["okta.clients.manage"]).await;
    let path = format!("{CLIENTS}/0oaNobody");
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::PUT, path.clone()),
        (Method::DELETE, path.clone()),
        (Method::POST, format!("{path}/lifecycle/newSecret")),
    ] {
        let response = app.clients(method.clone(), &path, &token, Some(&web(json!({})))).await;
        assert_eq!(response.status, 404, "{method}");
        let body = response.json();
        assert_eq!(body["errorCode"], "E0000007", "{body}");
        assert_eq!(body["errorSummary"], "Not found: Resource not found: 0oaNobody (PublicClientApp)");
    }
    let response = app.clients(Method::POST, CLIENTS, &token, Some(&json!({"redirect_uris": ["x"]}))).await;
    assert_error(&response, "invalid_redirect_uri", "redirect_uris");
    for limit in ["0", "201", "1000000000", "-1", "1e309", "NaN", "+5", "99999999999999999999"] {
        let response =
            app.clients(Method::GET, &format!("{CLIENTS}?limit={}", urlencoded(limit)), &token, None).await;
        assert_eq!((response.status, &response.json()["errorCode"]), (400, &json!("E0000029")), "{limit}");
    }
}

/// The scopes are the org server's, for clients that have them in their registration, and for no user.
async fn okta_scopes_are_only_for_whom_an_administrator_gave_them_to(app: TestApp) {
    app.administrator(&["okta.clients.read"]).await;
    let ask = async |server: &str, client: &str, scope: &str| {
        app.token_at(server, client, &[("grant_type", "client_credentials"), ("scope", scope)]).await
    };
    for (server, client) in [("org", WEB), ("org", fixtures::SERVICE), ("default", ADMIN)] {
        let response = ask(server, client, "okta.clients.read").await;
        assert_eq!(
            (response.status, &response.json()["error"]),
            (400, &json!("invalid_scope")),
            "{server} {client}"
        );
    }
    assert_eq!(ask("org", ADMIN, "okta.users.manage").await.json()["error"], "invalid_scope");
    let metadata = json!({"application_type": "service", "okta_scopes": ["okta.clients.read"]});
    fixtures::client(&app.app, "reader", metadata, Some(SECRET)).await;
    assert_eq!(ask("org", "reader", "okta.clients.manage").await.json()["error"], "invalid_scope");
    let token = ask("org", "reader", "okta.clients.read").await.json();
    let token = token["access_token"].as_str().unwrap().to_owned();
    assert_eq!(app.clients(Method::GET, CLIENTS, &token, None).await.status, 200);
    // What is taken back does not live on in tokens.
    let metadata = json!({"application_type": "service"});
    fixtures::client(&app.app, "reader", metadata, Some(SECRET)).await;
    assert_eq!(app.clients(Method::GET, CLIENTS, &token, None).await.status, 403);
}

/// Okta: pages by id with `Link` headers; `q` finds the beginning of names.
async fn okta_lists_clients_by_pages_and_name(app: TestApp) {
    let token = app.administrator(&["okta.clients.read", "okta.clients.register"]).await;
    for name in ["100% Juice", "Juice bar", "juicy", "Other"] {
        app.register(&token, &web(json!({"client_name": name}))).await;
    }
    let list =
        async |query: &str| app.clients(Method::GET, &format!("{CLIENTS}?{query}"), &token, None).await;
    let names = |response: &Response| -> Vec<String> {
        let mut names: Vec<String> = response
            .json()
            .as_array()
            .unwrap()
            .iter()
            .map(|client| client["client_name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(&list("q=JUIC").await), ["Juice bar", "juicy"]);
    assert_eq!(names(&list("q=100%25").await), ["100% Juice"]);
    assert_eq!(names(&list("q=_00").await), Vec::<String>::new());
    assert_eq!(names(&list("q=nothing").await), Vec::<String>::new());

    let (mut seen, mut url) = (Vec::new(), format!("{CLIENTS}?limit=5"));
    loop {
        let response = app.clients(Method::GET, &url, &token, None).await;
        assert_eq!(response.status, 200);
        let page = response.json();
        assert!(page.as_array().unwrap().len() <= 5);
        for client in page.as_array().unwrap() {
            // Neither secrets nor what is only an administrator's business.
            for hidden in ["client_secret", "registration_access_token", "okta_scopes", "profile"] {
                assert!(client.get(hidden).is_none(), "{hidden}");
            }
            seen.push(client["client_id"].as_str().unwrap().to_owned());
        }
        let links: Vec<String> =
            response.headers.get_all("link").iter().map(|link| link.to_str().unwrap().to_owned()).collect();
        assert!(links[0].ends_with("rel=\"self\""), "{links:?}");
        let Some(next) = links.get(1) else { break };
        url = next.strip_prefix('<').unwrap().split_once('>').unwrap().0.to_owned();
        assert!(url.starts_with(&app.issuer) && next.ends_with("rel=\"next\""), "{next}");
    }
    let mut sorted = seen.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), seen.len());
    assert!(seen.len() >= 15 && seen.iter().any(|id| id == WEB), "{seen:?}");
}

/// Okta: a new secret is told once and works beside the last one.
async fn okta_gives_a_client_a_new_secret(app: TestApp) {
    let token = app.administrator(&["okta.clients.manage"]).await;
    let path = format!("{CLIENTS}/{}/lifecycle/newSecret", fixtures::MACHINE);
    let response = app.clients(Method::POST, &path, &token, None).await;
    assert_eq!(response.status, 200, "{}", response.text());
    let told = response.json();
    assert_eq!(
        (told["client_id"].as_str(), &told["client_secret_expires_at"]),
        (Some(fixtures::MACHINE), &json!(0))
    );
    assert_ne!(told["client_secret"], SECRET);
    let path = format!("{CLIENTS}/{}/lifecycle/newSecret", fixtures::SPA);
    let response = app.clients(Method::POST, &path, &token, None).await;
    assert_error(&response, "invalid_client_metadata", "token_endpoint_auth_method");
}

/// Every write is in the system log, under the names that Okta's log readers look for.
async fn every_change_is_logged_under_okta_s_names(app: TestApp) {
    let token = app.administrator(&["okta.clients.manage"]).await;
    let known = app.register(&token, &web(json!({}))).await;
    app.clients(Method::PUT, &known.path(), &known.token, Some(&web(json!({})))).await;
    app.clients(Method::POST, &format!("{}/lifecycle/newSecret", known.path()), &token, None).await;
    app.clients(Method::DELETE, &known.path(), &known.token, None).await;
    for event in [
        "application.lifecycle.create",
        "app.oauth2.client.lifecycle.create",
        "application.lifecycle.update",
        "app.oauth2.client.lifecycle.update",
        "app.oauth2.client.lifecycle.new_client_secret",
        "application.lifecycle.delete",
        "app.oauth2.client.lifecycle.delete",
    ] {
        assert!(app.logged(event, None).await, "{event}");
    }
    app.clients(Method::POST, CLIENTS, "invented", Some(&web(json!({})))).await;
    let log = format!("{:?}", app.log().await);
    assert!(!log.contains(&known.token) && !log.contains(&known.secret));
}

/// A change is in effect at once where it was made, and the generation that other nodes watch has moved.
async fn changes_are_seen_at_once_and_on_other_nodes(app: TestApp) {
    let app = open(app).await;
    let generation = async || stepgate::store::installation::generation(&app.app.db).await.unwrap();
    let before = generation().await;
    let known = app.register("", &web(json!({}))).await;
    let registered = generation().await;
    assert!(registered > before);
    let elsewhere = "https://app.example.com/elsewhere";
    let page = Browser::new().open(&app.authorize_url(&known.id, &[("redirect_uri", elsewhere)])).await;
    assert_eq!(error_code(&page), "invalid_redirect_uri");
    let moved = web(json!({"redirect_uris": [elsewhere]}));
    app.clients(Method::PUT, &known.path(), &known.token, Some(&moved)).await;
    let replaced = generation().await;
    assert!(replaced > registered);
    let page = Browser::new().open(&app.authorize_url(&known.id, &[("redirect_uri", elsewhere)])).await;
    assert!(page.body_contains("login-page"), "{}", page.words());
    let page = Browser::new().open(&app.authorize_url(&known.id, &[])).await;
    assert_eq!(error_code(&page), "invalid_redirect_uri");
    app.clients(Method::DELETE, &known.path(), &known.token, None).await;
    assert!(generation().await > replaced);
}

/// An unmodified relying-party library registers itself, sends a user, and takes the tokens.
async fn the_library_registers_itself_and_signs_a_user_in(app: TestApp) {
    let app = open(app).await;
    let metadata = discover(&app, "org").await;
    let endpoint = metadata.registration_endpoint().unwrap();
    let redirect = RedirectUrl::new(REDIRECT_URI.to_owned()).unwrap();
    let mut names = LocalizedClaim::new();
    names.insert(None, ClientName::new("Library".to_owned()));
    let registered =
        CoreClientRegistrationRequest::new(vec![redirect.clone()], EmptyAdditionalClientMetadata::default())
            .set_client_name(Some(names))
            .register_async(endpoint, &transport())
            .await
            .unwrap();
    assert!(
        registered.registration_access_token().is_some() && registered.registration_client_uri().is_some()
    );
    let library = CoreClient::from_provider_metadata(
        metadata.clone(),
        registered.client_id().clone(),
        registered.client_secret().cloned(),
    )
    .set_redirect_uri(redirect);
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, _, nonce) = library
        .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
        .set_pkce_challenge(challenge)
        .url();
    let mut browser = Browser::new();
    let consent = app.sign_in(&mut browser, url.as_str(), ALICE).await;
    assert!(consent.words().contains("Library"), "{}", consent.words());
    browser.submit(&consent.form("consent-form").press("accept")).await;
    let code = AuthorizationCode::new(answer(&browser)["code"].clone());
    let tokens = library
        .exchange_code(code)
        .unwrap()
        .set_pkce_verifier(verifier)
        .request_async(&transport())
        .await
        .unwrap();
    let claims = tokens.id_token().unwrap().claims(&library.id_token_verifier(), &nonce).unwrap();
    assert_eq!(claims.audiences()[0].as_str(), registered.client_id().as_str());
}
