//! Metadata documents: OpenID Connect Discovery §3–4, RFC 8414.

use http::Method;
use serde_json::Value;
use stepgate::{id::ScopeId, model::authorization_server::Scope, store};

use crate::support::{
    Test, TestApp,
    fixtures::{ALICE, WEB},
    http::Browser,
    op::{answer, claims, code_form},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![sqlite:
        the_documents_of_the_three_kinds,
        oidc_d1_the_issuer_is_where_the_document_is,
        oidc_d1_there_is_no_document_of_an_unknown_server,
        oidc_d1_every_iss_is_the_issuer,
        oidc_d2_d5_required_members_are_present_and_of_their_type,
        oidc_d6_scopes_and_locales_are_well_formed,
        oidc_d7_request_objects_are_offered_explicitly,
        oidc_d9_client_authentication_methods_are_listed,
        oidc_d11_iss_and_s256_are_advertised,
        oidc_d12_standard_scopes_are_listed,
        scopes_that_are_not_published_are_not_listed,
        every_advertised_endpoint_answers,
        a_document_is_revalidated_by_its_tag,
        a_document_changes_with_its_server,
        sec_l06_any_origin_may_read_documents_without_credentials,
        documents_are_read_only,
    ]
}

const ORG_OPENID: &str = "/.well-known/openid-configuration";
const ORG_OAUTH: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/oauth2/default/.well-known/openid-configuration";
const OAUTH: &str = "/oauth2/default/.well-known/oauth-authorization-server";

/// Every address of a document, with the path of its issuer.
const DOCUMENTS: [(&str, &str); 6] = [
    (ORG_OPENID, ""),
    (ORG_OAUTH, ""),
    (OPENID, "/oauth2/default"),
    (OAUTH, "/oauth2/default"),
    ("/.well-known/oauth-authorization-server/oauth2/default", "/oauth2/default"),
    ("/.well-known/openid-configuration/oauth2/default", "/oauth2/default"),
];

async fn document(app: &TestApp, path: &str) -> Value {
    let response = app.client().get(path).await;
    assert_eq!(response.status, 200, "{path}: {}", response.text());
    assert_eq!(response.header("content-type"), Some("application/json"), "{path}");
    response.json()
}

fn texts<'a>(document: &'a Value, member: &str) -> Vec<&'a str> {
    let list = document[member].as_array().unwrap_or_else(|| panic!("`{member}` is not a list: {document}"));
    list.iter().map(|text| text.as_str().unwrap()).collect()
}

/// What clients rely on is changed knowingly: all members, in their order.
async fn the_documents_of_the_three_kinds(app: TestApp) {
    for (name, path) in [
        ("openid_configuration_org", ORG_OPENID),
        ("openid_configuration", OPENID),
        ("oauth_metadata", OAUTH),
    ] {
        let text = document(&app, path).await.to_string().replace(&app.issuer, "http://localhost:[port]");
        let shown: Value = serde_json::from_str(&text).unwrap();
        insta::assert_json_snapshot!(name, shown);
    }
}

/// Discovery §4.3, RFC 8414 §3.3: the issuer is the URL that the well-known path was joined to.
async fn oidc_d1_the_issuer_is_where_the_document_is(app: TestApp) {
    for (path, issuer) in DOCUMENTS {
        let document = document(&app, path).await;
        assert_eq!(document["issuer"], app.url(issuer), "{path}");
        for (member, value) in document.as_object().unwrap() {
            if member.ends_with("_endpoint") || member == "jwks_uri" {
                // Discovery §3: a URL, of this installation.
                let url = url::Url::parse(value.as_str().unwrap()).unwrap();
                assert_eq!(url.origin().ascii_serialization(), app.issuer, "{member}");
                assert!(url.path().starts_with("/oauth2/"), "{member}");
                assert_eq!((url.query(), url.fragment()), (None, None), "{member}");
            }
        }
    }
}

/// A server that does not exist has no metadata; the org server has it at one place only.
async fn oidc_d1_there_is_no_document_of_an_unknown_server(app: TestApp) {
    for path in [
        "/oauth2/nobody/.well-known/openid-configuration",
        "/oauth2/nobody/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration/oauth2/nobody",
        "/.well-known/oauth-authorization-server/oauth2/nobody",
        "/oauth2/org/.well-known/openid-configuration",
        "/oauth2/nobody/v1/keys",
        "/oauth2/org/v1/keys",
    ] {
        let response = app.client().get(path).await;
        assert_eq!((response.status, &response.json()["errorCode"]), (404, &"E0000007".into()), "{path}");
    }
}

/// Core §2, RFC 9207 §2: one and the same string in metadata, authorization response, ID token and access token.
async fn oidc_d1_every_iss_is_the_issuer(app: TestApp) {
    for (server, path) in [("org", ORG_OPENID), ("default", OPENID)] {
        let issuer = document(&app, path).await["issuer"].clone();
        let mut browser = Browser::new();
        let code = app.code_in(&mut browser, server, WEB, &[], ALICE).await;
        assert_eq!(answer(&browser)["iss"], issuer.as_str().unwrap());
        let form = code_form(&code);
        let tokens = app.token_at(server, WEB, &form).await.json();
        for token in ["id_token", "access_token"] {
            assert_eq!(claims(tokens[token].as_str().unwrap())["iss"], issuer, "{server} {token}");
        }
    }
}

/// Discovery §3, RFC 8414 §2: REQUIRED members, and the type that each is registered with.
async fn oidc_d2_d5_required_members_are_present_and_of_their_type(app: TestApp) {
    for path in [ORG_OPENID, OPENID] {
        let document = document(&app, path).await;
        assert!(texts(&document, "response_types_supported").contains(&"code"));
        assert!(texts(&document, "subject_types_supported").contains(&"public"));
        // Discovery §3: RS256 MUST be included.
        assert!(texts(&document, "id_token_signing_alg_values_supported").contains(&"RS256"));
        assert!(texts(&document, "scopes_supported").contains(&"openid"));
        assert!(texts(&document, "claims_supported").contains(&"sub"));
        assert!(document["userinfo_endpoint"].is_string());
    }
    for (path, _) in DOCUMENTS {
        let document = document(&app, path).await;
        // D4: refresh tokens are issued, so the grant is listed.
        assert!(texts(&document, "grant_types_supported").contains(&"refresh_token"), "{path}");
        for (member, value) in document.as_object().unwrap() {
            let fits = match member.as_str() {
                "issuer" | "jwks_uri" | "check_session_iframe" => value.is_string(),
                name if name.ends_with("_endpoint") => value.is_string(),
                "frontchannel_logout_supported"
                | "frontchannel_logout_session_supported"
                | "backchannel_logout_supported"
                | "backchannel_logout_session_supported"
                | "claims_parameter_supported"
                | "request_parameter_supported"
                | "request_uri_parameter_supported"
                | "require_pushed_authorization_requests"
                | "require_request_uri_registration"
                | "authorization_response_iss_parameter_supported" => value.is_boolean(),
                _ => {
                    value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_string))
                }
            };
            assert!(fits, "{path}: {member} = {value}");
        }
    }
}

/// RFC 6749 §3.3: `scope-token`; RFC 5646: language tags in canonical case.
async fn oidc_d6_scopes_and_locales_are_well_formed(app: TestApp) {
    for (path, _) in DOCUMENTS {
        let document = document(&app, path).await;
        let scopes = texts(&document, "scopes_supported");
        for scope in &scopes {
            let token =
                |byte: u8| byte == 0x21 || (0x23..=0x5b).contains(&byte) || (0x5d..=0x7e).contains(&byte);
            assert!(!scope.is_empty() && scope.bytes().all(token), "{scope}");
        }
        let mut once = scopes.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), scopes.len(), "{scopes:?}");
    }
    assert_eq!(texts(&document(&app, OPENID).await, "ui_locales_supported"), ["en"]);
}

/// Discovery §3: `request_uri_parameter_supported` defaults to true, so either answer is given explicitly.
async fn oidc_d7_request_objects_are_offered_explicitly(app: TestApp) {
    for (path, _) in DOCUMENTS {
        let document = document(&app, path).await;
        assert_eq!(document["request_parameter_supported"], true, "{path}");
        assert_eq!(document["request_uri_parameter_supported"], true, "{path}");
        assert_eq!(document["require_request_uri_registration"], true, "{path}");
        let algorithms = texts(&document, "request_object_signing_alg_values_supported");
        assert!(algorithms.contains(&"RS256") && !algorithms.contains(&"none"), "{path}: {algorithms:?}");
    }
}

/// Discovery §3, RFC 8414 §2: the methods of all three endpoints; with JWT methods the algorithms, never `none`.
async fn oidc_d9_client_authentication_methods_are_listed(app: TestApp) {
    for (path, _) in DOCUMENTS {
        let document = document(&app, path).await;
        for endpoint in ["token", "introspection", "revocation"] {
            let methods = texts(&document, &format!("{endpoint}_endpoint_auth_methods_supported")).join(" ");
            assert_eq!(
                methods, "client_secret_basic client_secret_post client_secret_jwt private_key_jwt none",
                "{path}"
            );
            let algorithms =
                texts(&document, &format!("{endpoint}_endpoint_auth_signing_alg_values_supported")).join(" ");
            assert!(!algorithms.contains("none") && algorithms.contains("ES256"), "{algorithms}");
        }
    }
}

/// RFC 9207 §3, RFC 8414 §2, RFC 9700 §2.1.1: `plain` is not offered.
async fn oidc_d11_iss_and_s256_are_advertised(app: TestApp) {
    for (path, _) in DOCUMENTS {
        let document = document(&app, path).await;
        assert_eq!(document["authorization_response_iss_parameter_supported"], true, "{path}");
        assert_eq!(texts(&document, "code_challenge_methods_supported"), ["S256"], "{path}");
    }
}

/// Core §5.4, §11.
async fn oidc_d12_standard_scopes_are_listed(app: TestApp) {
    for (path, _) in DOCUMENTS {
        let document = document(&app, path).await;
        let scopes = texts(&document, "scopes_supported");
        for scope in ["openid", "profile", "email", "address", "phone", "offline_access"] {
            assert!(scopes.contains(&scope), "{path}: {scope}");
        }
    }
}

/// RFC 8414 §2: a server may choose not to advertise some scopes.
async fn scopes_that_are_not_published_are_not_listed(app: TestApp) {
    let before = document(&app, OPENID).await;
    assert!(texts(&before, "scopes_supported").contains(&"car:drive"));
    add_scope(&app, "car:crash", false).await;
    let after = document(&app, OPENID).await;
    assert!(!texts(&after, "scopes_supported").contains(&"car:crash"));
}

async fn add_scope(app: &TestApp, name: &str, published: bool) {
    let default = stepgate::id::AuthorizationServerId::new("default");
    let scope = Scope {
        id: ScopeId::generate(app.app.random.as_ref()),
        name: name.to_owned(),
        display_name: None,
        description: None,
        consent: stepgate::model::authorization_server::ScopeConsent::Implicit,
        optional: false,
        default: false,
        published,
        system: false,
        sensitive: false,
    };
    let tx = app.app.db.begin_write().await.unwrap();
    store::server::upsert_scope(&tx, &default, &scope).await.unwrap();
    tx.commit().await.unwrap();
    app.app.forget_configuration();
}

/// Nothing is advertised that is not there: each endpoint answers in its own way, and none with 404.
async fn every_advertised_endpoint_answers(app: TestApp) {
    for (path, _) in DOCUMENTS {
        let document = document(&app, path).await;
        let mut seen = 0;
        for (member, url) in document.as_object().unwrap() {
            let kind = if member == "jwks_uri" { member } else { member.trim_end_matches("_endpoint") };
            if kind == member && member != "jwks_uri" {
                continue;
            }
            seen += 1;
            let url = url.as_str().unwrap();
            let path = url.strip_prefix(app.issuer.as_str()).unwrap();
            let client = app.client();
            let form = [("token", "x"), ("grant_type", "client_credentials")];
            let response = match kind {
                "token"
                | "introspection"
                | "revocation"
                | "pushed_authorization_request"
                | "device_authorization" => client.post_form(path, &form).await,
                _ => client.get(path).await,
            };
            let (status, media_type) = match kind {
                "jwks_uri" => (200, "application/json"),
                "authorization" => (400, "text/html; charset=utf-8"),
                "end_session" => (200, "text/html; charset=utf-8"),
                "userinfo" | "registration" => (401, ""),
                "token"
                | "introspection"
                | "revocation"
                | "pushed_authorization_request"
                | "device_authorization" => (401, "application/json;charset=UTF-8"),
                other => panic!("`{other}` is advertised and not known to this test"),
            };
            assert_eq!(response.status, status, "{member}: {}", response.text());
            assert_eq!(response.header("content-type").unwrap_or_default(), media_type, "{member}");
        }
        assert!(seen >= 6, "{document}");
    }
}

/// RFC 9110 §8.8.3, §13.1.2: the tag that was given out answers 304 without a body; another one does not.
async fn a_document_is_revalidated_by_its_tag(app: TestApp) {
    let keys = [("/oauth2/v1/keys", ""), ("/oauth2/default/v1/keys", ""), ("/v1/keys", "")];
    for (path, _) in DOCUMENTS.into_iter().chain(keys) {
        let first = app.client().get(path).await;
        let tag = first.header("etag").unwrap().to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
        let cache_control = first.header("cache-control").unwrap();
        assert!(cache_control.starts_with("max-age="), "{path}: {cache_control}");
        for same in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            let again = app.client().request(Method::GET, path).header("if-none-match", &same).send().await;
            assert_eq!((again.status, again.body.len()), (304, 0), "{path} {same}");
            // RFC 9110 §15.4.5: what a 200 would have said about caching is repeated.
            assert_eq!(again.header("etag"), Some(tag.as_str()), "{path}");
            assert_eq!(again.header("cache-control"), first.header("cache-control"), "{path}");
        }
        let other = app.client().request(Method::GET, path).header("if-none-match", "\"other\"").send().await;
        assert_eq!((other.status, other.body == first.body), (200, true), "{path}");
    }
}

/// A tag names the content: it does not survive a change.
async fn a_document_changes_with_its_server(app: TestApp) {
    let before = app.client().get(OPENID).await;
    let org = app.client().get(ORG_OPENID).await;
    add_scope(&app, "car:wash", true).await;
    let tag = before.header("etag").unwrap();
    let after = app.client().request(Method::GET, OPENID).header("if-none-match", tag).send().await;
    assert_eq!(after.status, 200);
    assert_ne!(after.header("etag"), Some(tag));
    assert!(texts(&after.json(), "scopes_supported").contains(&"car:wash"));
    assert_eq!(app.client().get(ORG_OPENID).await.header("etag"), org.header("etag"));
}

/// Documents are public: any origin, never with credentials. The authorization endpoint is for navigation only.
async fn sec_l06_any_origin_may_read_documents_without_credentials(app: TestApp) {
    let keys = ["/oauth2/v1/keys", "/oauth2/default/v1/keys", "/v1/keys"];
    for path in DOCUMENTS.into_iter().map(|(path, _)| path).chain(keys) {
        for origin in ["https://anybody.example", "null"] {
            let response = app.client().request(Method::GET, path).header("origin", origin).send().await;
            assert_eq!(response.header("access-control-allow-origin"), Some("*"), "{path}");
            assert_eq!(response.header("access-control-allow-credentials"), None, "{path}");
            let preflight = app
                .client()
                .request(Method::OPTIONS, path)
                .header("origin", origin)
                .header("access-control-request-method", "GET")
                .send()
                .await;
            assert_eq!(preflight.status, 204, "{path}");
            assert_eq!(preflight.header("access-control-allow-origin"), Some("*"), "{path}");
            assert_eq!(preflight.header("access-control-allow-credentials"), None, "{path}");
        }
    }
    let response = app
        .client()
        .request(Method::GET, "/oauth2/default/v1/authorize")
        .header("origin", "https://app.example.com")
        .send()
        .await;
    assert_eq!(response.header("access-control-allow-origin"), None);
}

async fn documents_are_read_only(app: TestApp) {
    let keys = ["/oauth2/v1/keys", "/oauth2/default/v1/keys", "/v1/keys"];
    for path in DOCUMENTS.into_iter().map(|(path, _)| path).chain(keys) {
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            let response = app.client().request(method.clone(), path).send().await;
            assert_eq!(response.status, 405, "{method} {path}");
            assert_eq!(response.json()["errorCode"], "E0000022", "{method} {path}");
        }
    }
}
