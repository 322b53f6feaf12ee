//! Users about their own factors, with the cookie of their session.

use http::Method;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use crate::support::{
    Test, TestApp,
    factor::{Authenticator, PHONE, refusal},
    fixtures::{ALICE, WEB},
    http::{Browser, Response},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![sqlite:
        sec_s01_a_session_with_one_factor_changes_no_factors_of_a_user_who_has_two,
        sec_s01_a_factor_that_was_proved_long_ago_changes_nothing,
        sec_s01_a_first_factor_is_enrolled_right_after_the_sign_in,
        the_last_factor_that_policy_requires_is_not_removed,
        sec_l01_pages_of_other_origins_enrol_nothing,
        me_is_nobody_without_a_session,
        what_only_administrators_do_is_refused,
    ]
}

const AUTHENTICATOR: &str = r#"{"factorType":"token:software:totp","provider":"OKTA"}"#;

/// The session cookie of a browser in which Alice has just signed in.
async fn signed_in(app: &TestApp) -> String {
    let mut browser = Browser::new();
    app.code_in(&mut browser, "default", WEB, &[], ALICE).await;
    browser.open(&app.url("/")).await;
    let name = format!("sid_{}", app.app.settings.port());
    format!("{name}={}", browser.cookie(&name).unwrap().value)
}

async fn call(app: &TestApp, method: Method, path: &str, cookie: &str, body: &str) -> Response {
    let request = app.client().request(method, &format!("/api/v1/users/me{path}"));
    let request = request.header("cookie", cookie).header("origin", &app.issuer);
    let request = if body.is_empty() { request } else { request.body("application/json", body.to_owned()) };
    request.send().await
}

/// Writes into all sessions what was verified in them.
async fn proved(app: &TestApp, amr: &[&str]) {
    let at = app.app.now().unix_timestamp() * 1000;
    let factors: Vec<Value> = amr.iter().map(|method| json!({ "amr": [method], "at": at })).collect();
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    let sql = format!("UPDATE \"session\" SET \"factors\" = '{}'", Value::from(factors));
    database.execute_raw(Statement::from_string(database.get_database_backend(), sql)).await.unwrap();
}

/// CVE-2026-3429: whoever has the password, or finds a browser open, must not make a factor of their own, or remove one.
async fn sec_s01_a_session_with_one_factor_changes_no_factors_of_a_user_who_has_two(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let authenticator = alice.authenticator().await;
    let cookie = signed_in(&app).await;
    let listed = call(&app, Method::GET, "/factors", &cookie, "").await;
    assert_eq!(listed.json().as_array().unwrap().len(), 1, "{}", listed.text());
    let own = format!("/factors/{}", authenticator.id);
    let forbidden = (403, "E0000006".to_owned());
    let attempts = async || {
        vec![
            call(&app, Method::POST, "/factors", &cookie, AUTHENTICATOR).await,
            call(&app, Method::DELETE, &own, &cookie, "").await,
            call(
                &app,
                Method::POST,
                &format!("{own}/lifecycle/activate"),
                &cookie,
                r#"{"passCode":"123456"}"#,
            )
            .await,
            call(&app, Method::POST, &format!("{own}/resend"), &cookie, "{}").await,
            call(&app, Method::POST, "/recovery_codes", &cookie, "").await,
            call(&app, Method::DELETE, "/recovery_codes", &cookie, "").await,
        ]
    };
    for refused in attempts().await {
        assert_eq!(refusal(&refused), forbidden, "{}", refused.url);
    }
    // Two things that the user knows are not two factors.
    proved(&app, &["pwd", "kba"]).await;
    for refused in attempts().await {
        assert_eq!(refusal(&refused), forbidden, "{}", refused.url);
    }
    assert_eq!(alice.get("/factors").await.json().as_array().unwrap().len(), 1);
    proved(&app, &["pwd", "google_otp"]).await;
    let enrolled = call(&app, Method::POST, "/factors", &cookie, AUTHENTICATOR).await;
    assert_eq!(enrolled.status, 200, "{}", enrolled.text());
    let second = Authenticator::new(&enrolled.json());
    let body = json!({ "passCode": second.code(&app, 0) }).to_string();
    let path = format!("/factors/{}/lifecycle/activate", second.id);
    assert_eq!(call(&app, Method::POST, &path, &cookie, &body).await.status, 200);
    assert_eq!(call(&app, Method::POST, "/recovery_codes", &cookie, "").await.status, 200);
    assert_eq!(call(&app, Method::DELETE, &own, &cookie, "").await.status, 204);
    // The own session goes on; the user hears of it.
    assert_eq!(call(&app, Method::GET, "/factors", &cookie, "").await.status, 200);
    assert!(app.mailbox().all(ALICE).await.len() >= 2);
}

/// The same as on the account page: a quarter of an hour after the proof it is asked for again.
async fn sec_s01_a_factor_that_was_proved_long_ago_changes_nothing(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let own = format!("/factors/{}", alice.authenticator().await.id);
    let cookie = signed_in(&app).await;
    proved(&app, &["pwd", "google_otp"]).await;
    app.clock.advance(15 * 60 + 1);
    for (method, path, body) in [
        (Method::POST, "/factors", AUTHENTICATOR),
        (Method::DELETE, own.as_str(), ""),
        (Method::POST, "/recovery_codes", ""),
    ] {
        let late = call(&app, method, path, &cookie, body).await;
        assert_eq!(refusal(&late), (403, "E0000006".to_owned()), "{path}");
    }
    proved(&app, &["pwd", "google_otp"]).await;
    assert_eq!(call(&app, Method::POST, "/recovery_codes", &cookie, "").await.status, 200);
}

/// Whoever must have a factor adds another one first; an administrator may remove it all the same.
async fn the_last_factor_that_policy_requires_is_not_removed(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let own = format!("/factors/{}", alice.authenticator().await.id);
    let cookie = signed_in(&app).await;
    proved(&app, &["pwd", "google_otp"]).await;
    app.require_factor().await;
    let kept = call(&app, Method::DELETE, &own, &cookie, "").await;
    assert_eq!(refusal(&kept), (403, "E0000006".to_owned()));
    assert_eq!(alice.get("/factors").await.json().as_array().unwrap().len(), 1);
    assert_eq!(alice.delete(&own).await.status, 204);
}

/// Without a factor there is nothing to step up with, so the sign-in must be fresh.
async fn sec_s01_a_first_factor_is_enrolled_right_after_the_sign_in(app: TestApp) {
    let cookie = signed_in(&app).await;
    app.clock.advance(301);
    let late = call(&app, Method::POST, "/factors", &cookie, AUTHENTICATOR).await;
    assert_eq!(refusal(&late), (403, "E0000006".to_owned()));
    let cookie = signed_in(&app).await;
    let enrolled = call(&app, Method::POST, "/factors", &cookie, AUTHENTICATOR).await;
    assert_eq!(enrolled.status, 200, "{}", enrolled.text());
    // An enrolment that was not completed is no factor (security rule O4): it does not lock its user out.
    let again = call(&app, Method::POST, "/factors", &cookie, AUTHENTICATOR).await;
    assert_eq!(again.status, 200, "{}", again.text());
}

/// RFC 9700 §4.7: what changes something says where it is from.
async fn sec_l01_pages_of_other_origins_enrol_nothing(app: TestApp) {
    let cookie = signed_in(&app).await;
    for origin in ["https://evil.example", "null"] {
        let request = app.client().request(Method::POST, "/api/v1/users/me/factors");
        let request = request.header("cookie", &cookie).header("origin", origin);
        let refused = request.body("application/json", AUTHENTICATOR).send().await;
        assert_eq!(refusal(&refused), (403, "E0000212".to_owned()), "{origin}");
    }
    let listed = call(&app, Method::GET, "/factors", &cookie, "").await.json();
    assert_eq!(listed, json!([]));
}

async fn me_is_nobody_without_a_session(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    for path in ["/factors", "/factors/catalog", "/recovery_codes"] {
        let nobody = app.client().get(&format!("/api/v1/users/me{path}")).await;
        assert_eq!(refusal(&nobody), (401, "E0000011".to_owned()), "{path}");
        // A program asks as the owner of its token, as at `/api/v1/users/me`.
        let program = app.read(&format!("/api/v1/users/me{path}"), &alice.token).await;
        assert_eq!(program.status, 200, "{path} {}", program.text());
    }
}

/// Nobody vouches for the own phone, hands out tokens to oneself, or passes by the own factor.
async fn what_only_administrators_do_is_refused(app: TestApp) {
    let cookie = signed_in(&app).await;
    let phone =
        json!({"factorType": "sms", "provider": "OKTA", "profile": { "phoneNumber": PHONE }}).to_string();
    let token = json!({"factorType": "token:hotp", "provider": "CUSTOM"}).to_string();
    for (path, body) in [
        ("/factors?activate=true", &phone),
        ("/factors?activate=true", &token),
        ("/bypass_codes", &"{}".to_owned()),
    ] {
        let refused = call(&app, Method::POST, path, &cookie, body).await;
        assert_eq!(refusal(&refused), (403, "E0000006".to_owned()), "{path} {body}");
    }
    let refused = call(&app, Method::DELETE, "/bypass_codes", &cookie, "").await;
    assert_eq!(refusal(&refused), (403, "E0000006".to_owned()));
}
