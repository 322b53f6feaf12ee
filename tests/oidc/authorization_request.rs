//! The authorization request and its response (OpenID Connect Core §3.1.2; RFC 6749 §4.1), by the ids of the conformance
//! checklist: redirect URIs (R), request (A), request objects (J), response (P).
//!
//! Other response types than `code` are in `response_types`, request objects in `request_object`.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use serde_json::{Value, json};
use stepgate::{
    id::ClientId, model::Status, protocol::client_metadata::ClientMetadata, secret::TokenHash, store,
};

use crate::{
    security::assert_page,
    support::{
        Test, TestApp,
        fixtures::{self, ALICE, ASKING, BOB, OKTA, OTHER, REDIRECT_URI, SECRET, SPA, WEB},
        http::{Browser, Response},
        op::{CHALLENGE, VERIFIER, answer, claims},
    },
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            oidc_a01_get_and_post_behave_the_same,
            oidc_a08_prompt_login_asks_again_and_auth_time_moves,
            oidc_p05_a_code_is_long_random_and_bound;
        sqlite:
            oidc_r01_a_registered_query_is_kept_and_the_answer_is_appended,
            oidc_r02_openid_needs_a_redirect_uri,
            oidc_r04_an_unknown_or_disabled_client_is_a_page,
            oidc_a01_a_posted_request_is_used_once,
            oidc_a02_order_is_irrelevant_and_unknown_scopes_are_ignored,
            oidc_a02_a_client_held_to_oktas_habits_is_refused_unknown_scopes,
            oidc_a03_response_type_errors_go_to_the_client,
            oidc_a05_state_comes_back_byte_for_byte_or_not_at_all,
            oidc_a04_a_long_nonce_comes_back_and_none_is_fine,
            oidc_a06_hints_are_never_an_error,
            oidc_a06_login_hint_prefills_the_identifier,
            oidc_a07_prompt_none_shows_no_page,
            oidc_a07_none_stands_alone,
            oidc_a08_prompt_consent_asks_again,
            oidc_a08_select_account_shows_the_accounts,
            oidc_a09_max_age_limits_the_age_of_the_sign_in,
            oidc_a09_max_age_zero_acts_as_prompt_login,
            oidc_a10_a_hint_yields_the_session_of_its_user_only,
            oidc_a11_acr_is_reported_and_a_voluntary_request_never_fails,
            oidc_a13_a_challenge_is_enforced_for_every_client,
            oidc_a14_what_is_known_of_the_client_is_shown,
            oidc_a15_offline_access_needs_a_client_that_refreshes_and_consent,
            oidc_p01_the_answer_to_a_code_request_is_in_the_query,
            oidc_p02_form_post_carries_success_and_errors,
            oidc_p03_an_error_has_no_other_parameters,
            oidc_p04_iss_is_in_every_answer,
            oidc_p07_refusal_by_the_user_is_access_denied;
        plain: oidc_r03_a_redirect_uri_with_a_fragment_is_not_registered
    ]
}

/// Signs Alice in at `web` and leaves the session behind; the claims of the ID token.
async fn signed_in(app: &TestApp, browser: &mut Browser) -> Value {
    let code = app.code_in(browser, "default", WEB, &[], ALICE).await;
    id_token(app, WEB, &code).await
}

/// The claims of the ID token that a code buys.
async fn id_token(app: &TestApp, client: &str, code: &str) -> Value {
    claims(&raw_id_token(app, client, code).await)
}

async fn raw_id_token(app: &TestApp, client: &str, code: &str) -> String {
    let response = app.redeem(client, code).await;
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()["id_token"].as_str().unwrap().to_owned()
}

/// The answer to a request that needs no page.
#[track_caller]
fn at_client(browser: &Browser) -> BTreeMap<String, String> {
    assert!(browser.url().as_str().starts_with(REDIRECT_URI), "{}", browser.url());
    answer(browser)
}

fn is_sign_in(page: &Response) -> bool {
    page.status == 200 && page.body_contains("login-page")
}

/// R1: the query of a registered URI is part of it (RFC 6749 §3.1.2).
async fn oidc_r01_a_registered_query_is_kept_and_the_answer_is_appended(app: TestApp) {
    let registered = "https://app.example.com/callback?foo=bar&x=%20";
    let metadata = json!({
        "redirect_uris": [registered],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
    });
    fixtures::client(&app.app, "query", metadata, Some(SECRET)).await;
    let mut browser = Browser::new();
    let response =
        app.sign_in(&mut browser, &app.authorize_url("query", &[("redirect_uri", registered)]), ALICE).await;
    let location = response.header("location").unwrap();
    assert!(location.starts_with(&format!("{registered}&code=")), "{location}");
    let response = browser
        .open(&app.authorize_url("query", &[("redirect_uri", registered), ("scope", "nothing")]))
        .await;
    assert!(response.header("location").unwrap().starts_with(&format!("{registered}&error=invalid_scope")));
    for uri in [
        "https://app.example.com/callback",
        "https://app.example.com/callback/more?foo=bar&x=%20",
        "https://app.example.com/callback?foo=bar&x=%20&y=1",
        "https://app.example.com/callback?foo=baz&x=%20",
        "https://app.example.com/callback?foo=bar&x=+",
    ] {
        let page = browser.open(&app.authorize_url("query", &[("redirect_uri", uri)])).await;
        assert_page(&page, "invalid_redirect_uri");
    }
}

/// R2: required by OpenID Connect, even where only one is registered (Core §3.1.2.1).
async fn oidc_r02_openid_needs_a_redirect_uri(app: TestApp) {
    let page = Browser::new().open(&app.authorize_url(WEB, &[("redirect_uri", "-")])).await;
    assert_page(&page, "invalid_redirect_uri");
}

/// R3: a fragment has no place in a redirect URI (RFC 6749 §3.1.2).
fn oidc_r03_a_redirect_uri_with_a_fragment_is_not_registered() {
    let read = |uri: &str| {
        let metadata = json!({
            "redirect_uris": [uri],
            "grant_types": ["authorization_code"],
            "response_types": ["code"],
        });
        serde_json::from_value::<ClientMetadata>(metadata).unwrap().with_defaults().validate()
    };
    assert!(read(REDIRECT_URI).is_ok());
    for uri in [
        "https://app.example.com/callback#frag",
        "https://app.example.com/callback#",
        "https://app.example.com/#/callback?x=1",
    ] {
        let error = stepgate::protocol::error::OAuthError::from(read(uri).unwrap_err());
        assert_eq!(error.code.as_str(), "invalid_redirect_uri", "{uri}");
    }
}

/// R4: there is nobody to redirect to (RFC 6749 §4.1.2.1).
async fn oidc_r04_an_unknown_or_disabled_client_is_a_page(app: TestApp) {
    let mut browser = Browser::new();
    for client in ["nobody", "WEB", "web ", "web\u{0}", "-", ""] {
        let page = browser.open(&app.authorize_url(client, &[("client_id", client)])).await;
        assert_page(&page, "in");
    }
    let tx = app.app.db.begin_write().await.unwrap();
    let mut client = store::client::find_in(&tx, &ClientId::new(OTHER)).await.unwrap().unwrap();
    client.status = Status::Inactive;
    store::client::update(&tx, &client).await.unwrap();
    tx.commit().await.unwrap();
    app.app.forget_configuration();
    let disabled = browser.open(&app.authorize_url(OTHER, &[])).await;
    assert_page(&disabled, "invalid_client");
    let unknown = browser.open(&app.authorize_url("nobody", &[])).await;
    assert_page(&unknown, "invalid_client");
}

async fn post(app: &TestApp, browser: &mut Browser, url: &str) -> Response {
    let (path, query) = url.split_once('?').unwrap();
    let request = app.client().request(Method::POST, path);
    let posted = request.body("application/x-www-form-urlencoded", query.to_owned()).send().await;
    assert_eq!(posted.status, 303, "{}", posted.text());
    browser.open(posted.location().unwrap().as_str()).await
}

/// A1: the two ways to send a request are one (Core §3.1.2.1).
async fn oidc_a01_get_and_post_behave_the_same(app: TestApp) {
    let mut browser = Browser::new();
    let page = post(&app, &mut browser, &app.authorize_url(WEB, &[("login_hint", ALICE)])).await;
    assert!(is_sign_in(&page), "{}", page.words());
    assert_eq!(page.form("login-form").field("identifier"), Some(ALICE));
    browser.submit(&page.form("login-form").fill("password", fixtures::PASSWORD).press("sign_in")).await;
    let code = at_client(&browser)["code"].clone();
    assert_eq!(id_token(&app, WEB, &code).await["nonce"], "a-nonce");
    // The session is seen.
    post(&app, &mut browser, &app.authorize_url(OTHER, &[("prompt", "none")])).await;
    assert!(at_client(&browser).contains_key("code"), "{}", browser.url());
    // Errors are the same.
    for more in
        [[("scope", "nothing")], [("response_type", "foo")], [("prompt", "none login")], [("max_age", "-1")]]
    {
        let url = app.authorize_url(WEB, &more);
        browser.open(&url).await;
        let by_get = at_client(&browser);
        post(&app, &mut browser, &url).await;
        assert_eq!(at_client(&browser), by_get);
    }
    let url = app.authorize_url(WEB, &[("redirect_uri", "https://evil.example/")]);
    assert_page(&post(&app, &mut browser, &url).await, "invalid_redirect_uri");
}

/// A1: what was POSTed waits for one GET only.
async fn oidc_a01_a_posted_request_is_used_once(app: TestApp) {
    let url = app.authorize_url(WEB, &[]);
    let (path, query) = url.split_once('?').unwrap();
    let request = app.client().request(Method::POST, path);
    let posted = request.body("application/x-www-form-urlencoded", query.to_owned()).send().await;
    let ticket = posted.location().unwrap();
    assert!(is_sign_in(&Browser::new().open(ticket.as_str()).await));
    assert_page(&Browser::new().open(ticket.as_str()).await, "expired_flow");
    let forged = ticket.as_str().replace("ticket=", "ticket=x");
    assert_page(&Browser::new().open(&forged).await, "expired_flow");
}

/// A2: a query is a set, a scope too; what nobody knows is ignored (RFC 6749 §3.1, §3.3).
async fn oidc_a02_order_is_irrelevant_and_unknown_scopes_are_ignored(app: TestApp) {
    let mut browser = Browser::new();
    signed_in(&app, &mut browser).await;
    let forward = app.authorize_url(WEB, &[("scope", "openid profile car:drive")]);
    let (path, query) = forward.split_once('?').unwrap();
    let mut pairs: Vec<_> = query.split('&').collect();
    pairs.reverse();
    let backward = format!("{path}?{}", pairs.join("&"))
        .replace("openid+profile+car%3Adrive", "car%3Adrive+openid+profile");
    assert_ne!(backward, forward);
    let mut scopes = Vec::new();
    for url in [forward, backward] {
        browser.open(&url).await;
        let code = at_client(&browser)["code"].clone();
        let scope = app.redeem(WEB, &code).await.json()["scope"].as_str().unwrap().to_owned();
        scopes.push(scope.split(' ').map(str::to_owned).collect::<BTreeSet<_>>());
    }
    assert_eq!(scopes[0], scopes[1]);
    browser.open(&app.authorize_url(WEB, &[("scope", "openid foo profile bar"), ("unknown", "x")])).await;
    let tokens = app.redeem(WEB, &at_client(&browser)["code"]).await.json();
    assert_eq!(tokens["scope"], "openid profile", "what was narrowed is told");
    // Nothing left, or no scope at all by its grammar.
    for scope in ["foo bar", "openid  profile", "openid \"", "openid\tprofile", "openid\u{e9}"] {
        browser.open(&app.authorize_url(WEB, &[("scope", scope)])).await;
        assert_eq!(at_client(&browser)["error"], "invalid_scope", "{scope:?}");
    }
}

/// A2: Okta refuses the whole request, and so do we where a client wants Okta's habits.
async fn oidc_a02_a_client_held_to_oktas_habits_is_refused_unknown_scopes(app: TestApp) {
    let mut browser = Browser::new();
    signed_in(&app, &mut browser).await;
    browser.open(&app.authorize_url(OKTA, &[("scope", "openid foo")])).await;
    assert_eq!(at_client(&browser)["error"], "invalid_scope");
    browser.open(&app.authorize_url(OKTA, &[("scope", "openid profile")])).await;
    assert!(at_client(&browser).contains_key("code"));
}

/// A3: told to the client, with state (RFC 6749 §4.1.2.1).
async fn oidc_a03_response_type_errors_go_to_the_client(app: TestApp) {
    for (response_type, error) in [
        ("-", "invalid_request"),
        ("", "invalid_request"),
        ("foo", "unsupported_response_type"),
        ("code foo", "unsupported_response_type"),
        ("code code", "unsupported_response_type"),
        ("CODE", "unsupported_response_type"),
    ] {
        let mut browser = Browser::new();
        browser.open(&app.authorize_url(WEB, &[("response_type", response_type)])).await;
        let refused = at_client(&browser);
        assert_eq!(
            (refused["error"].as_str(), refused["state"].as_str()),
            (error, "a-state"),
            "{response_type}"
        );
    }
    let metadata =
        json!({"redirect_uris": [REDIRECT_URI], "grant_types": ["implicit"], "response_types": ["id_token"]});
    fixtures::client(&app.app, "implicit", metadata, Some(SECRET)).await;
    let mut browser = Browser::new();
    browser.open(&app.authorize_url("implicit", &[])).await;
    assert_eq!(at_client(&browser)["error"], "unauthorized_client");
}

/// A4: with `code` the nonce is optional and returned unchanged, also a long one (Core §3.1.2.1).
async fn oidc_a04_a_long_nonce_comes_back_and_none_is_fine(app: TestApp) {
    let mut browser = Browser::new();
    let nonce = format!("{} +&=%/é", "n".repeat(120));
    let code = app.code_in(&mut browser, "default", WEB, &[("nonce", &nonce)], ALICE).await;
    assert_eq!(id_token(&app, WEB, &code).await["nonce"], nonce);
    let code = app.code_in(&mut browser, "default", WEB, &[("nonce", "-")], ALICE).await;
    assert!(id_token(&app, WEB, &code).await.get("nonce").is_none());
}

/// A5: opaque and returned as sent, in success and in errors (RFC 6749 §4.1.2).
async fn oidc_a05_state_comes_back_byte_for_byte_or_not_at_all(app: TestApp) {
    let mut browser = Browser::new();
    signed_in(&app, &mut browser).await;
    let long = "0123456789abcdef".repeat(16);
    for state in [long.as_str(), "a b+c%20d&e=f#g?h/ä€\u{1f600}\"'<>\\", "\r\n\t", "{\"a\":[1]}", " "] {
        for scope in ["openid", "nothing"] {
            browser.open(&app.authorize_url(WEB, &[("state", state), ("scope", scope)])).await;
            let answer = at_client(&browser);
            assert_eq!(answer["state"], state);
            assert_eq!(answer.contains_key("error"), scope == "nothing");
        }
    }
    for scope in ["openid", "nothing"] {
        browser.open(&app.authorize_url(WEB, &[("state", "-"), ("scope", scope)])).await;
        assert!(!at_client(&browser).contains_key("state"));
    }
}

/// A6: none of these may fail a request (Core §3.1.2.1, §15.1).
async fn oidc_a06_hints_are_never_an_error(app: TestApp) {
    let mut browser = Browser::new();
    signed_in(&app, &mut browser).await;
    for (name, value) in [
        ("display", "page"),
        ("display", "popup"),
        ("display", "touch"),
        ("display", "wap"),
        ("display", "hologram"),
        ("ui_locales", "de-CH en fr-CA"),
        ("ui_locales", "not!a!tag  x"),
        ("claims_locales", "de"),
        ("login_hint", "somebody-else@example.com"),
        ("acr_values", "1 2"),
        ("idp", "0oa0"),
        ("foo", "bar"),
        ("foo", ""),
    ] {
        browser.open(&app.authorize_url(WEB, &[(name, value)])).await;
        assert!(at_client(&browser).contains_key("code"), "{name}={value}: {}", browser.url());
    }
}

/// A6: the identifier is filled in for the user.
async fn oidc_a06_login_hint_prefills_the_identifier(app: TestApp) {
    let page = Browser::new().open(&app.authorize_url(WEB, &[("login_hint", "al\"ice@example.com")])).await;
    assert_eq!(page.form("login-form").field("identifier"), Some("al\"ice@example.com"));
}

/// A7: no page ever; with a session the same user and the same `auth_time` (Core §3.1.2.1, §3.1.2.6).
async fn oidc_a07_prompt_none_shows_no_page(app: TestApp) {
    let mut browser = Browser::new();
    browser.open(&app.authorize_url(WEB, &[("prompt", "none")])).await;
    let refused = at_client(&browser);
    assert_eq!((refused["error"].as_str(), refused["state"].as_str()), ("login_required", "a-state"));
    let first = signed_in(&app, &mut browser).await;
    app.clock.advance(10);
    browser.open(&app.authorize_url(WEB, &[("prompt", "none"), ("max_age", "15000")])).await;
    let again = id_token(&app, WEB, &at_client(&browser)["code"]).await;
    assert_eq!((&again["sub"], &again["auth_time"]), (&first["sub"], &first["auth_time"]));
    // What would have to be asked is told by its name.
    browser.open(&app.authorize_url(ASKING, &[("prompt", "none"), ("scope", "openid car:sell")])).await;
    assert_eq!(at_client(&browser)["error"], "consent_required");
}

/// A7: `none` with another value contradicts itself.
async fn oidc_a07_none_stands_alone(app: TestApp) {
    let mut browser = Browser::new();
    signed_in(&app, &mut browser).await;
    for prompt in
        ["none login", "login none", "none consent", "none select_account", "none unknown", "unknown"]
    {
        browser.open(&app.authorize_url(WEB, &[("prompt", prompt)])).await;
        assert_eq!(at_client(&browser)["error"], "invalid_request", "{prompt}");
    }
}

/// A8: credentials are asked for again, and what they prove is newer (Core §3.1.2.1).
async fn oidc_a08_prompt_login_asks_again_and_auth_time_moves(app: TestApp) {
    let mut browser = Browser::new();
    let first = signed_in(&app, &mut browser).await;
    app.clock.advance(5);
    let page = browser.open(&app.authorize_url(WEB, &[("prompt", "login")])).await;
    assert!(is_sign_in(&page), "{}", browser.url());
    // Coming back to the same address does not help.
    let url = browser.url().to_string();
    assert!(is_sign_in(&browser.open(&url).await));
    let page = browser.open(&url).await;
    let form = page.form("login-form").fill("identifier", ALICE).fill("password", "wrong").press("sign_in");
    let refused = browser.submit(&form).await;
    assert!(refused.body_contains("login-error"), "{}", refused.words());
    crate::support::op::sign_in_on(&mut browser, &refused, ALICE, fixtures::PASSWORD).await;
    let second = id_token(&app, WEB, &at_client(&browser)["code"]).await;
    assert_eq!(second["sub"], first["sub"]);
    assert!(second["auth_time"].as_i64() > first["auth_time"].as_i64(), "{second} {first}");
}

/// A8: consent is shown again though it was given.
async fn oidc_a08_prompt_consent_asks_again(app: TestApp) {
    let mut browser = Browser::new();
    signed_in(&app, &mut browser).await;
    let url = |prompt| app.authorize_url(ASKING, &[("scope", "openid car:sell"), ("prompt", prompt)]);
    for (prompt, asked) in [("-", true), ("-", false), ("consent", true), ("consent", true)] {
        let page = browser.open(&url(prompt)).await;
        assert_eq!(page.body_contains("consent-form"), asked, "{prompt}");
        if asked {
            browser.submit(&page.form("consent-form").press("accept")).await;
        }
        assert!(at_client(&browser).contains_key("code"));
    }
    // A client that is trusted asks too, when it says so itself.
    let page = browser.open(&app.authorize_url(WEB, &[("prompt", "consent")])).await;
    assert!(page.body_contains("consent-form"), "{}", page.words());
}

/// A8: the accounts of this browser are offered.
async fn oidc_a08_select_account_shows_the_accounts(app: TestApp) {
    let mut browser = Browser::new();
    let alice = signed_in(&app, &mut browser).await;
    let page = browser.open(&app.authorize_url(WEB, &[("prompt", "select_account")])).await;
    assert!(page.body_contains("accounts-form") && page.body_contains(ALICE), "{}", page.words());
    let sub = alice["sub"].as_str().unwrap();
    browser.submit(&page.form("accounts-form").press(sub)).await;
    assert_eq!(id_token(&app, WEB, &at_client(&browser)["code"]).await["sub"], sub);
    let page = browser.open(&app.authorize_url(WEB, &[("prompt", "select_account")])).await;
    let page = browser.submit(&page.form("accounts-form").press("other")).await;
    assert!(is_sign_in(&page), "{}", page.words());
    crate::support::op::sign_in_on(&mut browser, &page, BOB, fixtures::PASSWORD).await;
    assert_ne!(id_token(&app, WEB, &at_client(&browser)["code"]).await["sub"], sub);
}

/// A9: an older sign-in does not do, a younger one is used as it is (Core §3.1.2.1).
async fn oidc_a09_max_age_limits_the_age_of_the_sign_in(app: TestApp) {
    let mut browser = Browser::new();
    let first = signed_in(&app, &mut browser).await;
    app.clock.advance(30);
    browser.open(&app.authorize_url(WEB, &[("max_age", "1000")])).await;
    let same = id_token(&app, WEB, &at_client(&browser)["code"]).await;
    assert_eq!(same["auth_time"], first["auth_time"]);
    browser.open(&app.authorize_url(WEB, &[("max_age", "10"), ("prompt", "none")])).await;
    assert_eq!(at_client(&browser)["error"], "login_required");
    let page = browser.open(&app.authorize_url(WEB, &[("max_age", "10")])).await;
    assert!(is_sign_in(&page));
    crate::support::op::sign_in_on(&mut browser, &page, ALICE, fixtures::PASSWORD).await;
    let fresh = id_token(&app, WEB, &at_client(&browser)["code"]).await;
    assert!(fresh["auth_time"].as_i64().unwrap() >= first["auth_time"].as_i64().unwrap() + 30);
    for max_age in ["-1", "abc", "1.5", "2147483648", "99999999999999999999"] {
        browser.open(&app.authorize_url(WEB, &[("max_age", max_age)])).await;
        assert_eq!(at_client(&browser)["error"], "invalid_request", "{max_age}");
    }
}

/// A9: `max_age=0` is `prompt=login`.
async fn oidc_a09_max_age_zero_acts_as_prompt_login(app: TestApp) {
    let mut browser = Browser::new();
    signed_in(&app, &mut browser).await;
    let page = browser.open(&app.authorize_url(WEB, &[("max_age", "0")])).await;
    assert!(is_sign_in(&page));
    crate::support::op::sign_in_on(&mut browser, &page, ALICE, fixtures::PASSWORD).await;
    let claims = id_token(&app, WEB, &at_client(&browser)["code"]).await;
    assert!(claims["auth_time"].is_i64());
    browser.open(&app.authorize_url(WEB, &[("max_age", "0"), ("prompt", "none")])).await;
    assert_eq!(at_client(&browser)["error"], "login_required");
}

/// A10: whose session it is decides; the hint may be old (Core §3.1.2.1, §3.1.2.2).
async fn oidc_a10_a_hint_yields_the_session_of_its_user_only(app: TestApp) {
    let mut browser = Browser::new();
    let code = app.code_in(&mut browser, "default", WEB, &[], ALICE).await;
    let alice = raw_id_token(&app, WEB, &code).await;
    let code = app.code_in(&mut Browser::new(), "default", WEB, &[], BOB).await;
    let bob = raw_id_token(&app, WEB, &code).await;
    app.clock.advance(4000);
    let silent = |hint: &str| app.authorize_url(WEB, &[("prompt", "none"), ("id_token_hint", hint)]);
    browser.open(&silent(&alice)).await;
    let code = at_client(&browser)["code"].clone();
    assert_eq!(id_token(&app, WEB, &code).await["sub"], claims(&alice)["sub"]);
    browser.open(&silent(&bob)).await;
    assert_eq!(at_client(&browser)["error"], "login_required");
    let page = browser.open(&app.authorize_url(WEB, &[("id_token_hint", &bob)])).await;
    assert!(is_sign_in(&page), "{}", page.words());
    // A hint whose signature is not ours proves nothing.
    let (payload, _) = bob.rsplit_once('.').unwrap();
    let (_, signature) = alice.rsplit_once('.').unwrap();
    browser.open(&silent(&format!("{payload}.{signature}"))).await;
    assert!(!at_client(&browser).contains_key("code"));
}

/// A11: one of the requested values where it was earned; the others are wishes (Core §5.5.1.1).
async fn oidc_a11_acr_is_reported_and_a_voluntary_request_never_fails(app: TestApp) {
    let mut browser = Browser::new();
    for (requested, reported) in [
        ("urn:okta:loa:1fa:any", "urn:okta:loa:1fa:any"),
        ("urn:okta:loa:1fa:pwd urn:okta:loa:1fa:any", "urn:okta:loa:1fa:pwd"),
        ("phr urn:okta:loa:1fa:any", "urn:okta:loa:1fa:any"),
        ("urn:okta:loa:2fa:any:ifpossible", "urn:okta:loa:1fa:pwd"),
        ("unknown 1 2", "urn:okta:loa:1fa:pwd"),
    ] {
        let code = app.code_in(&mut browser, "default", WEB, &[("acr_values", requested)], ALICE).await;
        assert_eq!(id_token(&app, WEB, &code).await["acr"], reported, "{requested}");
    }
}

/// A13: whoever sends a challenge is held to it (RFC 7636 §4.6).
async fn oidc_a13_a_challenge_is_enforced_for_every_client(app: TestApp) {
    let mut browser = Browser::new();
    for client in [WEB, SPA, OKTA] {
        let code =
            app.code_in(&mut browser, "default", client, &[("code_challenge", CHALLENGE)], ALICE).await;
        let redeem = async |verifier: &str| {
            let mut form = vec![
                ("grant_type", "authorization_code"),
                ("code", code.as_str()),
                ("redirect_uri", REDIRECT_URI),
                ("code_verifier", verifier),
            ];
            if client == SPA {
                form.push(("client_id", client));
                return app.client().post_form("/oauth2/default/v1/token", &form).await;
            }
            app.token(client, &form).await
        };
        assert_eq!(redeem(&"x".repeat(43)).await.json()["error"], "invalid_grant", "{client}");
        assert_eq!(redeem(VERIFIER).await.status, 200, "{client}");
    }
}

/// A14: users see who asks (Registration §2), and the policy of the page lets the logo load.
async fn oidc_a14_what_is_known_of_the_client_is_shown(app: TestApp) {
    let metadata = json!({
        "client_name": "The Known Client",
        "logo_uri": "https://app.example.com/logo.png",
        "policy_uri": "https://app.example.com/privacy",
        "tos_uri": "https://app.example.com/terms",
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "consent_method": "REQUIRED",
    });
    fixtures::client(&app.app, "known", metadata, Some(SECRET)).await;
    let mut browser = Browser::new();
    let sign_in = browser.open(&app.authorize_url("known", &[("scope", "openid car:sell")])).await;
    let consent = crate::support::op::sign_in_on(&mut browser, &sign_in, ALICE, fixtures::PASSWORD).await;
    assert!(consent.body_contains("consent-form"), "{}", consent.words());
    for page in [sign_in, consent] {
        assert!(page.words().contains("The Known Client"), "{}", page.words());
        assert!(page.body_contains("src=\"https://app.example.com/logo.png\""));
        assert_eq!(page.link("Privacy policy").as_str(), "https://app.example.com/privacy");
        assert_eq!(page.link("Terms of service").as_str(), "https://app.example.com/terms");
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("img-src 'self' https:"), "{policy}");
    }
}

/// A15: `offline_access` is honoured with consent, given or not needed, and ignored for a client that cannot refresh
/// (Core §11).
async fn oidc_a15_offline_access_needs_a_client_that_refreshes_and_consent(app: TestApp) {
    let mut browser = Browser::new();
    let more = [("scope", "openid offline_access")];
    let code = app.code_in(&mut browser, "default", WEB, &more, ALICE).await;
    assert!(app.redeem(WEB, &code).await.json()["refresh_token"].is_string(), "a trusted client");
    let code = app.code_in(&mut browser, "default", WEB, &[], ALICE).await;
    assert!(app.redeem(WEB, &code).await.json().get("refresh_token").is_none(), "not asked for");
    let page = browser.open(&app.authorize_url(ASKING, &more)).await;
    assert!(page.body_contains("consent-form"), "{}", browser.url());
    browser.submit(&page.form("consent-form").press("accept")).await;
    let tokens = app.redeem(ASKING, &at_client(&browser)["code"]).await.json();
    assert!(tokens["refresh_token"].is_string(), "{tokens}");
    let metadata = json!({
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
    });
    fixtures::client(&app.app, "online", metadata, Some(SECRET)).await;
    let code = app.code_in(&mut browser, "default", "online", &more, ALICE).await;
    let tokens = app.redeem("online", &code).await.json();
    assert!(tokens.get("refresh_token").is_none(), "{tokens}");
    assert_eq!(tokens["scope"], "openid");
}

/// P1: `code` in the query, nothing in the fragment (Multiple Response Types §2.1).
async fn oidc_p01_the_answer_to_a_code_request_is_in_the_query(app: TestApp) {
    let mut browser = Browser::new();
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
    let names: Vec<_> = at_client(&browser).into_keys().collect();
    assert_eq!(names, ["code", "iss", "session_state", "state"]);
    assert_eq!(browser.url().fragment(), Some(""));
    browser.open(&app.authorize_url(WEB, &[("response_mode", "fragment")])).await;
    assert_eq!(browser.url().query(), None);
    assert!(browser.url().fragment().unwrap().starts_with("code="), "{}", browser.url());
    // The refusal of a token goes where the token would have gone (§5).
    for (response_type, error) in [
        ("token", "unsupported_response_type"),
        ("id_token", "unauthorized_client"),
        ("code id_token token", "unauthorized_client"),
        ("token id_token", "unauthorized_client"),
    ] {
        browser.open(&app.authorize_url(WEB, &[("response_type", response_type)])).await;
        assert_eq!(browser.url().query(), None, "{response_type}");
        assert!(
            browser.url().fragment().unwrap().starts_with(&format!("error={error}&")),
            "{}",
            browser.url()
        );
    }
}

/// P2: 200, a form that posts itself, a button without JavaScript (Form Post Response Mode §2).
async fn oidc_p02_form_post_carries_success_and_errors(app: TestApp) {
    let mut browser = Browser::new();
    let page =
        app.sign_in(&mut browser, &app.authorize_url(WEB, &[("response_mode", "form_post")]), ALICE).await;
    let good = page.form("form-post");
    let error =
        browser.open(&app.authorize_url(WEB, &[("response_mode", "form_post"), ("max_age", "x")])).await;
    let bad = error.form("form-post");
    for page in [&page, &error] {
        assert_eq!(
            (page.status, page.header("location"), page.header("cache-control")),
            (200, None, Some("no-store"))
        );
        assert!(page.body_contains("<noscript>") && page.body_contains("submit();"));
    }
    for form in [&good, &bad] {
        assert_eq!((form.method.as_str(), form.action.as_str()), ("POST", REDIRECT_URI));
        assert_eq!(form.field("state"), Some("a-state"));
    }
    let names = |form: &crate::support::html::Form| {
        form.fields.iter().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>()
    };
    assert_eq!(names(&good), BTreeSet::from(["code", "iss", "session_state", "state"].map(str::to_owned)));
    assert_eq!(
        names(&bad),
        BTreeSet::from(["error", "error_description", "iss", "state"].map(str::to_owned))
    );
    assert_eq!(app.redeem(WEB, good.field("code").unwrap()).await.status, 200);
}

/// P3: nothing but what RFC 6749 §4.1.2.1 and RFC 9207 define, in the characters they allow; and no input in it.
async fn oidc_p03_an_error_has_no_other_parameters(app: TestApp) {
    for more in [
        [("scope", "nothing")],
        [("prompt", "none")],
        [("prompt", "gronk\"\\")],
        [("response_type", "gronk")],
        [("response_mode", "gronk")],
        [("max_age", "gronk")],
        [("resource", "https://gronk.example/")],
        [("id_token_hint", "gronk")],
        [("code_challenge", "gronk")],
    ] {
        let mut browser = Browser::new();
        browser.open(&app.authorize_url(WEB, &more)).await;
        let refused = at_client(&browser);
        let names: Vec<_> = refused.keys().map(String::as_str).collect();
        assert_eq!(names, ["error", "error_description", "iss", "state"], "{more:?}");
        for name in ["error", "error_description"] {
            let text = &refused[name];
            assert!(
                text.bytes().all(|byte| matches!(byte, 0x20..=0x7e) && !matches!(byte, b'"' | b'\\')),
                "{text}"
            );
            assert!(!text.contains("gronk"), "{text}");
        }
    }
}

/// P4: RFC 9207 §2, equal to the issuer of the metadata.
async fn oidc_p04_iss_is_in_every_answer(app: TestApp) {
    let metadata = app.client().get("/oauth2/default/.well-known/openid-configuration").await.json();
    let mut browser = Browser::new();
    browser.open(&app.authorize_url(WEB, &[("prompt", "none")])).await;
    assert_eq!(at_client(&browser)["iss"], metadata["issuer"].as_str().unwrap());
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
    assert_eq!(at_client(&browser)["iss"], metadata["issuer"].as_str().unwrap());
}

/// P5: 256 random bits, kept as a hash, bound to client, redirect URI, challenge and nonce (RFC 6749 §10.10).
async fn oidc_p05_a_code_is_long_random_and_bound(app: TestApp) {
    let mut browser = Browser::new();
    let mut codes = BTreeSet::new();
    for _ in 0..8 {
        let code = app.code_in(&mut browser, "default", WEB, &[], ALICE).await;
        assert!(
            code.len() >= 43
                && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        );
        let found = store::authorization_code::find(&app.app.db, &TokenHash::of(&code)).await.unwrap();
        let (row, _) = found.unwrap();
        assert_eq!((row.client_id.as_str(), row.server_id.as_str()), (WEB, "default"));
        assert_eq!((row.redirect_uri.as_str(), row.redirect_uri_sent), (REDIRECT_URI, true));
        assert_eq!((row.code_challenge.as_deref(), row.nonce.as_deref()), (Some(CHALLENGE), Some("a-nonce")));
        assert!(row.expires_at - app.app.now() <= time::Duration::seconds(60));
        codes.insert(code);
    }
    assert_eq!(codes.len(), 8);
    let code = codes.first().unwrap();
    assert_eq!(app.redeem(WEB, code).await.status, 200);
    assert_eq!(app.redeem(WEB, code).await.json()["error"], "invalid_grant");
}

/// P7: from the sign-in page and from the consent page (RFC 6749 §4.1.2.1); and the request is over.
async fn oidc_p07_refusal_by_the_user_is_access_denied(app: TestApp) {
    let mut browser = Browser::new();
    let page = browser.open(&app.authorize_url(WEB, &[])).await;
    let sign_in = browser.url().to_string();
    browser.submit(&page.form("login-form").press("cancel")).await;
    let refused = at_client(&browser);
    assert_eq!((refused["error"].as_str(), refused["state"].as_str()), ("access_denied", "a-state"));
    assert_page(&browser.open(&sign_in).await, "expired_flow");
    signed_in(&app, &mut browser).await;
    let page = browser.open(&app.authorize_url(ASKING, &[("scope", "openid car:sell")])).await;
    browser.submit(&page.form("consent-form").press("deny")).await;
    let refused = at_client(&browser);
    assert_eq!((refused["error"].as_str(), refused["state"].as_str()), ("access_denied", "a-state"));
    // What was refused is not remembered as given.
    browser.open(&app.authorize_url(ASKING, &[("scope", "openid car:sell"), ("prompt", "none")])).await;
    assert_eq!(at_client(&browser)["error"], "consent_required");
}
