//! Responses that carry tokens (OpenID Connect Core §3.2, §3.3; OAuth 2.0 Multiple Response Types), by the ids of the
//! conformance checklist.

use http::Method;
use keys::Algorithm;
use serde_json::{Value, json};
use stepgate::store;

use crate::support::{
    Test, TestApp,
    fixtures::{self, ALICE, OTHER, PASSWORD, REDIRECT_URI, SECRET, SPA, WEB},
    http::{Browser, Response},
    op::{VERIFIER, claims, sign_in_on},
    response::{Answer, FRONT_MODES, must_receive},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            oidc_i3_a_hybrid_code_buys_tokens_of_the_same_user,
            sec_c01_a_replayed_code_kills_the_token_beside_it;
        sqlite:
            oidc_a03_response_types_are_registered_for_each_client,
            oidc_a04_an_id_token_in_the_browser_needs_a_nonce,
            oidc_a05_state_comes_back_in_every_type_and_mode,
            oidc_a06_hints_are_never_an_error,
            oidc_a07_prompt_none_answers_where_the_token_would_go,
            oidc_a08_prompt_login_moves_auth_time,
            oidc_a09_max_age_limits_the_age_of_the_sign_in,
            oidc_a15_offline_access_comes_with_a_code_only,
            oidc_d3_the_types_are_advertised,
            oidc_i2_hashes_bind_what_comes_along,
            oidc_i4_scope_claims_are_in_an_id_token_without_an_access_token,
            oidc_p01_tokens_are_never_in_the_query,
            oidc_p02_form_post_carries_tokens,
            oidc_p03_an_error_has_no_other_parameters,
            oidc_p04_iss_is_in_every_answer,
            oidc_p06_an_access_token_says_its_type_and_lifetime,
            oidc_p07_refusal_by_the_user_is_access_denied,
            an_access_token_of_the_browser_is_like_any_other,
            one_event_tells_of_a_response,
            a_public_client_proves_its_code_and_nothing_else,
            tokens_that_must_be_bound_do_not_pass_through_the_browser,
            sec_a15_a_type_that_is_not_registered_is_refused_at_every_entry
    ]
}

/// The types that carry a token.
const FRONT: [&str; 5] = ["id_token", "id_token token", "code id_token", "code token", "code id_token token"];
/// A client that may have all of them.
const ALL: &str = "all-types";

fn has(response_type: &str, word: &str) -> bool {
    response_type.split(' ').any(|known| known == word)
}

async fn register(app: &TestApp, id: &str, more: &Value) {
    let response_types = [["code"].as_slice(), &FRONT].concat();
    let mut metadata = json!({
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code", "implicit", "refresh_token"],
        "response_types": response_types,
    });
    metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fixtures::client(&app.app, id, metadata, Some(SECRET)).await;
}

/// Opens a request and signs Alice in where that is asked for; the answer.
async fn ask(app: &TestApp, browser: &mut Browser, client: &str, more: &[(&str, &str)]) -> Answer {
    let mut page = browser.open(&app.authorize_url(client, more)).await;
    if page.body_contains("login-page") {
        page = sign_in_on(browser, &page, ALICE, PASSWORD).await;
    }
    must_receive(browser, &page)
}

async fn open(app: &TestApp, browser: &mut Browser, more: &[(&str, &str)]) -> Response {
    browser.open(&app.authorize_url(ALL, more)).await
}

/// A3: a type that nobody is served, and one that is not the client's (RFC 6749 §4.1.2.1).
async fn oidc_a03_response_types_are_registered_for_each_client(app: TestApp) {
    register(&app, ALL, &json!({})).await;
    register(&app, "one", &json!({"grant_types": ["implicit"], "response_types": ["id_token"]})).await;
    let mut browser = Browser::new();
    for response_type in FRONT {
        let expected = |client: &str| match (client, response_type) {
            (ALL, _) | ("one", "id_token") => None,
            _ => Some("unauthorized_client"),
        };
        for client in [ALL, "one", WEB] {
            let answer = ask(&app, &mut browser, client, &[("response_type", response_type)]).await;
            assert_eq!(answer.get("error").map(String::as_str), expected(client), "{client} {response_type}");
            assert_eq!(answer["state"], "a-state");
        }
    }
    for response_type in ["token", "none", "id_token id_token", "code  token"] {
        let answer = ask(&app, &mut browser, ALL, &[("response_type", response_type)]).await;
        assert_eq!(answer["error"], "unsupported_response_type", "{response_type}");
    }
    // The order of the words is irrelevant (Multiple Response Types §3).
    let answer = ask(&app, &mut browser, ALL, &[("response_type", "token id_token code")]).await;
    assert!(["code", "id_token", "access_token"].iter().all(|name| answer.contains_key(*name)));
}

/// A15: the grant type belongs to it, whichever way the request comes (RFC 9126 §2.1).
async fn sec_a15_a_type_that_is_not_registered_is_refused_at_every_entry(app: TestApp) {
    for response_type in FRONT {
        let pushed = app.push(WEB, &[("response_type", response_type)]).await;
        assert_eq!((pushed.status, pushed.json()["error"].as_str()), (400, Some("unauthorized_client")));
        // What was refused is not reinstated by going back to the sign-in page (CVE-2026-7571).
        let mut browser = Browser::new();
        let sign_in = browser.open(&app.authorize_url(WEB, &[])).await;
        let page = browser.open(&format!("{}&response_type=id_token", sign_in.url)).await;
        let page = sign_in_on(&mut browser, &page, ALICE, PASSWORD).await;
        let names: Vec<_> = must_receive(&browser, &page).into_keys().collect();
        assert_eq!(names, ["code", "iss", "session_state", "state"]);
    }
}

/// A4: mandatory with an ID token, optional with `code token` (Core §3.2.2.1, §3.3.2.11); long ones come back whole.
async fn oidc_a04_an_id_token_in_the_browser_needs_a_nonce(app: TestApp) {
    register(&app, ALL, &json!({})).await;
    let mut browser = Browser::new();
    let long = "n".repeat(512);
    for response_type in FRONT {
        let answer = ask(&app, &mut browser, ALL, &[("response_type", response_type), ("nonce", "-")]).await;
        let needed = has(response_type, "id_token");
        assert_eq!(answer.get("error").map(String::as_str), needed.then_some("invalid_request"));
        let answer =
            ask(&app, &mut browser, ALL, &[("response_type", response_type), ("nonce", &long)]).await;
        if needed {
            assert_eq!(claims(&answer["id_token"])["nonce"], long, "{response_type}");
        }
    }
}

/// A5: byte for byte, in success and in errors, or not at all.
async fn oidc_a05_state_comes_back_in_every_type_and_mode(app: TestApp) {
    register(&app, ALL, &json!({})).await;
    let mut browser = Browser::new();
    let state = format!("{} a b+c%20d&e=f#g?h/ä€\u{1f600}\"'<>\\", "0123456789".repeat(20));
    for response_type in FRONT {
        for mode in FRONT_MODES {
            for scope in ["openid", "nothing"] {
                let more = [("response_type", response_type), ("response_mode", mode), ("scope", scope)];
                let answer = ask(&app, &mut browser, ALL, &[&more[..], &[("state", &state)]].concat()).await;
                assert_eq!(answer["state"], state, "{response_type} {mode} {scope}");
                assert_eq!(answer.contains_key("error"), scope == "nothing");
                let answer = ask(&app, &mut browser, ALL, &[&more[..], &[("state", "-")]].concat()).await;
                assert!(!answer.contains_key("state"), "{response_type} {mode} {scope}");
            }
        }
    }
}

/// A6: none of these may fail a request (Core §3.1.2.1).
async fn oidc_a06_hints_are_never_an_error(app: TestApp) {
    register(&app, ALL, &json!({})).await;
    let mut browser = Browser::new();
    for response_type in FRONT {
        let more = [
            ("response_type", response_type),
            ("display", "popup"),
            ("ui_locales", "se de xx"),
            ("claims_locales", "se"),
            ("login_hint", "nobody@example.com"),
            ("acr_values", "1 2"),
            ("extra", "x"),
        ];
        assert!(!ask(&app, &mut browser, ALL, &more).await.contains_key("error"), "{response_type}");
    }
}

/// A7: no page, ever; with a session the same user and the same `auth_time` (Core §3.1.2.1).
async fn oidc_a07_prompt_none_answers_where_the_token_would_go(app: TestApp) {
    register(&app, ALL, &json!({})).await;
    let mut signed_in = Browser::new();
    let first = claims(&ask(&app, &mut signed_in, ALL, &[("response_type", "id_token")]).await["id_token"]);
    app.clock.advance(5);
    for response_type in FRONT {
        for mode in FRONT_MODES {
            let more = [("response_type", response_type), ("response_mode", mode), ("prompt", "none")];
            let mut nobody = Browser::new();
            let page = open(&app, &mut nobody, &more).await;
            assert_eq!(must_receive(&nobody, &page)["error"], "login_required", "{response_type} {mode}");
            let page = open(&app, &mut signed_in, &more).await;
            let answer = must_receive(&signed_in, &page);
            if let Some(id_token) = answer.get("id_token") {
                let now = claims(id_token);
                assert_eq!((&now["sub"], &now["auth_time"]), (&first["sub"], &first["auth_time"]));
            }
            assert!(!answer.contains_key("error"), "{answer:?}");
        }
        let more = [("response_type", response_type), ("prompt", "none login")];
        let page = open(&app, &mut signed_in, &more).await;
        assert_eq!(must_receive(&signed_in, &page)["error"], "invalid_request");
    }
}

/// A8: the user signs in again, and that is what the ID token says.
async fn oidc_a08_prompt_login_moves_auth_time(app: TestApp) {
    register(&app, ALL, &json!({})).await;
    for response_type in FRONT.into_iter().filter(|response_type| has(response_type, "id_token")) {
        let mut browser = Browser::new();
        let before = ask(&app, &mut browser, ALL, &[("response_type", response_type)]).await;
        app.clock.advance(10);
        let more = [("response_type", response_type), ("prompt", "login")];
        let page = open(&app, &mut browser, &more).await;
        assert!(page.body_contains("login-page"), "{}", page.words());
        let page = sign_in_on(&mut browser, &page, ALICE, PASSWORD).await;
        let after = must_receive(&browser, &page);
        let at = |answer: &Answer| claims(&answer["id_token"])["auth_time"].as_i64().unwrap();
        assert!(at(&after) >= at(&before) + 10, "{response_type}");
    }
}

/// A9: too old a sign-in is made again, a recent one is told (Core §3.1.2.1, §2).
async fn oidc_a09_max_age_limits_the_age_of_the_sign_in(app: TestApp) {
    register(&app, ALL, &json!({})).await;
    let mut browser = Browser::new();
    ask(&app, &mut browser, ALL, &[("response_type", "id_token")]).await;
    app.clock.advance(100);
    for response_type in FRONT {
        let stale = [("response_type", response_type), ("max_age", "50")];
        assert!(open(&app, &mut browser, &stale).await.body_contains("login-page"));
        let silent = [&stale[..], &[("prompt", "none")]].concat();
        let page = open(&app, &mut browser, &silent).await;
        assert_eq!(must_receive(&browser, &page)["error"], "login_required");
        let fresh = [("response_type", response_type), ("max_age", "1000")];
        let page = open(&app, &mut browser, &fresh).await;
        let answer = must_receive(&browser, &page);
        if let Some(id_token) = answer.get("id_token") {
            assert!(claims(id_token)["auth_time"].is_i64());
        }
    }
}

/// A15: without a code there is nothing to refresh with: ignored, not an error (Core §11).
async fn oidc_a15_offline_access_comes_with_a_code_only(app: TestApp) {
    register(&app, ALL, &json!({})).await;
    let mut browser = Browser::new();
    for response_type in FRONT {
        let more = [("response_type", response_type), ("scope", "openid offline_access")];
        let answer = ask(&app, &mut browser, ALL, &more).await;
        assert!(!answer.contains_key("error") && !answer.contains_key("refresh_token"), "{answer:?}");
        if let Some(code) = answer.get("code") {
            let tokens = app.redeem(ALL, code).await.json();
            assert!(tokens["refresh_token"].is_string(), "{response_type}");
        } else if let Some(scope) = answer.get("scope") {
            assert_eq!(scope, "openid");
        }
    }
}

/// D3: Discovery §3, Core §15.2.
async fn oidc_d3_the_types_are_advertised(app: TestApp) {
    for path in ["", "/oauth2/default"] {
        let metadata = app.client().get(&format!("{path}/.well-known/openid-configuration")).await.json();
        let types = metadata["response_types_supported"].as_array().unwrap();
        for response_type in FRONT.into_iter().chain(["code"]) {
            assert!(types.contains(&json!(response_type)), "{response_type}");
        }
        assert!(!types.contains(&json!("token")), "it is not served");
        let grants = metadata["grant_types_supported"].as_array().unwrap();
        assert!(grants.contains(&json!("implicit")) && grants.contains(&json!("authorization_code")));
    }
}

/// I2: `at_hash` and `c_hash` exactly where the thing itself is, by the hash of the signature (Core §3.3.2.11).
async fn oidc_i2_hashes_bind_what_comes_along(app: TestApp) {
    register(&app, ALL, &json!({})).await;
    register(&app, "es256", &json!({"id_token_signed_response_alg": "ES256"})).await;
    let mut browser = Browser::new();
    for (client, algorithm) in [(ALL, Algorithm::Rs256), ("es256", Algorithm::Es256)] {
        for response_type in FRONT.into_iter().filter(|response_type| has(response_type, "id_token")) {
            let answer = ask(&app, &mut browser, client, &[("response_type", response_type)]).await;
            let id_token = claims(&answer["id_token"]);
            for (hash, parameter) in [("at_hash", "access_token"), ("c_hash", "code")] {
                let expected = answer.get(parameter).map(|value| algorithm.left_half_hash(value.as_bytes()));
                assert_eq!(
                    id_token.get(hash).and_then(Value::as_str),
                    expected.as_deref(),
                    "{response_type}"
                );
            }
            assert_eq!(answer.contains_key("code"), has(response_type, "code"));
            assert_eq!(answer.contains_key("access_token"), has(response_type, "token"));
            assert_eq!(id_token["aud"], client);
            assert_eq!(id_token["iss"], app.url("/oauth2/default"));
        }
    }
}

/// I4: where an access token is issued, userinfo tells; where none is, the ID token does (Core §5.4).
async fn oidc_i4_scope_claims_are_in_an_id_token_without_an_access_token(app: TestApp) {
    register(&app, ALL, &json!({})).await;
    let mut browser = Browser::new();
    for response_type in FRONT.into_iter().filter(|response_type| has(response_type, "id_token")) {
        let more = [("response_type", response_type), ("scope", "openid email profile")];
        let answer = ask(&app, &mut browser, ALL, &more).await;
        let id_token = claims(&answer["id_token"]);
        let alone = response_type == "id_token";
        assert_eq!(id_token.get("email").is_some(), alone, "{response_type}");
        assert_eq!(id_token.get("given_name").is_some(), alone, "{response_type}");
    }
}

/// P1: success and errors in the fragment, nothing in the query; `query` is refused (Multiple Response Types §5).
async fn oidc_p01_tokens_are_never_in_the_query(app: TestApp) {
    register(&app, ALL, &json!({})).await;
    let mut browser = Browser::new();
    for response_type in FRONT {
        for (mode, scope, error) in [
            ("-", "openid", None),
            ("fragment", "openid", None),
            ("-", "nothing", Some("invalid_scope")),
            ("query", "openid", Some("unsupported_response_mode")),
            ("unknown", "openid", Some("invalid_request")),
        ] {
            let more = [("response_type", response_type), ("response_mode", mode), ("scope", scope)];
            let answer = ask(&app, &mut browser, ALL, &more).await;
            assert_eq!(browser.url().query(), None, "{}", browser.url());
            assert!(browser.url().as_str().starts_with(&format!("{REDIRECT_URI}#")));
            assert_eq!(answer.get("error").map(String::as_str), error, "{response_type} {mode}");
            if error.is_some() {
                assert!(!["code", "access_token", "id_token"].iter().any(|name| answer.contains_key(*name)));
            }
        }
    }
}

/// P2: 200, the same parameters, nothing in an address (Form Post Response Mode §2).
async fn oidc_p02_form_post_carries_tokens(app: TestApp) {
    register(&app, ALL, &json!({})).await;
    let mut browser = Browser::new();
    ask(&app, &mut browser, ALL, &[("response_type", "id_token")]).await;
    for response_type in FRONT {
        for scope in ["openid", "nothing"] {
            let more = [("response_type", response_type), ("response_mode", "form_post"), ("scope", scope)];
            let page = open(&app, &mut browser, &more).await;
            assert_eq!((page.status, page.header("location")), (200, None));
            assert_eq!(page.header("cache-control"), Some("no-store"));
            assert!(page.body_contains("<noscript>"));
            let form = page.form("form-post");
            assert_eq!((form.method.as_str(), form.action.as_str()), ("POST", REDIRECT_URI));
            let answer = must_receive(&browser, &page);
            assert_eq!(answer.contains_key("error"), scope == "nothing");
            assert_eq!(answer.contains_key("id_token"), scope == "openid" && has(response_type, "id_token"));
        }
    }
}

/// P3: RFC 6749 §4.2.2.1, RFC 9207.
async fn oidc_p03_an_error_has_no_other_parameters(app: TestApp) {
    register(&app, ALL, &json!({})).await;
    for response_type in FRONT {
        for mode in FRONT_MODES {
            for more in [("scope", "nothing"), ("prompt", "none"), ("max_age", "x"), ("nonce", "-")] {
                let mut browser = Browser::new();
                let request = [("response_type", response_type), ("response_mode", mode), more];
                let page = open(&app, &mut browser, &request).await;
                if response_type == "code token" && more.0 == "nonce" {
                    continue;
                }
                let names: Vec<_> = must_receive(&browser, &page).into_keys().collect();
                assert_eq!(names, ["error", "error_description", "iss", "state"], "{request:?}");
            }
        }
    }
}

/// P4: RFC 9207 §2.
async fn oidc_p04_iss_is_in_every_answer(app: TestApp) {
    register(&app, ALL, &json!({})).await;
    let mut browser = Browser::new();
    for response_type in FRONT {
        for mode in FRONT_MODES {
            for scope in ["openid", "nothing"] {
                let more = [("response_type", response_type), ("response_mode", mode), ("scope", scope)];
                let answer = ask(&app, &mut browser, ALL, &more).await;
                assert_eq!(answer["iss"], app.url("/oauth2/default"));
            }
        }
    }
}

/// P5, I3: the code is stored, bound and redeemed like any other, and both ID tokens speak of one user (Core §3.3.3.6).
async fn oidc_i3_a_hybrid_code_buys_tokens_of_the_same_user(app: TestApp) {
    register(&app, ALL, &json!({})).await;
    let mut browser = Browser::new();
    for response_type in FRONT.into_iter().filter(|response_type| has(response_type, "code")) {
        let answer = ask(&app, &mut browser, ALL, &[("response_type", response_type)]).await;
        let code = &answer["code"];
        assert!(code.len() >= 43);
        let foreign = app.redeem(OTHER, code).await;
        assert_eq!(foreign.json()["error"], "invalid_grant");
        let tokens = app.redeem(ALL, code).await.json();
        let second = claims(tokens["id_token"].as_str().unwrap());
        assert_eq!(second["nonce"], "a-nonce");
        if let Some(first) = answer.get("id_token").map(|token| claims(token)) {
            for claim in ["iss", "sub", "aud", "auth_time", "nonce"] {
                assert_eq!(first[claim], second[claim], "{response_type} {claim}");
            }
        }
        if let Some(first) = answer.get("access_token") {
            assert_ne!(tokens["access_token"], first.as_str());
        }
    }
}

/// C1: a code and what came with it are one grant: a replay ends both (RFC 6749 §4.1.2).
async fn sec_c01_a_replayed_code_kills_the_token_beside_it(app: TestApp) {
    register(&app, ALL, &json!({})).await;
    for response_type in ["code token", "code id_token token"] {
        let answer = ask(&app, &mut Browser::new(), ALL, &[("response_type", response_type)]).await;
        let access_token = &answer["access_token"];
        assert_eq!(app.redeem(ALL, &answer["code"]).await.status, 200);
        assert_eq!(app.introspect(access_token).await["active"], true);
        assert_eq!(app.redeem(ALL, &answer["code"]).await.json()["error"], "invalid_grant");
        assert_eq!(app.introspect(access_token).await, json!({"active": false}));
        assert_eq!(app.userinfo(access_token).await.status, 401);
    }
}

/// P6: RFC 6749 §4.2.2.
async fn oidc_p06_an_access_token_says_its_type_and_lifetime(app: TestApp) {
    register(&app, ALL, &json!({})).await;
    let mut browser = Browser::new();
    for response_type in FRONT {
        let more = [("response_type", response_type), ("scope", "openid email unknown")];
        let answer = ask(&app, &mut browser, ALL, &more).await;
        let token = has(response_type, "token");
        assert_eq!(answer.get("token_type").map(String::as_str), token.then_some("Bearer"));
        assert_eq!(answer.get("expires_in").map(String::as_str), token.then_some("3600"));
        assert_eq!(answer.get("scope").map(String::as_str), token.then_some("openid email"));
    }
}

/// P7: RFC 6749 §4.2.2.1.
async fn oidc_p07_refusal_by_the_user_is_access_denied(app: TestApp) {
    register(&app, ALL, &json!({"consent_method": "REQUIRED"})).await;
    for response_type in FRONT {
        for mode in FRONT_MODES {
            let mut browser = Browser::new();
            let more = [("response_type", response_type), ("response_mode", mode)];
            let page = open(&app, &mut browser, &more).await;
            let page = browser.submit(&page.form("login-form").press("cancel")).await;
            let answer = must_receive(&browser, &page);
            assert_eq!((answer["error"].as_str(), answer["state"].as_str()), ("access_denied", "a-state"));
        }
        let mut browser = Browser::new();
        let more = [("response_type", response_type), ("scope", "openid car:sell")];
        let page = open(&app, &mut browser, &more).await;
        let page = sign_in_on(&mut browser, &page, ALICE, PASSWORD).await;
        let page = browser.submit(&page.form("consent-form").press("deny")).await;
        assert_eq!(must_receive(&browser, &page)["error"], "access_denied");
    }
}

/// It introspects, opens userinfo, is revoked, and ends with the session it was issued in.
async fn an_access_token_of_the_browser_is_like_any_other(app: TestApp) {
    register(&app, ALL, &json!({})).await;
    let mut browser = Browser::new();
    let more = [("response_type", "id_token token"), ("scope", "openid email")];
    let first = ask(&app, &mut browser, ALL, &more).await;
    let told = app.introspect(&first["access_token"]).await;
    assert_eq!(
        (&told["active"], &told["client_id"], &told["scope"]),
        (&json!(true), &json!(ALL), &json!("openid email"))
    );
    let userinfo = app.userinfo(&first["access_token"]).await.json();
    assert_eq!(userinfo["email"], ALICE);
    assert_eq!(userinfo["sub"], claims(&first["id_token"])["sub"]);
    let second = ask(&app, &mut browser, ALL, &more).await;
    let revoke = app.client().request(Method::POST, "/oauth2/default/v1/revoke").basic(ALL, SECRET);
    assert_eq!(revoke.form(&[("token", &first["access_token"])]).send().await.status, 200);
    assert_eq!(app.introspect(&first["access_token"]).await, json!({"active": false}));
    assert_eq!(app.userinfo(&first["access_token"]).await.status, 401);
    assert_eq!(app.introspect(&second["access_token"]).await["active"], true);
    let logout = format!("{}?id_token_hint={}", app.url("/oauth2/default/v1/logout"), second["id_token"]);
    browser.open(&logout).await;
    assert_eq!(app.introspect(&second["access_token"]).await, json!({"active": false}));
}

/// In the unit that makes it true, under the name that Okta has for it; never a token.
async fn one_event_tells_of_a_response(app: TestApp) {
    register(&app, ALL, &json!({})).await;
    let mut browser = Browser::new();
    let mut seen = 0;
    for (response_type, kind) in [
        ("id_token", "app.oauth2.as.authorize.implicit.id_token"),
        ("id_token token", "app.oauth2.as.authorize.implicit.access_token"),
        ("code id_token", "app.oauth2.as.authorize.code"),
        ("code token", "app.oauth2.as.authorize.code"),
        ("code id_token token", "app.oauth2.as.authorize.code"),
    ] {
        let answer = ask(&app, &mut browser, ALL, &[("response_type", response_type)]).await;
        let since = time::OffsetDateTime::UNIX_EPOCH;
        let events = store::log_event::list(&app.app.db, since, 10_000).await.unwrap();
        let issued: Vec<_> =
            events.iter().filter(|(_, event)| event.event_type.contains(".authorize.")).collect();
        seen += 1;
        assert_eq!(issued.len(), seen, "{response_type}");
        assert_eq!(issued.last().unwrap().1.event_type, kind, "{response_type}");
        let log = format!("{events:?}");
        for name in ["code", "access_token", "id_token"] {
            assert!(answer.get(name).is_none_or(|secret| !log.contains(secret.as_str())), "{name}");
        }
    }
}

/// PKCE is for responses with a code (RFC 7636 §1; RFC 9700 §2.1.1).
async fn a_public_client_proves_its_code_and_nothing_else(app: TestApp) {
    register(&app, "public", &json!({"application_type": "browser", "token_endpoint_auth_method": "none"}))
        .await;
    let mut browser = Browser::new();
    for response_type in FRONT {
        let more =
            [("response_type", response_type), ("code_challenge", "-"), ("code_challenge_method", "-")];
        let answer = ask(&app, &mut browser, "public", &more).await;
        let needed = has(response_type, "code");
        assert_eq!(answer.get("error").map(String::as_str), needed.then_some("invalid_request"));
        let answer = ask(&app, &mut browser, "public", &[("response_type", response_type)]).await;
        let Some(code) = answer.get("code") else { continue };
        let form = [
            ("client_id", "public"),
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
        ];
        let without = app.client().post_form("/oauth2/default/v1/token", &form).await;
        assert_eq!(without.json()["error"], "invalid_grant", "{response_type}");
        let form = [&form[..], &[("code_verifier", VERIFIER)]].concat();
        assert_eq!(app.client().post_form("/oauth2/default/v1/token", &form).await.status, 200);
    }
    // A client that is registered for a code only gets nothing else (off by default).
    let answer = ask(&app, &mut browser, SPA, &[("response_type", "id_token")]).await;
    assert_eq!(answer["error"], "unauthorized_client");
}

/// RFC 9449 §5, RFC 8705 §3: an access token from the browser is bound to nothing.
async fn tokens_that_must_be_bound_do_not_pass_through_the_browser(app: TestApp) {
    register(&app, "bound", &json!({"dpop_bound_access_tokens": true})).await;
    let mut browser = Browser::new();
    for response_type in FRONT {
        let answer = ask(&app, &mut browser, "bound", &[("response_type", response_type)]).await;
        let refused = has(response_type, "token");
        assert_eq!(answer.get("error").map(String::as_str), refused.then_some("unauthorized_client"));
    }
}
