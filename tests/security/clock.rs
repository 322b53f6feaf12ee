//! What ends when: each lifetime a moment before and a moment after, with the clock moved.

use keys::{MacAlgorithm, MacKey};
use serde_json::json;

use crate::support::{
    Test, TestApp,
    fixtures::{ALICE, ASKING, PASSWORD, SECRET, WEB, WEB_JWT},
    http::Browser,
    op::{answer, error_code, sign_in_on},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![storage:
        sec_c05_a_code_lives_sixty_seconds,
        a_session_ends_after_two_hours_without_use,
        a_session_ends_after_twelve_hours_whatever_happens;
    sqlite:
        an_assertion_from_a_clock_that_is_ahead_is_accepted_within_a_minute,
        an_expired_assertion_is_refused_at_once,
        a_flow_waits_fifteen_minutes,
        a_parked_request_waits_as_long_as_a_flow;
    ]
}

async fn silently(app: &TestApp, browser: &mut Browser) -> bool {
    browser.open(&app.authorize_url(WEB, &[("prompt", "none")])).await;
    let answer = answer(browser);
    assert!(answer.contains_key("code") || answer["error"] == "login_required", "{answer:?}");
    answer.contains_key("code")
}

/// RFC 6749 §4.1.2, RFC 9700 §4.5: a code is short-lived.
async fn sec_c05_a_code_lives_sixty_seconds(app: TestApp) {
    let code = app.code(WEB, "openid", ALICE).await;
    app.clock.advance(58);
    assert_eq!(app.redeem(WEB, &code).await.status, 200);
    let code = app.code(WEB, "openid", ALICE).await;
    app.clock.advance(61);
    let refused = app.redeem(WEB, &code).await;
    assert_eq!((refused.status, refused.json()["error"].as_str()), (400, Some("invalid_grant")));
    // Late is not twice: nothing is revoked and no reuse is logged.
    assert!(!app.logged("app.oauth2.as.token.detect_reuse", None).await);
}

/// OWASP ASVS 7.3.1: inactivity ends a session; each use moves the end along.
async fn a_session_ends_after_two_hours_without_use(app: TestApp) {
    let mut browser = Browser::new();
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
    for _ in 0..3 {
        app.clock.advance(2 * 3600 - 100);
        assert!(silently(&app, &mut browser).await, "used in time");
    }
    app.clock.advance(2 * 3600 + 1);
    assert!(!silently(&app, &mut browser).await, "not used for two hours");
    // Seeing it end does not bring it back.
    app.clock.advance(-3600);
    app.clock.advance(3600);
    assert!(!silently(&app, &mut browser).await);
}

/// OWASP ASVS 7.3.2: every session ends at some time, also one that is used and one whose user proved the password
/// again on the way.
async fn a_session_ends_after_twelve_hours_whatever_happens(app: TestApp) {
    let mut browser = Browser::new();
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
    for hour in 1..=11 {
        app.clock.advance(3600);
        assert!(silently(&app, &mut browser).await, "after {hour} hours");
    }
    app.clock.advance(3600 - 60);
    assert!(silently(&app, &mut browser).await, "a minute before the end");
    app.clock.advance(61);
    assert!(!silently(&app, &mut browser).await, "after twelve hours");
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
    assert!(silently(&app, &mut browser).await, "a new session");
}

/// A client credentials request with an assertion of these times, relative to now.
async fn assertion(app: &TestApp, jti: &str, times: &[(&str, i64)]) -> u16 {
    let now = app.app.now().unix_timestamp();
    let mut claims = json!({"iss": WEB_JWT, "sub": WEB_JWT, "aud": app.url("/oauth2/default"), "jti": jti});
    claims["exp"] = json!(now + 300);
    for (name, offset) in times {
        claims[name] = json!(now + offset);
    }
    let key = MacKey::new(MacAlgorithm::Hs256, SECRET.as_bytes()).unwrap();
    let assertion = key.sign_jwt(None, &claims).unwrap();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", &assertion),
    ];
    app.client().post_form("/oauth2/default/v1/token", &form).await.status
}

/// RFC 7523 §3: clocks of others may be a minute ahead of ours.
async fn an_assertion_from_a_clock_that_is_ahead_is_accepted_within_a_minute(app: TestApp) {
    for name in ["iat", "nbf"] {
        assert_eq!(assertion(&app, &format!("{name}-behind"), &[(name, -600)]).await, 200, "{name}");
        assert_eq!(assertion(&app, &format!("{name}-59"), &[(name, 59)]).await, 200, "{name}");
        // A second may pass while the request travels: 62 is above 60 then, too.
        assert_eq!(assertion(&app, &format!("{name}-62"), &[(name, 62)]).await, 401, "{name}");
    }
    // An hour is the longest validity, read with the same tolerance.
    assert_eq!(assertion(&app, "hour", &[("exp", 3600 + 59)]).await, 200);
    assert_eq!(assertion(&app, "longer", &[("exp", 3600 + 62)]).await, 401);
}

/// RFC 7523 §3: expiry has no tolerance, so a replay store need not remember what is dead.
async fn an_expired_assertion_is_refused_at_once(app: TestApp) {
    assert_eq!(assertion(&app, "in-time", &[("exp", 30)]).await, 200);
    assert_eq!(assertion(&app, "now", &[("exp", 0)]).await, 401);
    assert_eq!(assertion(&app, "late", &[("exp", -59)]).await, 401);
}

/// A request that waits for its user is over after fifteen minutes, on every page.
async fn a_flow_waits_fifteen_minutes(app: TestApp) {
    let mut browser = Browser::new();
    let page = browser.open(&app.authorize_url(WEB, &[])).await;
    app.clock.advance(15 * 60 - 5);
    sign_in_on(&mut browser, &page, ALICE, PASSWORD).await;
    assert!(answer(&browser).contains_key("code"));

    let login = browser.open(&app.authorize_url(WEB, &[("prompt", "login")])).await;
    let consent = browser.open(&app.authorize_url(ASKING, &[("scope", "openid car:drive")])).await;
    let accounts = browser.open(&app.authorize_url(WEB, &[("prompt", "select_account")])).await;
    app.clock.advance(15 * 60 + 1);
    for page in [&login, &consent, &accounts] {
        let gone = browser.open(page.url.as_str()).await;
        assert_eq!((gone.status, error_code(&gone)), (400, "expired_flow"), "{}", page.url);
    }
    browser.open(&app.url("/")).await;
    browser.send_always("origin", &app.issuer);
    for form in [
        login.form("login-form").fill("identifier", ALICE).fill("password", PASSWORD).press("sign_in"),
        consent.form("consent-form").press("accept"),
        accounts.form("accounts-form").press("other"),
    ] {
        let gone = browser.submit(&form).await;
        assert_eq!((gone.status, error_code(&gone)), (400, "expired_flow"), "{}", form.action);
    }
}

/// A POSTed request is kept until the browser follows the redirect, and no longer than a flow.
async fn a_parked_request_waits_as_long_as_a_flow(app: TestApp) {
    let url = app.authorize_url(WEB, &[]);
    let query = url.split_once('?').unwrap().1;
    let mut browser = Browser::new();
    for (wait, works) in [(15 * 60 - 5, true), (15 * 60 + 1, false)] {
        let request = app.client().request(http::Method::POST, "/oauth2/default/v1/authorize");
        let parked = request.body("application/x-www-form-urlencoded", query.to_owned()).send().await;
        assert_eq!(parked.status, 303, "{}", parked.text());
        app.clock.advance(wait);
        let page = browser.open(parked.location().unwrap().as_str()).await;
        assert_eq!(page.body_contains("login-page"), works, "{}", page.words());
        if !works {
            assert_eq!(error_code(&page), "expired_flow");
        }
    }
}
