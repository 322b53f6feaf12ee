//! Clients that ask for more than the session proves (RFC 9470 §5).

use serde_json::json;
use stepgate::model::policy_set::SignOnAction;
use thirtyfour::WebDriver;

use super::{
    click,
    enrolment::manual_key,
    fill,
    journey::{Client, choose, give_code, quiet, shows},
    playground::development,
    sign_in, until, value,
};
use crate::support::{Test, TestApp, assurance::TWO_FACTORS};

pub(crate) fn trials() -> Vec<Test> {
    trials![browser:
        a_session_is_raised_by_just_the_missing_factor,
        who_cannot_reach_what_is_asked_for_returns_to_the_client,
        the_playground_steps_a_new_user_up,
    ]
}

/// No password is asked for again; the ID token says what was proved, and silently from then on.
pub(super) async fn a_session_is_raised_by_just_the_missing_factor(app: TestApp, driver: WebDriver) {
    let seed = app.enrol_totp().await;
    app.sign_on(SignOnAction::default()).await;
    let client = Client::of(&app).await;
    client.begin(&driver, &[]).await;
    assert_eq!(client.earned(&driver).await, json!({"acr": "urn:okta:loa:1fa:pwd", "amr": ["pwd"]}));

    let level = ("acr_values", TWO_FACTORS);
    client.ask(&driver, &[level, ("prompt", "none")]).await;
    assert_eq!(client.refused(&driver).await, "interaction_required");
    client.ask(&driver, &[level]).await;
    shows(&driver, "factor-page").await;
    assert_eq!(value(&driver, "document.querySelectorAll('input[type=password]').length").await, 0);
    let raised = json!({"acr": TWO_FACTORS, "amr": ["pwd", "google_otp", "mfa"]});
    give_code(&driver, &app.totp(&seed)).await;
    assert_eq!(client.earned(&driver).await, raised);
    client.ask(&driver, &[level, ("prompt", "none")]).await;
    assert_eq!(client.earned(&driver).await, raised);
    quiet(&driver).await;
}

/// OpenID Connect Core Unmet Authentication Requirements §2: who may set nothing up is not led into a page without a way out.
pub(super) async fn who_cannot_reach_what_is_asked_for_returns_to_the_client(
    app: TestApp,
    driver: WebDriver,
) {
    app.seed("mfa_enroll_policies: [{name: All, factors: {}, rules: [{name: All, enroll: NEVER}]}]\n").await;
    let client = Client::of(&app).await;
    client.begin(&driver, &[]).await;
    client.earned(&driver).await;
    client.ask(&driver, &[("acr_values", TWO_FACTORS)]).await;
    assert_eq!(client.refused(&driver).await, "unmet_authentication_requirements");
    // "If possible" it is not, and the sign-in counts as it is.
    client.ask(&driver, &[("acr_values", "urn:okta:loa:2fa:any:ifpossible")]).await;
    assert_eq!(client.earned(&driver).await["amr"], json!(["pwd"]));
    quiet(&driver).await;
}

/// From a development server alone: the playground asks for two factors, and a user who has one sets the other up.
async fn the_playground_steps_a_new_user_up(app: TestApp, driver: WebDriver) {
    let app = development(app).await;
    driver.goto(app.url("/playground")).await.unwrap();
    until(&driver, "document.getElementById('issuer')?.options.length === 2").await;
    fill(&driver, "#acr_values", TWO_FACTORS).await;
    click(&driver, "#act-authorize").await;
    sign_in(&driver).await;
    choose(&driver, "Google Authenticator").await;
    let key = manual_key(&driver).await;
    give_code(&driver, &app.totp(&key)).await;
    until(&driver, "document.querySelectorAll('#tokens .box').length === 3").await;
    let tokens = value(&driver, "document.getElementById('tokens').textContent").await;
    for word in [TWO_FACTORS, "google_otp", "mfa"] {
        assert!(tokens.as_str().unwrap().contains(word), "{word}: {tokens}");
    }
    quiet(&driver).await;
}
