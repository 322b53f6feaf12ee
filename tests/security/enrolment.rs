//! S1: nobody gets round the factors of an account by enrolling another, and the first is enrolled right after a password.

use serde_json::json;
use stepgate::model::{
    factor::{FactorKind, FactorStatus},
    policy_set::SignOnAction,
};

use crate::support::{
    Test, TestApp,
    app::Change,
    assurance::TWO_FACTORS,
    authn::path_of,
    fixtures::{ALICE, PASSWORD, WEB},
    http::Browser,
    op::{answer, sign_in_on},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![sqlite:
        sec_s01_a_factor_out_of_use_is_not_replaced_by_who_knows_the_password,
        sec_s01_a_factor_that_is_got_meanwhile_ends_the_enrolment_of_another,
        sec_s01_a_first_factor_takes_a_password_just_now,
        sec_s02_what_nothing_delivers_is_not_offered,
    ]
}

/// CVE-2026-3429: whoever guesses codes until the factor is suspended gets no other in its place; a code that the owner
/// kept, or an administrator gave out, helps.
async fn sec_s01_a_factor_out_of_use_is_not_replaced_by_who_knows_the_password(app: TestApp) {
    app.require_factor().await;
    app.has_factor(ALICE, FactorKind::TotpGoogle, FactorStatus::Inactive).await;
    let password = json!({ "username": ALICE, "password": PASSWORD });
    let refused = app.authn("", &password).await;
    assert_eq!((refused.status, refused.json()["errorCode"].clone()), (401, json!("E0000004")));
    let alice = app.factors_of(ALICE).await;
    let codes = alice.post("/recovery_codes", &json!({})).await.json();
    let asked = app.password_of(ALICE).await;
    assert_eq!(asked["status"], "MFA_REQUIRED", "{asked}");
    assert_eq!(asked["_embedded"]["factors"], json!([]));
    let enroll = json!({ "stateToken": asked["stateToken"], "factorType": "question", "provider": "OKTA" });
    assert_eq!(app.authn("/factors", &enroll).await.json()["errorCode"], "E0000079");
    let code = json!({ "stateToken": asked["stateToken"], "passCode": codes["codes"][0] });
    assert_eq!(app.step(&path_of(&asked["_links"]["recoveryCode"]), code).await["status"], "SUCCESS");
}

/// A sign-in that waits at the choice of a first factor, or for its code, is worth nothing once there is one.
async fn sec_s01_a_factor_that_is_got_meanwhile_ends_the_enrolment_of_another(app: TestApp) {
    app.require_factor().await;
    let chooses = app.password_of(ALICE).await;
    let question = |state: &serde_json::Value| {
        json!({
            "stateToken": state["stateToken"], "factorType": "question", "provider": "OKTA",
            "profile": { "question": "disliked_food", "answer": "tinned soup" },
        })
    };
    let phone = json!({
        "stateToken": app.password_of(ALICE).await["stateToken"], "factorType": "sms", "provider": "OKTA",
        "profile": { "phoneNumber": "+15554151337" },
    });
    let proves = app.step("/factors", phone).await;
    app.enrol_totp().await;
    let looked = app.step("", json!({ "stateToken": chooses["stateToken"] })).await;
    assert_eq!(looked["_embedded"]["factors"].as_array().map(Vec::len), Some(1), "{looked}");
    assert_eq!(looked["_embedded"]["factors"][0]["status"], "ACTIVE");
    assert_eq!(app.authn("/factors", &question(&chooses)).await.json()["errorCode"], "E0000079");
    let code = app.mailbox().code_for("+15554151337").await;
    let code = json!({ "stateToken": proves["stateToken"], "passCode": code });
    let refused = app.authn(&path_of(&proves["_links"]["next"]), &code).await;
    assert_eq!(refused.json()["errorCode"], "E0000079", "{}", refused.text());
    // The way back leads to the factor that there is.
    let back = app.step("/previous", json!({ "stateToken": proves["stateToken"] })).await;
    assert_eq!(back["status"], "MFA_REQUIRED", "{back}");
}

/// Whoever finds an open browser becomes no owner of the account: the password is asked for again.
async fn sec_s01_a_first_factor_takes_a_password_just_now(app: TestApp) {
    app.sign_on(SignOnAction::default()).await;
    let mut browser = Browser::new();
    app.sign_in_by(&mut browser, ALICE, &["pwd"]).await;
    app.clock.advance(4 * 60 + 50);
    let two = app.authorize_url(WEB, &[("acr_values", TWO_FACTORS)]);
    assert!(browser.open(&two).await.body_contains("enroll-page"));
    app.clock.advance(11);
    let asked = browser.open(&two).await;
    assert!(asked.body_contains("login-page"), "{}", asked.words());
    let asked = sign_in_on(&mut browser, &asked, ALICE, PASSWORD).await;
    assert!(asked.body_contains("enroll-page"), "{}", asked.words());
}

/// S2: an enrolment that cannot end is none: where nothing carries messages, codes are not offered, and a level that takes
/// one is out of reach.
async fn sec_s02_what_nothing_delivers_is_not_offered(app: TestApp) {
    let app = app.restart(Change { no_couriers: true, ..Change::default() }).await;
    app.require_factor().await;
    let asked = app.password_of(ALICE).await;
    assert_eq!(asked["status"], "MFA_ENROLL", "{asked}");
    let offered = asked["_embedded"]["factors"].to_string();
    assert!(offered.contains("token:software:totp"), "{offered}");
    for sent in ["sms", "call", "email"] {
        assert!(!offered.contains(&format!("\"{sent}\"")), "{offered}");
    }
    app.sign_on(SignOnAction::default()).await;
    app.seed("mfa_enroll_policies: [{name: Sms, factors: {okta_sms: OPTIONAL}, rules: [{name: All, enroll: LOGIN}]}]\n")
        .await;
    let mut browser = Browser::new();
    app.sign_in_by(&mut browser, ALICE, &["pwd"]).await;
    browser.open(&app.authorize_url(WEB, &[("acr_values", TWO_FACTORS)])).await;
    assert_eq!(answer(&browser)["error"], "unmet_authentication_requirements");
}
