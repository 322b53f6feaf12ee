//! A YubiKey in a real browser: it types into the field that has the keyboard, and ends with the enter key.

use serde_json::json;
use stepgate::model::api_token::Access;
use thirtyfour::WebDriver;

use super::{
    journey::{Client, choose, quiet, shot, shows, told},
    value,
};
use crate::support::{Test, TestApp, assurance::TWO_FACTORS, yubikey::Yubikey};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        browser: a_yubikey_is_set_up_and_used_by_touching_it;
        scriptless: a_yubikey_needs_no_scripts
    ]
}

const POLICY: &str =
    "mfa_enroll_policies: [{name: Keys, factors: {yubikey_token: OPTIONAL}, rules: [{name: All}]}]\n";

/// The enter key (WebDriver §17.4.2).
const ENTER: char = '\u{e007}';

/// What it types goes wherever the keyboard is.
async fn type_in(driver: &WebDriver, text: &str) {
    assert_eq!(value(driver, "document.activeElement.id").await, "pass-code");
    driver.active_element().await.unwrap().send_keys(format!("{text}{ENTER}")).await.unwrap();
}

/// Enrolled on the way by a first touch, asked for at the next sign-in; a password counts once, and one that was kept back
/// not any more.
async fn a_yubikey_is_set_up_and_used_by_touching_it(app: TestApp, driver: WebDriver) {
    let mut yubikey = Yubikey::new(7_886_622);
    app.import(&yubikey, &app.api_token(Access::Manage).await).await;
    app.seed(POLICY).await;
    app.require_factor().await;
    let client = Client::of(&app).await;
    client.begin(&driver, &[]).await;
    choose(&driver, "YubiKey").await;
    shows(&driver, "enroll-yubikey-page").await;
    shot(&driver, "yubikey-enroll").await;
    type_in(&driver, &Yubikey::new(1).touch()).await;
    told(&driver, "That is not right").await;
    let kept_back = yubikey.touch();
    let first = yubikey.touch();
    type_in(&driver, &first).await;
    let proved = json!({"acr": TWO_FACTORS, "amr": ["pwd", "yubikey", "otp", "mfa"]});
    assert_eq!(client.earned(&driver).await, proved);

    client.begin(&driver, &[("prompt", "login")]).await;
    shows(&driver, "factor-page").await;
    shot(&driver, "yubikey-verify").await;
    for spent in [first, kept_back] {
        type_in(&driver, &spent).await;
        told(&driver, "This code was used before").await;
    }
    type_in(&driver, &yubikey.touch()).await;
    assert_eq!(client.earned(&driver).await, proved);
    quiet(&driver).await;
}

async fn a_yubikey_needs_no_scripts(app: TestApp, driver: WebDriver) {
    a_yubikey_is_set_up_and_used_by_touching_it(app, driver).await;
}
