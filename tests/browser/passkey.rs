//! Passkeys and security keys in a real browser: set up, used after the password, alone from what the browser fills in, and
//! refused where policy wants more than presence.

use serde_json::json;
use stepgate::model::{policy::PrimaryFactor, policy_set::SignOnAction};
use thirtyfour::WebDriver;
use url::Url;

use super::{RP, at, click, complaints, param, register, relying_party, sign_in, until};
use crate::support::{
    Test, TestApp,
    browser::{plug_in_authenticator, plug_in_security_key},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![browser:
        a_passkey_is_set_up_and_proved_after_the_password,
        a_client_that_asks_for_phr_has_a_passkey_set_up_and_proved,
        a_passkey_signs_in_alone_from_what_the_browser_fills_in,
        a_security_key_that_verifies_nobody_is_refused_where_policy_wants_it,
    ]
}

async fn open(app: &TestApp, driver: &WebDriver, callback: &Url, more: &[(&str, &str)]) {
    let asked = [&[("redirect_uri", callback.as_str())], more].concat();
    driver.goto(app.authorize_url(RP, &asked)).await.unwrap();
}

/// Signs in and sets a passkey up on the way.
async fn set_up(app: &TestApp, driver: &WebDriver, callback: &Url, more: &[(&str, &str)]) {
    open(app, driver, callback, more).await;
    sign_in(driver).await;
    until(driver, "document.getElementById('enroll-page')").await;
    click(driver, "button[value=fido_webauthn]").await;
    at(driver, callback).await;
    assert!(param(driver, "code").await.is_some());
    // The browser's own cookies of the server, while it is at the peer.
    driver.goto(app.url("/oauth2/default/.well-known/openid-configuration")).await.unwrap();
    driver.delete_all_cookies().await.unwrap();
    // A document has no icon.
    complaints(driver).await;
}

async fn a_passkey_is_set_up_and_proved_after_the_password(app: TestApp, driver: WebDriver) {
    let peer = relying_party().await;
    let callback = peer.url("/callback");
    register(&app, &[&callback], json!({})).await;
    app.require_factor().await;
    plug_in_authenticator(&driver).await;
    set_up(&app, &driver, &callback, &[]).await;
    open(&app, &driver, &callback, &[]).await;
    // The page asks the authenticator by itself.
    sign_in(&driver).await;
    at(&driver, &callback).await;
    assert!(param(&driver, "code").await.is_some());
    assert_eq!(complaints(&driver).await, [""; 0]);
}

/// OpenID EAP ACR Values §2: `phr` is reached by setting a passkey up, and from then on by proving it.
async fn a_client_that_asks_for_phr_has_a_passkey_set_up_and_proved(app: TestApp, driver: WebDriver) {
    let peer = relying_party().await;
    let callback = peer.url("/callback");
    register(&app, &[&callback], json!({})).await;
    plug_in_authenticator(&driver).await;
    let phr = [("acr_values", "phr")];
    set_up(&app, &driver, &callback, &phr).await;
    open(&app, &driver, &callback, &phr).await;
    sign_in(&driver).await;
    at(&driver, &callback).await;
    assert!(param(&driver, "code").await.is_some());
}

async fn a_passkey_signs_in_alone_from_what_the_browser_fills_in(app: TestApp, driver: WebDriver) {
    let peer = relying_party().await;
    let callback = peer.url("/callback");
    register(&app, &[&callback], json!({})).await;
    let primary_factor = PrimaryFactor::PasswordIdpAnyFactor;
    app.sign_on(SignOnAction { require_factor: true, primary_factor, ..SignOnAction::default() }).await;
    plug_in_authenticator(&driver).await;
    set_up(&app, &driver, &callback, &[]).await;
    open(&app, &driver, &callback, &[]).await;
    // Nothing is typed or pressed: the authenticator picks its only passkey.
    at(&driver, &callback).await;
    assert!(param(&driver, "code").await.is_some());
    assert_eq!(complaints(&driver).await, [""; 0]);
}

async fn a_security_key_that_verifies_nobody_is_refused_where_policy_wants_it(
    app: TestApp,
    driver: WebDriver,
) {
    let peer = relying_party().await;
    let callback = peer.url("/callback");
    register(&app, &[&callback], json!({})).await;
    app.seed(
        "mfa_enroll_policies: [{name: All, factors: {fido_webauthn: OPTIONAL}, webauthn: {user_verification: required}, rules: [{name: All}]}]\n",
    )
    .await;
    app.require_factor().await;
    plug_in_security_key(&driver).await;
    open(&app, &driver, &callback, &[]).await;
    sign_in(&driver).await;
    until(&driver, "document.getElementById('enroll-page')").await;
    click(&driver, "button[value=fido_webauthn]").await;
    until(&driver, "document.getElementById('webauthn-failed')?.hidden === false").await;
}
