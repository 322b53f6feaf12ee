//! Session Management 1.0: `session_state`, the browser state behind it, and the frame that compares them.

use sha2::{Digest, Sha256};

use crate::support::{
    Test, TestApp,
    fixtures::{ALICE, BOB, NATIVE, WEB},
    http::Browser,
    op::answer,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![sqlite:
        oidc_d10_the_frame_is_advertised,
        oidc_l4_session_state_is_in_every_successful_answer_where_the_code_is,
        oidc_l4_session_state_is_the_hash_that_the_frame_computes,
        oidc_l4_the_browser_state_changes_at_login_and_logout_only,
        sec_l08_the_frame_can_be_framed_and_keeps_nothing,
        sec_l04_the_browser_state_opens_nothing,
        sec_u05_the_browser_state_of_a_dead_session_is_taken_away,
    ]
}

fn state_cookie(app: &TestApp) -> String {
    format!("bs_{}", app.app.settings.port())
}

/// The browser state that script would read on our origin.
async fn browser_state(app: &TestApp, browser: &mut Browser) -> Option<String> {
    browser.open(&app.url("/")).await;
    browser.cookie(&state_cookie(app)).map(|cookie| cookie.value.clone())
}

/// §3.3: discovery names the frame; what is named is served.
async fn oidc_d10_the_frame_is_advertised(app: TestApp) {
    for path in ["/.well-known/openid-configuration", "/oauth2/default/.well-known/openid-configuration"] {
        let document = app.client().get(path).await.json();
        let frame = document["check_session_iframe"].as_str().unwrap();
        let response = app.client().get(frame.strip_prefix(&app.issuer).unwrap()).await;
        assert_eq!(response.status, 200, "{frame}");
        assert!(response.body_contains(&format!("data-cookie=\"{}\"", state_cookie(&app))));
    }
    let document = app.client().get("/oauth2/default/.well-known/oauth-authorization-server").await.json();
    assert!(document.get("check_session_iframe").is_none());
}

/// §2: with the code, in every response mode; only for OpenID requests, and only where a web page could use it.
async fn oidc_l4_session_state_is_in_every_successful_answer_where_the_code_is(app: TestApp) {
    let mut browser = Browser::new();
    app.code_in(&mut browser, "default", WEB, &[], ALICE).await;
    assert!(answer(&browser).contains_key("session_state"));
    browser.open(&app.authorize_url(WEB, &[("response_mode", "fragment")])).await;
    let fragment = browser.url().fragment().unwrap();
    assert!(fragment.contains("code=") && fragment.contains("session_state="), "{fragment}");
    for mode in ["form_post", "okta_post_message"] {
        let page = browser.open(&app.authorize_url(WEB, &[("response_mode", mode)])).await;
        assert!(page.body_contains("session_state"), "{mode}: {}", page.text());
    }
    for (client, more) in [
        (WEB, vec![("scope", "car:drive")]),
        (WEB, vec![("max_age", "x")]),
        (NATIVE, vec![("redirect_uri", "com.example.app:/callback")]),
    ] {
        browser.open(&app.authorize_url(client, &more)).await;
        assert!(!answer(&browser).contains_key("session_state"), "{client} {more:?}");
    }
}

/// §3: SHA-256 over client, origin of the redirect URI, browser state and salt; the salt is new each time.
async fn oidc_l4_session_state_is_the_hash_that_the_frame_computes(app: TestApp) {
    let mut browser = Browser::new();
    app.code_in(&mut browser, "default", WEB, &[], ALICE).await;
    let first = answer(&browser)["session_state"].clone();
    let state = browser_state(&app, &mut browser).await.unwrap();
    let (hash, salt) = first.split_once('.').unwrap();
    let digest = Sha256::digest(format!("{WEB} https://app.example.com {state} {salt}"));
    let expected: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hash, expected);
    assert!(salt.len() >= 22, "{salt}");
    browser.open(&app.authorize_url(WEB, &[])).await;
    let second = answer(&browser)["session_state"].clone();
    assert_ne!(second.split_once('.').unwrap().1, salt);
}

/// §3.2: "meaningful events such as logging in or logging out"; the same user who proves the password again is no news.
async fn oidc_l4_the_browser_state_changes_at_login_and_logout_only(app: TestApp) {
    let mut browser = Browser::new();
    assert_eq!(browser_state(&app, &mut browser).await, None);
    app.code_in(&mut browser, "default", WEB, &[], ALICE).await;
    let first = browser_state(&app, &mut browser).await.unwrap();
    let cookie = browser.cookie(&state_cookie(&app)).unwrap();
    assert_eq!(cookie.attribute("httponly"), None);
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[("prompt", "login")]), ALICE).await;
    assert_eq!(browser_state(&app, &mut browser).await.unwrap(), first);
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[("prompt", "login")]), BOB).await;
    let second = browser_state(&app, &mut browser).await.unwrap();
    assert_ne!(second, first);
    let page = browser.open(&app.url("/oauth2/default/v1/logout")).await;
    browser.submit(&page.form("logout-form").press("confirm")).await;
    assert_eq!(browser_state(&app, &mut browser).await, None);
}

/// §3.3: any client may frame it; it sets no cookie, runs one script, and is the same for whoever asks.
async fn sec_l08_the_frame_can_be_framed_and_keeps_nothing(app: TestApp) {
    let mut browser = Browser::new();
    app.code_in(&mut browser, "default", WEB, &[], ALICE).await;
    let page = browser.open(&app.url("/oauth2/default/v1/sessions/check")).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("x-frame-options"), None);
    assert_eq!(page.header("set-cookie"), None);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("frame-ancestors *") && policy.contains("default-src 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.text().matches("<script").count(), 1);
    let posted = app.client().post_form("/oauth2/default/v1/sessions/check", &[]).await;
    assert_eq!(posted.status, 405);
}

/// The cookie that script reads is neither the session's secret nor its `sid`.
async fn sec_l04_the_browser_state_opens_nothing(app: TestApp) {
    let mut browser = Browser::new();
    app.code_in(&mut browser, "default", WEB, &[], ALICE).await;
    let state = browser_state(&app, &mut browser).await.unwrap();
    let session = format!("sid_{}", app.app.settings.port());
    assert_ne!(browser.cookie(&session).unwrap().value, state);
    let mut thief = Browser::new();
    thief.open(&app.url("/")).await;
    thief.plant(&session, &state);
    thief.plant(&state_cookie(&app), &state);
    thief.open(&app.authorize_url(WEB, &[("prompt", "none")])).await;
    assert_eq!(answer(&thief)["error"], "login_required");
}

/// A session that died elsewhere stops looking alive at the next visit; one that lives gets its state back.
async fn sec_u05_the_browser_state_of_a_dead_session_is_taken_away(app: TestApp) {
    let mut browser = Browser::new();
    app.code_in(&mut browser, "default", WEB, &[], ALICE).await;
    let state = browser_state(&app, &mut browser).await.unwrap();
    browser.plant(&state_cookie(&app), "something-else");
    browser.open(&app.url("/")).await;
    assert_eq!(browser_state(&app, &mut browser).await.unwrap(), state);
    app.clock.advance(13 * 3600);
    browser.open(&app.authorize_url(WEB, &[("prompt", "none")])).await;
    assert_eq!(browser_state(&app, &mut browser).await, None);
}
