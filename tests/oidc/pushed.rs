//! Pushed authorization requests (RFC 9126), by the ids of the conformance checklist (Q).

use std::collections::BTreeSet;

use http::Method;
use keys::{Algorithm, SigningKey};
use serde_json::json;

use crate::{
    security::{assert_page, assert_refused},
    support::{
        Test, TestApp,
        fixtures::{self, ALICE, OTHER, PASSWORD, REDIRECT_URI, SECRET, SPA, WEB, WEB_JWT, WEB_POST},
        http::Browser,
        op::{answer, authorization_request, claims, sign_in_on},
        par::request_uri,
    },
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            oidc_q1_a_pushed_request_is_taken_and_answered,
            oidc_q4_a_request_uri_can_be_opened_again_until_the_flow_is_completed;
        sqlite:
            oidc_q1_every_authentication_method_pushes,
            oidc_q1_only_post_pushes,
            oidc_q1_browsers_may_push_from_known_origins,
            oidc_q2_everything_is_validated_when_it_is_pushed,
            oidc_q3_nothing_outside_counts_or_leaks,
            oidc_q4_a_request_uri_is_of_one_client_and_server_and_expires,
            oidc_q5_clients_that_must_push_are_refused_at_authorize,
            oidc_d11_the_endpoint_is_advertised
    ]
}

const PAR: &str = "/oauth2/default/v1/par";

/// Q1: 201 with a name of at least 128 random bits and its lifetime (RFC 9126 §2.2); nobody stores the answer.
async fn oidc_q1_a_pushed_request_is_taken_and_answered(app: TestApp) {
    let mut names = BTreeSet::new();
    for _ in 0..8 {
        let pushed = app.push(WEB, &[]).await;
        assert_eq!(pushed.status, 201, "{}", pushed.text());
        assert_eq!(pushed.header("cache-control"), Some("no-store"));
        assert!(pushed.header("content-type").unwrap().starts_with("application/json"));
        let body = pushed.json();
        assert_eq!(body["expires_in"], 60);
        assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
        let name = request_uri(&pushed);
        let random = name.strip_prefix("urn:ietf:params:oauth:request_uri:").unwrap();
        assert!(random.len() >= 43, "256 bits: {random}");
        names.insert(name);
    }
    assert_eq!(names.len(), 8);
    let mut browser = Browser::new();
    app.sign_in(&mut browser, &app.pushed_url(WEB, names.first().unwrap()), ALICE).await;
    let answer = answer(&browser);
    assert_eq!(answer["state"], "a-state");
    let tokens = app.redeem(WEB, &answer["code"]).await;
    assert_eq!(claims(tokens.json()["id_token"].as_str().unwrap())["nonce"], "a-nonce");
}

/// Q1: clients authenticate as at the token endpoint, public ones give their name (RFC 9126 §2).
async fn oidc_q1_every_authentication_method_pushes(app: TestApp) {
    let post = async |form: Vec<(&str, &str)>| app.client().post_form(PAR, &form).await;
    let mut form = authorization_request(WEB_POST, &[]);
    form.push(("client_secret", SECRET));
    assert_eq!(post(form).await.status, 201);
    assert_eq!(post(authorization_request(SPA, &[])).await.status, 201);
    let mac = keys::sign::MacKey::new(keys::MacAlgorithm::Hs256, SECRET.as_bytes()).unwrap();
    for audience in ["/oauth2/default", "/oauth2/default/v1/token", PAR] {
        let assertion = mac.sign_jwt(None, &app.assertion_claims(WEB_JWT, app.url(audience))).unwrap();
        let form = authorization_request(WEB_JWT, &[]);
        let pushed = crate::support::assertion::present(&app.client(), PAR, &assertion, &form).await;
        assert_eq!(pushed.status, 201, "{audience}: {}", pushed.text());
        let again = crate::support::assertion::present(&app.client(), PAR, &assertion, &form).await;
        assert_refused(&again, 401, "invalid_client");
    }
    // The header names the client well enough.
    assert_eq!(app.push(WEB, &[("client_id", "-")]).await.status, 201);
    assert_eq!(app.push_at("org", WEB, &[]).await.status, 201);
}

/// Q1: other methods are not allowed (RFC 9126 §2.3).
async fn oidc_q1_only_post_pushes(app: TestApp) {
    for path in [PAR, "/oauth2/v1/par"] {
        for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
            let response = app.client().request(method, path).basic(WEB, SECRET).send().await;
            assert_eq!(response.status, 405, "{}", response.text());
        }
    }
    assert_eq!(app.push_at("nothing", WEB, &[]).await.status, 404);
}

/// Single-page applications push from their own origin, and no other page does for them.
async fn oidc_q1_browsers_may_push_from_known_origins(app: TestApp) {
    for (origin, allowed) in [("https://app.example.com", true), ("https://evil.example", false)] {
        let request = app.client().request(Method::POST, PAR).header("origin", origin);
        let pushed = request.form(&authorization_request(SPA, &[])).send().await;
        let told = pushed.header("access-control-allow-origin");
        assert_eq!(told, allowed.then_some(origin));
    }
}

/// Q2: what the authorization endpoint would refuse is refused now, to the client itself (RFC 9126 §2.1, §2.3).
async fn oidc_q2_everything_is_validated_when_it_is_pushed(app: TestApp) {
    for (more, error) in [
        (("request_uri", "urn:ietf:params:oauth:request_uri:x"), "invalid_request"),
        (("request_uri", "https://app.example.com/request.jwt"), "invalid_request"),
        (("redirect_uri", "https://evil.example/"), "invalid_request"),
        (("redirect_uri", "-"), "invalid_request"),
        (("response_type", "-"), "invalid_request"),
        (("response_type", "foo"), "unsupported_response_type"),
        (("response_type", "token"), "unsupported_response_type"),
        (("response_mode", "foo"), "invalid_request"),
        (("scope", "nothing"), "invalid_scope"),
        (("prompt", "none login"), "invalid_request"),
        (("max_age", "-1"), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", "-"), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("code_challenge", "-"), "invalid_request"),
        (("id_token_hint", "x"), "invalid_request"),
        (("state", &"s".repeat(2049)), "invalid_request"),
    ] {
        let refused = app.push(WEB, &[more]).await;
        assert_refused(&refused, 400, error);
        assert!(refused.json().get("request_uri").is_none(), "{more:?}");
    }
    let mut form = authorization_request(SPA, &[("code_challenge", "-"), ("code_challenge_method", "-")]);
    assert_refused(&app.client().post_form(PAR, &form).await, 400, "invalid_request");
    form = authorization_request(SPA, &[]);
    form.push(("state", "another"));
    assert_refused(&app.client().post_form(PAR, &form).await, 400, "invalid_request");
    let encoded = "client_id=spa&state=%zz".to_owned();
    let broken = app.client().request(Method::POST, PAR).body("application/x-www-form-urlencoded", encoded);
    assert_refused(&broken.send().await, 400, "invalid_request");
    let json = app.client().post_json(PAR, &json!({"client_id": SPA})).await;
    assert_refused(&json, 400, "invalid_request");
}

/// Q3: `client_id` and `request_uri` are all it needs; whatever else the browser brings is ignored (RFC 9126 §4).
async fn oidc_q3_nothing_outside_counts_or_leaks(app: TestApp) {
    let name = app.pushed(WEB, &[("scope", "openid profile")]).await;
    let mut url = url::Url::parse(&app.pushed_url(WEB, &name)).unwrap();
    for (name, value) in [
        ("state", "outer-state"),
        ("nonce", "outer-nonce"),
        ("scope", "openid email outer"),
        ("redirect_uri", "https://evil.example/"),
        ("response_type", "id_token"),
        ("response_mode", "fragment"),
        ("prompt", "none"),
        ("max_age", "outer"),
        ("login_hint", "outer-hint"),
        ("code_challenge", "outer"),
        ("request", "outer"),
        ("resource", "https://outer.example"),
    ] {
        url.query_pairs_mut().append_pair(name, value);
    }
    let mut browser = Browser::new();
    let page = browser.open(url.as_str()).await;
    assert!(page.body_contains("login-page") && !page.body_contains("outer"), "{}", page.words());
    sign_in_on(&mut browser, &page, ALICE, PASSWORD).await;
    assert!(browser.url().as_str().starts_with(REDIRECT_URI) && !browser.url().as_str().contains("outer"));
    let answer = answer(&browser);
    assert_eq!(answer["state"], "a-state");
    let tokens = app.redeem(WEB, &answer["code"]).await.json();
    assert_eq!(tokens["scope"], "openid profile");
    assert_eq!(claims(tokens["id_token"].as_str().unwrap())["nonce"], "a-nonce");
    // No state was pushed, so none comes back.
    let name = app.pushed(WEB, &[("state", "-")]).await;
    browser.open(&format!("{}&state=outer-state", app.pushed_url(WEB, &name))).await;
    assert_eq!(
        crate::support::op::answer(&browser).into_keys().collect::<Vec<_>>(),
        ["code", "iss", "session_state"],
        "{}",
        browser.url()
    );
}

/// Q4: bound to its client and its server, for its lifetime (RFC 9126 §2.2, §4).
async fn oidc_q4_a_request_uri_is_of_one_client_and_server_and_expires(app: TestApp) {
    let name = app.pushed(WEB, &[]).await;
    let mut browser = Browser::new();
    assert_page(&browser.open(&app.pushed_url(OTHER, &name)).await, "invalid_request_uri");
    let org = app.pushed_url(WEB, &name).replace("/oauth2/default/", "/oauth2/");
    assert_page(&browser.open(&org).await, "invalid_request_uri");
    let unknown = "urn:ietf:params:oauth:request_uri:unknown";
    assert_page(&browser.open(&app.pushed_url(WEB, unknown)).await, "invalid_request_uri");
    assert_page(&browser.open(&app.pushed_url("nobody", &name)).await, "invalid_client");
    app.clock.advance(59);
    assert!(browser.open(&app.pushed_url(WEB, &name)).await.body_contains("login-page"));
    app.clock.advance(2);
    assert_page(&browser.open(&app.pushed_url(WEB, &name)).await, "invalid_request_uri");
}

/// Q4: what counts is the end of the flow, not the first look at it.
async fn oidc_q4_a_request_uri_can_be_opened_again_until_the_flow_is_completed(app: TestApp) {
    let name = app.pushed(WEB, &[]).await;
    let url = app.pushed_url(WEB, &name);
    let mut browser = Browser::new();
    let first = browser.open(&url).await;
    let second = browser.open(&url).await;
    let third = Browser::new().open(&url).await;
    assert!([&first, &second, &third].iter().all(|page| page.body_contains("login-page")));
    // Longer than it can be opened, but begun in time.
    app.clock.advance(300);
    sign_in_on(&mut browser, &second, ALICE, PASSWORD).await;
    assert!(answer(&browser).contains_key("code"), "{}", browser.url());
    assert_page(&browser.open(&url).await, "invalid_request_uri");
}

/// Q5: a client that must push is refused with `invalid_request` (RFC 9126 §6; FAPI 2.0 Security Profile §5.3.2.2).
async fn oidc_q5_clients_that_must_push_are_refused_at_authorize(app: TestApp) {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let code = json!({"redirect_uris": [REDIRECT_URI], "grant_types": ["authorization_code"]});
    let with = |more: serde_json::Value| {
        let mut metadata = code.clone();
        metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        metadata
    };
    let pushing = with(json!({"require_pushed_authorization_requests": true}));
    fixtures::client(&app.app, "pushing", pushing, Some(SECRET)).await;
    let fapi2 = with(json!({
        "profile": "fapi2",
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [key.public_jwk()]},
    }));
    fixtures::client(&app.app, "fapi2", fapi2, None).await;
    for client in ["pushing", "fapi2"] {
        let mut browser = Browser::new();
        browser.open(&app.authorize_url(client, &[])).await;
        let refused = answer(&browser);
        assert_eq!((refused["error"].as_str(), refused["state"].as_str()), ("invalid_request", "a-state"));
    }
    let mut browser = Browser::new();
    let name = app.pushed("pushing", &[]).await;
    app.sign_in(&mut browser, &app.pushed_url("pushing", &name), ALICE).await;
    assert!(answer(&browser).contains_key("code"), "{}", browser.url());
    let name = request_uri(&app.push_by_assertion("fapi2", &key, &[]).await);
    browser.open(&app.pushed_url("fapi2", &name)).await;
    assert!(answer(&browser).contains_key("code"), "{}", browser.url());
    // FAPI 2.0: PKCE and the redirect URI are part of what is pushed.
    for (more, error) in [
        (("code_challenge", "-"), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("response_type", "code id_token"), "unauthorized_client"),
    ] {
        assert_refused(&app.push_by_assertion("fapi2", &key, &[more]).await, 400, error);
    }
    let missing = app.push_by_assertion("fapi2", &key, &[("redirect_uri", "-"), ("scope", "-")]).await;
    assert_eq!(missing.status, 400);
}

/// RFC 9126 §5.
async fn oidc_d11_the_endpoint_is_advertised(app: TestApp) {
    for (path, endpoint) in [("/oauth2/default", PAR), ("", "/oauth2/v1/par")] {
        let metadata = app.client().get(&format!("{path}/.well-known/openid-configuration")).await.json();
        assert_eq!(metadata["pushed_authorization_request_endpoint"], app.url(endpoint));
        assert_eq!(metadata["require_pushed_authorization_requests"], false);
    }
}
