//! "Don’t ask again on this device": for the browser in which it was ticked, and for no other.

use serde_json::json;
use stepgate::model::{policy::FactorPrompt, policy_set::SignOnAction};
use thirtyfour::WebDriver;

use super::{
    click,
    journey::{Client, give_code, quiet, shows},
};
use crate::support::{Test, TestApp, assurance::TWO_FACTORS};

pub(crate) fn trials() -> Vec<Test> {
    trials![browsers: a_remembered_browser_is_not_asked_and_another_is]
}

/// Security rule S9: the cookie stands for the prompt and earns no level; a client that wants one is given it by a factor.
async fn a_remembered_browser_is_not_asked_and_another_is(app: TestApp, [known, other]: [WebDriver; 2]) {
    let seed = app.enrol_totp().await;
    app.sign_on(SignOnAction {
        require_factor: true,
        factor_prompt_mode: FactorPrompt::Device,
        ..SignOnAction::default()
    })
    .await;
    let client = Client::of(&app).await;
    let two = json!({"acr": TWO_FACTORS, "amr": ["pwd", "google_otp", "mfa"]});
    client.begin(&known, &[]).await;
    shows(&known, "factor-page").await;
    click(&known, "#remember-device").await;
    give_code(&known, &app.totp(&seed)).await;
    assert_eq!(client.earned(&known).await, two);

    client.begin(&known, &[("prompt", "login")]).await;
    assert_eq!(client.earned(&known).await["amr"], json!(["pwd"]));
    app.clock.advance(30);
    client.ask(&known, &[("acr_values", TWO_FACTORS)]).await;
    give_code(&known, &app.totp(&seed)).await;
    assert_eq!(client.earned(&known).await, two);

    app.clock.advance(30);
    client.begin(&other, &[]).await;
    shows(&other, "factor-page").await;
    // Not ticked, it is asked for again.
    give_code(&other, &app.totp(&seed)).await;
    assert_eq!(client.earned(&other).await, two);
    client.begin(&other, &[("prompt", "login")]).await;
    shows(&other, "factor-page").await;
    quiet(&known).await;
    quiet(&other).await;
}
