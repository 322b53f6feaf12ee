//! A8: redirect URIs whose lowest label may vary (Okta's `wildcard_redirect`), which are as narrow as a pattern can be.

use http::Method;
use serde_json::{Value, json};
use stepgate::protocol::client_metadata::ClientMetadata;

use super::{assert_page, assert_refused, traces};
use crate::support::{
    Test, TestApp,
    fixtures::{self, ALICE, REDIRECT_URI, SECRET},
    http::Browser,
    op::{VERIFIER, answer},
    registration::{CLIENTS, open, web},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        sqlite:
            sec_a08_a_code_goes_to_any_one_label_and_nowhere_else,
            sec_a08_a_pattern_is_no_address,
            sec_a08_a_wildcard_widens_no_origin,
            sec_a08_only_an_administrator_turns_wildcards_on;
        plain:
            sec_a08_wildcards_are_off_by_default,
            sec_a08_a_wildcard_is_https_below_a_domain_of_ones_own,
            sec_a08_where_uris_are_compared_exactly_there_is_no_wildcard
    ]
}

const PATTERN: &str = "https://*.apps.example.com/cb?x=1";

fn metadata(more: Value) -> Value {
    let mut metadata = json!({
        "redirect_uris": [PATTERN, "https://pr-*.example.com:8443/cb"],
        "wildcard_redirect": "SUBDOMAIN",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
    });
    let Value::Object(more) = more else { panic!("members") };
    metadata.as_object_mut().unwrap().extend(more);
    metadata
}

/// The member that is refused.
fn refused(metadata: Value) -> Option<&'static str> {
    let metadata: ClientMetadata = serde_json::from_value(metadata).unwrap();
    metadata.with_defaults().validate().err().map(|error| error.member)
}

/// RFC 9700 §4.1.1: a pattern that matches more than was meant gives codes away. `*` is part of one label: never a dot,
/// never nothing, never another character.
async fn sec_a08_a_code_goes_to_any_one_label_and_nowhere_else(app: TestApp) {
    fixtures::client(&app.app, "many", metadata(json!({})), Some(SECRET)).await;
    for uri in ["https://one.apps.example.com/cb?x=1", "https://pr-17.example.com:8443/cb"] {
        let mut browser = Browser::new();
        let code = app.code_in(&mut browser, "default", "many", &[("redirect_uri", uri)], ALICE).await;
        assert!(browser.url().as_str().starts_with(uri), "{}", browser.url());
        let redeem = async |redirect_uri: &str| {
            let form = [
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("redirect_uri", redirect_uri),
                ("code_verifier", VERIFIER),
            ];
            app.token("many", &form).await
        };
        // RFC 6749 §4.1.3: identical to that of the request, not merely fitting.
        let other = uri.replace("one", "two").replace("17", "18");
        assert_refused(&redeem(&other).await, 400, "invalid_grant");
        assert_refused(&redeem(PATTERN).await, 400, "invalid_grant");
        assert_eq!(redeem(uri).await.status, 200);
    }
    let before = traces(&app).await;
    for uri in [
        "https://a.b.apps.example.com/cb?x=1",
        "https://.apps.example.com/cb?x=1",
        "https://apps.example.com/cb?x=1",
        "https://*.apps.example.com/cb?x=1",
        "https://%61.apps.example.com/cb?x=1",
        "https://A.apps.example.com/cb?x=1",
        "https://-a.apps.example.com/cb?x=1",
        "https://a_b.apps.example.com/cb?x=1",
        "https://xn--a.apps.example.com/cb?x=1",
        "https://\u{430}.apps.example.com/cb?x=1",
        "https://evil.com/.apps.example.com/cb?x=1",
        "https://evil.com?.apps.example.com/cb?x=1",
        "https://evil.com#.apps.example.com/cb?x=1",
        "https://evil.com\\.apps.example.com/cb?x=1",
        "https://evil.com:443.apps.example.com/cb?x=1",
        "https://user@one.apps.example.com/cb?x=1",
        "https://evil.com@one.apps.example.com/cb?x=1",
        "https://one.apps.example.com.evil.com/cb?x=1",
        "https://one.apps.example.com:8443/cb?x=1",
        "https://one.apps.example.com/cb",
        "https://one.apps.example.com/cb?x=2",
        "https://one.apps.example.com/cb?x=1&y=2",
        "https://one.apps.example.com/cb?x=1#f",
        "http://one.apps.example.com/cb?x=1",
        "HTTPS://one.apps.example.com/cb?x=1",
        "https://pr-.example.com:8443/cb",
        "https://pr-1.example.com/cb",
        "https://17.example.com:8443/cb",
        "https://pr-1.2.example.com:8443/cb",
    ] {
        let response = app.client().get(&app.authorize_url("many", &[("redirect_uri", uri)])).await;
        assert_page(&response, "invalid_redirect_uri");
    }
    assert_eq!(traces(&app).await, before);
}

/// RFC 6749 §3.1.2.3: with one registered URI a request may leave it out; with a pattern there is nothing to send to.
async fn sec_a08_a_pattern_is_no_address(app: TestApp) {
    fixtures::client(&app.app, "one", metadata(json!({"redirect_uris": [PATTERN]})), Some(SECRET)).await;
    let url = app.authorize_url("one", &[("redirect_uri", "-"), ("scope", "car:drive")]);
    let before = traces(&app).await;
    let response = app.client().get(&url).await;
    assert_eq!((response.status, response.header("location")), (400, None), "{}", response.words());
    assert_eq!(traces(&app).await, before);
    // Nor does a request object or a pushed request reach further.
    let form = [
        ("response_type", "code"),
        ("scope", "openid"),
        ("redirect_uri", "https://a.b.apps.example.com/cb?x=1"),
        ("code_challenge", crate::support::op::CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let request = app.client().request(Method::POST, "/oauth2/default/v1/par").basic("one", SECRET);
    assert_refused(&request.form(&form).send().await, 400, "invalid_request");
    let form = form.map(|(name, value)| (name, value.replace("a.b", "a")));
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let request = app.client().request(Method::POST, "/oauth2/default/v1/par").basic("one", SECRET);
    assert_eq!(request.form(&form).send().await.status, 201);
}

/// A page of a fitting label may receive codes; what it may read and where it may send browsers is not widened by a
/// pattern. Its origin is trusted by name, or not at all.
async fn sec_a08_a_wildcard_widens_no_origin(app: TestApp) {
    let public = json!({
        "application_type": "browser",
        "token_endpoint_auth_method": "none",
        "initiate_login_uri": "https://start.apps.example.com/login",
    });
    fixtures::client(&app.app, "pages", metadata(public), None).await;
    let uri = "https://one.apps.example.com/cb?x=1";
    let mut browser = Browser::new();
    let code = app.code_in(&mut browser, "default", "pages", &[("redirect_uri", uri)], ALICE).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "pages"),
        ("code", code.as_str()),
        ("redirect_uri", uri),
        ("code_verifier", VERIFIER),
    ];
    for origin in ["https://one.apps.example.com", "https://*.apps.example.com"] {
        let request = app.client().request(Method::POST, "/oauth2/default/v1/token");
        let response = request.header("origin", origin).form(&form).send().await;
        assert_refused(&response, 400, "unauthorized_client");
        assert_eq!(response.header("access-control-allow-origin"), None, "{origin}");
    }
    // The code was not spent on it.
    let request = app.client().request(Method::POST, "/oauth2/default/v1/token");
    assert_eq!(request.form(&form).send().await.status, 200);
    // Core §4: `target_link_uri` is passed on to the origins of redirect URIs.
    let link = "/login/initiate?client_id=pages&target_link_uri=https%3A%2F%2Fone.apps.example.com%2Fx";
    let location = app.client().get(link).await.location().unwrap();
    assert!(location.as_str().starts_with("https://start.apps.example.com/login?iss="), "{location}");
    assert!(!location.as_str().contains("target_link_uri"), "{location}");
}

/// RFC 7591 §5: what a client says of itself loosens nothing.
async fn sec_a08_only_an_administrator_turns_wildcards_on(app: TestApp) {
    let app = open(app).await;
    let wanted = web(json!({"redirect_uris": [PATTERN], "wildcard_redirect": "SUBDOMAIN"}));
    let response = app.clients(Method::POST, CLIENTS, "", Some(&wanted)).await;
    assert_refused(&response, 400, "invalid_redirect_uri");
    let known = app.register("", &web(json!({"wildcard_redirect": "SUBDOMAIN"}))).await;
    assert!(known.document.get("wildcard_redirect").is_none(), "{}", known.document);
    let response = app.clients(Method::PUT, &known.path(), &known.token, Some(&wanted)).await;
    assert_refused(&response, 400, "invalid_redirect_uri");
    // What an administrator decided stays when the client writes its metadata again.
    fixtures::client(&app.app, &known.id, metadata(json!({})), None).await;
    let response = app
        .clients(
            Method::PUT,
            &known.path(),
            &known.token,
            Some(&web(json!({
                "redirect_uris": [PATTERN, REDIRECT_URI],
            }))),
        )
        .await;
    assert_eq!(response.status, 200, "{}", response.text());
    let mut browser = Browser::new();
    let uri = "https://one.apps.example.com/cb?x=1";
    app.sign_in(&mut browser, &app.authorize_url(&known.id, &[("redirect_uri", uri)]), ALICE).await;
    assert!(answer(&browser).contains_key("code"), "{}", browser.url());
}

/// RFC 9700 §2.1: exact comparison, unless somebody asks for less.
fn sec_a08_wildcards_are_off_by_default() {
    assert_eq!(refused(json!({"redirect_uris": [PATTERN]})), Some("redirect_uris"));
    let off = json!({"redirect_uris": [PATTERN], "wildcard_redirect": "DISABLED"});
    assert_eq!(refused(off), Some("redirect_uris"));
    assert_eq!(refused(metadata(json!({}))), None);
    // A pattern that was registered once is dead when wildcards are turned off.
    let stored: ClientMetadata = serde_json::from_value(json!({"redirect_uris": [PATTERN]})).unwrap();
    assert!(!stored.accepts_redirect_uri("https://one.apps.example.com/cb?x=1"));
    assert!(!stored.accepts_redirect_uri(PATTERN));
    assert!(serde_json::from_value::<ClientMetadata>(json!({"wildcard_redirect": "DOMAIN"})).is_err());
}

/// Whoever can have a name below it would receive codes.
fn sec_a08_a_wildcard_is_https_below_a_domain_of_ones_own() {
    for uri in [
        "https://*.com/cb",
        "https://*.co.uk/cb",
        "https://*.github.io/cb",
        "https://*/cb",
        "https://app.*.example.com/cb",
        "https://*.*.example.com/cb",
        "https://**.example.com/cb",
        "http://*.example.com/cb",
        "http://*.localhost/cb",
        "https://*.example.com/cb#f",
        "https://*@example.com/cb",
    ] {
        assert_eq!(refused(metadata(json!({"redirect_uris": [uri]}))), Some("redirect_uris"), "{uri}");
    }
    // `*` elsewhere is a character.
    let path = "https://app.example.com/*";
    let stored: ClientMetadata = serde_json::from_value(metadata(json!({"redirect_uris": [path]}))).unwrap();
    assert_eq!(stored.clone().with_defaults().validate(), Ok(()));
    assert!(stored.accepts_redirect_uri(path) && !stored.accepts_redirect_uri("https://app.example.com/x"));
}

/// FAPI 2.0 Security Profile §5.3.2.2; Okta: none for logout; OpenID Connect Core §8.1: a pattern is no one host.
fn sec_a08_where_uris_are_compared_exactly_there_is_no_wildcard() {
    let fapi2 = json!({
        "redirect_uris": [REDIRECT_URI],
        "profile": "fapi2",
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [{"kty": "EC", "crv": "P-256", "x": "a", "y": "b"}]},
    });
    assert_eq!(refused(metadata(fapi2)), Some("wildcard_redirect"));
    let logout = json!({"post_logout_redirect_uris": [PATTERN]});
    assert_eq!(refused(metadata(logout)), Some("post_logout_redirect_uris"));
    assert_eq!(refused(metadata(json!({"subject_type": "pairwise"}))), Some("subject_type"));
    let frame = json!({"frontchannel_logout_uri": "https://one.apps.example.com/out"});
    assert_eq!(refused(metadata(frame)), Some("frontchannel_logout_uri"));
}
