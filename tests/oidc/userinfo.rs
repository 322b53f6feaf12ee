//! Userinfo: OpenID Connect Core §5.3–5.4, RFC 6750.

use http::Method;
use serde_json::{Value, json};

use crate::support::{
    Test, TestApp,
    fixtures::{ALICE, BOB, MACHINE, SECRET, WEB},
    http::{Browser, Response},
    op::{claims, code_form},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage: oidc_u1_the_subject_is_the_one_of_the_id_token;
        sqlite:
            oidc_u1_the_token_is_taken_from_header_and_form,
            oidc_u1_invalid_tokens_are_challenged,
            oidc_t6_the_scheme_is_compared_without_case,
            oidc_t7_a_token_in_the_query_is_refused,
            oidc_t8_the_answer_is_dated_whatever_is_accepted,
            oidc_u3_each_scope_brings_its_claims,
            oidc_u4_claims_have_their_types,
            oidc_u4_claims_without_a_value_are_left_out,
            openid_alone_brings_the_subject_alone,
            sec_k01_only_access_tokens_open_it,
            sec_k01_a_token_without_openid_is_refused,
            sec_k01_two_tokens_are_refused,
            sec_k01_an_expired_token_is_refused,
            sec_k06_a_token_of_another_authorization_server_is_refused,
            a_dpop_scheme_does_not_take_a_bearer_token,
            sec_l06_only_origins_of_the_client_may_read_it,
    ]
}

const ENDPOINT: &str = "/oauth2/default/v1/userinfo";

fn access(tokens: &Value) -> &str {
    tokens["access_token"].as_str().unwrap()
}

fn challenge(response: &Response) -> &str {
    response.header("www-authenticate").unwrap_or_else(|| panic!("no challenge: {}", response.status))
}

/// Core §5.3.2: `sub` MUST be there and equal the ID token's; JSON, which nobody may keep.
async fn oidc_u1_the_subject_is_the_one_of_the_id_token(app: TestApp) {
    let tokens = app.tokens(WEB, "openid profile", ALICE).await;
    let response = app.userinfo(access(&tokens)).await;
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.header("content-type"), Some("application/json;charset=UTF-8"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.json()["sub"], claims(tokens["id_token"].as_str().unwrap())["sub"]);
}

/// Core §5.3.1, RFC 6750 §2.1–2.2: GET and POST with a header, POST with a form.
async fn oidc_u1_the_token_is_taken_from_header_and_form(app: TestApp) {
    let tokens = app.tokens(WEB, "openid", ALICE).await;
    let token = access(&tokens);
    let request = |method| app.client().request(method, ENDPOINT);
    for (what, request) in [
        ("GET", request(Method::GET).bearer(token)),
        ("POST", request(Method::POST).bearer(token)),
        ("POST with another form", request(Method::POST).bearer(token).form(&[("a", "b")])),
        ("POST with JSON", request(Method::POST).bearer(token).json(&json!({}))),
        ("form", request(Method::POST).form(&[("access_token", token)])),
    ] {
        let response = request.send().await;
        assert_eq!(response.status, 200, "{what}: {}", response.text());
        assert_eq!(response.json()["sub"], claims(tokens["id_token"].as_str().unwrap())["sub"], "{what}");
    }
    // RFC 6750 §2.2: not in the form of a GET, nor in a body of another type.
    let json = request(Method::POST).json(&json!({"access_token": token})).send().await;
    assert_eq!(json.status, 401);
}

/// RFC 6750 §3, §3.1: without a token a bare challenge, with a bad one `invalid_token`.
async fn oidc_u1_invalid_tokens_are_challenged(app: TestApp) {
    for request in [
        app.client().request(Method::GET, ENDPOINT),
        app.client().request(Method::POST, ENDPOINT).form(&[]),
        app.client().request(Method::GET, ENDPOINT).basic(WEB, SECRET),
    ] {
        let response = request.send().await;
        assert_eq!(response.status, 401);
        let challenge = challenge(&response);
        assert!(challenge.starts_with("Bearer ") && !challenge.contains("error"), "{challenge}");
    }
    for token in ["never-issued", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
        let response = app.userinfo(token).await;
        assert_eq!(response.status, 401, "{token}");
        let challenge = challenge(&response);
        assert!(
            challenge.starts_with("Bearer ") && challenge.contains(r#"error="invalid_token""#),
            "{challenge}"
        );
        assert_eq!(response.header("cache-control"), Some("no-store"));
    }
    // RFC 6750 §3.1: what is not a token at all is an invalid request.
    let response = app.client().request(Method::GET, ENDPOINT).header("authorization", "Bearer").send().await;
    assert_eq!(response.status, 400);
    assert!(challenge(&response).contains(r#"error="invalid_request""#));
}

/// RFC 9110 §11.1.
async fn oidc_t6_the_scheme_is_compared_without_case(app: TestApp) {
    let tokens = app.tokens(WEB, "openid", ALICE).await;
    for scheme in ["bearer", "BEARER", "bEaReR"] {
        let header = format!("{scheme} {}", access(&tokens));
        let request = app.client().request(Method::GET, ENDPOINT).header("authorization", &header);
        assert_eq!(request.send().await.status, 200, "{scheme}");
    }
}

/// RFC 9700 §4.3.2: URLs are logged and remembered; RFC 6750 §2.3 is not supported.
async fn oidc_t7_a_token_in_the_query_is_refused(app: TestApp) {
    let tokens = app.tokens(WEB, "openid", ALICE).await;
    let path = format!("{ENDPOINT}?access_token={}", access(&tokens));
    for request in [
        app.client().request(Method::GET, &path),
        app.client().request(Method::POST, &path),
        app.client().request(Method::GET, &path).bearer(access(&tokens)),
    ] {
        let response = request.send().await;
        assert_eq!(response.status, 400);
        assert!(challenge(&response).contains(r#"error="invalid_request""#));
        assert!(!response.text().contains("sub"));
    }
}

/// RFC 9110 §6.6.1, §12.5.1.
async fn oidc_t8_the_answer_is_dated_whatever_is_accepted(app: TestApp) {
    let tokens = app.tokens(WEB, "openid", ALICE).await;
    for accept in ["application/json;charset=UTF-8", "*/*", "application/json", "application/*;q=0.5"] {
        let request = app.client().request(Method::GET, ENDPOINT).header("accept", accept);
        let response = request.bearer(access(&tokens)).send().await;
        assert_eq!(response.status, 200, "{accept}");
        assert!(response.header("date").unwrap().ends_with(" GMT"), "{accept}");
    }
}

/// Core §5.4: exactly the claims of the scope, all of which the user has.
async fn oidc_u3_each_scope_brings_its_claims(app: TestApp) {
    let profile = [
        "birthdate",
        "family_name",
        "gender",
        "given_name",
        "locale",
        "middle_name",
        "name",
        "nickname",
        "picture",
        "preferred_username",
        "profile",
        "updated_at",
        "website",
        "zoneinfo",
    ];
    for (scope, expected) in [
        ("profile", profile.as_slice()),
        ("email", &["email", "email_verified"]),
        ("address", &["address"]),
        ("phone", &["phone_number", "phone_number_verified"]),
    ] {
        let tokens = app.tokens(WEB, &format!("openid {scope}"), ALICE).await;
        let told = app.userinfo(access(&tokens)).await.json();
        let mut names: Vec<&str> =
            told.as_object().unwrap().keys().map(String::as_str).filter(|name| *name != "sub").collect();
        names.sort_unstable();
        assert_eq!(names, expected, "{scope}");
        // Core §5.4: with an access token these come from here, not in the ID token.
        let id_token = claims(tokens["id_token"].as_str().unwrap());
        for name in expected {
            assert_eq!(id_token.get(*name), None, "{scope} {name}");
        }
    }
}

/// Core §5.1, §5.1.1: booleans, a number of seconds, an object of strings, a date, a language tag.
async fn oidc_u4_claims_have_their_types(app: TestApp) {
    let tokens = app.tokens(WEB, "openid profile email address phone", ALICE).await;
    let told = app.userinfo(access(&tokens)).await.json();
    assert_eq!((&told["email"], &told["email_verified"]), (&json!(ALICE), &json!(true)));
    assert_eq!(
        (&told["phone_number"], &told["phone_number_verified"]),
        (&json!("+4930123456"), &json!(true))
    );
    assert_eq!(told["birthdate"], "1990-04-01");
    assert_eq!((&told["zoneinfo"], &told["locale"]), (&json!("Europe/Berlin"), &json!("de-DE")));
    assert_eq!((&told["name"], &told["preferred_username"]), (&json!("Alice Adams"), &json!(ALICE)));
    let updated_at = told["updated_at"].as_i64().unwrap();
    let age = app.app.now().unix_timestamp() - updated_at;
    assert!((0..3600).contains(&age), "{updated_at}");
    assert_eq!(
        told["address"],
        json!({
            "formatted": "Hauptstraße 1\nBerlin, Berlin 10115\nDE",
            "street_address": "Hauptstraße 1",
            "locality": "Berlin",
            "region": "Berlin",
            "postal_code": "10115",
            "country": "DE",
        })
    );
}

/// Core §5.3.2: a claim that is not there is left out, never null or empty.
async fn oidc_u4_claims_without_a_value_are_left_out(app: TestApp) {
    let tokens = app.tokens(WEB, "openid profile email address phone", BOB).await;
    let told = app.userinfo(access(&tokens)).await.json();
    let mut names: Vec<&str> = told.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["family_name", "given_name", "name", "preferred_username", "sub", "updated_at"]);
    for (name, value) in told.as_object().unwrap() {
        assert!(!value.is_null() && value != "" && value != "null", "{name}");
    }
}

/// Core §5.3: `openid` asks for nothing but the subject.
async fn openid_alone_brings_the_subject_alone(app: TestApp) {
    let tokens = app.tokens(WEB, "openid", ALICE).await;
    let told = app.userinfo(access(&tokens)).await.json();
    assert_eq!(told, json!({"sub": claims(tokens["id_token"].as_str().unwrap())["sub"]}));
}

/// RFC 8725 §3.11–12: no other artefact of ours passes for an access token.
async fn sec_k01_only_access_tokens_open_it(app: TestApp) {
    let code = app.code(WEB, "openid", ALICE).await;
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    let [id_token, refresh_token] = ["id_token", "refresh_token"].map(|name| tokens[name].as_str().unwrap());
    for token in [id_token, refresh_token, &code] {
        let response = app.userinfo(token).await;
        assert_eq!(response.status, 401);
        assert!(challenge(&response).contains(r#"error="invalid_token""#));
    }
    // A code that was shown here is still good where it belongs.
    assert_eq!(app.redeem(WEB, &code).await.status, 200);
}

/// RFC 6750 §3.1: too little scope is 403.
async fn sec_k01_a_token_without_openid_is_refused(app: TestApp) {
    let user = app.tokens(WEB, "car:drive", ALICE).await;
    let machine =
        app.token(MACHINE, &[("grant_type", "client_credentials"), ("scope", "car:drive")]).await.json();
    for tokens in [user, machine] {
        let response = app.userinfo(access(&tokens)).await;
        assert_eq!(response.status, 403);
        assert!(challenge(&response).contains(r#"error="insufficient_scope""#));
    }
}

/// RFC 6750 §2: one method a request.
async fn sec_k01_two_tokens_are_refused(app: TestApp) {
    let tokens = app.tokens(WEB, "openid", ALICE).await;
    let token = access(&tokens);
    let post = || app.client().request(Method::POST, ENDPOINT);
    for request in [
        post().bearer(token).form(&[("access_token", token)]),
        post().form(&[("access_token", token), ("access_token", token)]),
    ] {
        let response = request.send().await;
        assert_eq!(response.status, 400);
        assert!(challenge(&response).contains(r#"error="invalid_request""#));
    }
}

/// RFC 6750 §3.1: dead on the second.
async fn sec_k01_an_expired_token_is_refused(app: TestApp) {
    let tokens = app.tokens(WEB, "openid", ALICE).await;
    app.clock.advance(3590);
    assert_eq!(app.userinfo(access(&tokens)).await.status, 200);
    app.clock.advance(10);
    let response = app.userinfo(access(&tokens)).await;
    assert_eq!(response.status, 401);
    assert!(challenge(&response).contains(r#"error="invalid_token""#));
}

/// Each authorization server has its own keys, issuer and audience.
async fn sec_k06_a_token_of_another_authorization_server_is_refused(app: TestApp) {
    let custom = app.tokens(WEB, "openid", ALICE).await;
    let code = app.code_in(&mut Browser::new(), "org", WEB, &[], ALICE).await;
    let form = code_form(&code);
    let org = app.token_at("org", WEB, &form).await.json();
    for (path, tokens, status) in [
        ("/oauth2/v1/userinfo", &org, 200),
        ("/oauth2/v1/userinfo", &custom, 401),
        ("/oauth2/default/v1/userinfo", &custom, 200),
        ("/oauth2/default/v1/userinfo", &org, 401),
    ] {
        let response = app.client().request(Method::GET, path).bearer(access(tokens)).send().await;
        assert_eq!(response.status, status, "{path}");
    }
}

/// RFC 9449 §7.2: the scheme says how a token is bound.
async fn a_dpop_scheme_does_not_take_a_bearer_token(app: TestApp) {
    let tokens = app.tokens(WEB, "openid", ALICE).await;
    let header = format!("DPoP {}", access(&tokens));
    let request = app.client().request(Method::GET, ENDPOINT).header("authorization", &header);
    assert_eq!(request.send().await.status, 401);
}

/// Scripts of registered origins may read it, without cookies; others get no CORS header at all.
async fn sec_l06_only_origins_of_the_client_may_read_it(app: TestApp) {
    let tokens = app.tokens(WEB, "openid", ALICE).await;
    for (origin, allowed) in [
        ("https://app.example.com", Some("https://app.example.com")),
        ("https://evil.example", None),
        ("https://app.example.com.evil.example", None),
        ("null", None),
    ] {
        let request = app.client().request(Method::GET, ENDPOINT).header("origin", origin);
        let response = request.bearer(access(&tokens)).send().await;
        assert_eq!(response.status, 200, "{origin}");
        assert_eq!(response.header("access-control-allow-origin"), allowed, "{origin}");
        assert_eq!(response.header("access-control-allow-credentials"), None, "{origin}");
        assert_eq!(
            response.header("vary").map(str::to_ascii_lowercase).as_deref(),
            Some("origin"),
            "{origin}"
        );
    }
}
