//! Passkeys and security keys in a real browser: set up, used after the password, alone from what the browser fills in, and
//! refused where policy wants more than presence.

use serde_json::json;
use stepgate::model::{
    policy::{FactorPrompt, PrimaryFactor},
    policy_set::SignOnAction,
};
use thirtyfour::WebDriver;
use url::Url;

use super::{
    RP, at, click, complaints, fill,
    journey::{Client, choose, quiet, shows, told},
    param,
    playground::development,
    register, relying_party, sign_in, until, value,
};
use crate::support::{
    Test, TestApp,
    browser::{meddle, plug_in_authenticator, plug_in_security_key, touches},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        scriptless: a_passkey_is_said_to_need_a_script;
        browser:
        a_passkey_is_set_up_and_proved_after_the_password,
        a_client_that_asks_for_phr_has_a_passkey_set_up_and_proved,
        a_passkey_signs_in_alone_from_what_the_browser_fills_in,
        a_page_that_was_open_for_long_still_takes_a_passkey,
        a_security_key_that_verifies_nobody_is_refused_where_policy_wants_it,
        a_security_key_that_verified_nobody_is_refused_whatever_its_browser_asked_of_it,
        a_browser_is_remembered_beside_a_passkey,
        the_playground_asks_a_new_user_for_a_passkey,
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

/// A challenge lives for five minutes, a page for as long as somebody likes.
async fn a_page_that_was_open_for_long_still_takes_a_passkey(app: TestApp, driver: WebDriver) {
    let peer = relying_party().await;
    let callback = peer.url("/callback");
    register(&app, &[&callback], json!({})).await;
    let primary_factor = PrimaryFactor::PasswordIdpAnyFactor;
    app.sign_on(SignOnAction { require_factor: true, primary_factor, ..SignOnAction::default() }).await;
    let authenticator = plug_in_authenticator(&driver).await;
    set_up(&app, &driver, &callback, &[]).await;
    touches(&driver, &authenticator, false).await;
    // Minutes are seconds.
    meddle(
        &driver,
        "const later = window.setTimeout;
         window.setTimeout = (work, wait, ...more) => later(work, wait > 60000 ? 1000 : wait, ...more);",
    )
    .await;
    open(&app, &driver, &callback, &[]).await;
    until(&driver, "document.getElementById('login-page')").await;
    let options = "document.querySelector('form').dataset.webauthn";
    let first = value(&driver, options).await;
    app.clock.advance(301);
    until(&driver, &format!("{options} !== {first}")).await;
    touches(&driver, &authenticator, true).await;
    at(&driver, &callback).await;
    assert!(param(&driver, "code").await.is_some());
    assert_eq!(complaints(&driver).await, [""; 0]);
}

/// Security checklist R5: a key that was good enough when it was set up is refused by the browser once policy wants more, and
/// by the server where a browser asks for less than it was told to.
async fn a_security_key_that_verified_nobody_is_refused_whatever_its_browser_asked_of_it(
    app: TestApp,
    driver: WebDriver,
) {
    let peer = relying_party().await;
    let callback = peer.url("/callback");
    register(&app, &[&callback], json!({})).await;
    app.require_factor().await;
    plug_in_security_key(&driver).await;
    set_up(&app, &driver, &callback, &[]).await;
    open(&app, &driver, &callback, &[]).await;
    sign_in(&driver).await;
    at(&driver, &callback).await;
    app.seed(WANTS_VERIFICATION).await;
    let login = [("prompt", "login")];
    open(&app, &driver, &callback, &login).await;
    sign_in(&driver).await;
    until(&driver, "document.getElementById('webauthn-failed')?.hidden === false").await;
    meddle(
        &driver,
        "const get = CredentialsContainer.prototype.get;
         CredentialsContainer.prototype.get = function (asked) {
             asked.publicKey.userVerification = 'discouraged';
             return get.call(this, asked);
         };",
    )
    .await;
    open(&app, &driver, &callback, &login).await;
    sign_in(&driver).await;
    told(&driver, "That did not work").await;
    assert!(app.logged("user.authentication.auth_via_mfa", Some("invalid_passcode")).await);
}

const WANTS_VERIFICATION: &str = "mfa_enroll_policies: [{name: All, factors: {fido_webauthn: OPTIONAL}, webauthn: {user_verification: required}, rules: [{name: All}]}]\n";

async fn a_security_key_that_verifies_nobody_is_refused_where_policy_wants_it(
    app: TestApp,
    driver: WebDriver,
) {
    let peer = relying_party().await;
    let callback = peer.url("/callback");
    register(&app, &[&callback], json!({})).await;
    app.seed(WANTS_VERIFICATION).await;
    app.require_factor().await;
    plug_in_security_key(&driver).await;
    open(&app, &driver, &callback, &[]).await;
    sign_in(&driver).await;
    until(&driver, "document.getElementById('enroll-page')").await;
    click(&driver, "button[value=fido_webauthn]").await;
    until(&driver, "document.getElementById('webauthn-failed')?.hidden === false").await;
}

/// Security rule S9: there is time to tick the box, and what it says counts.
async fn a_browser_is_remembered_beside_a_passkey(app: TestApp, driver: WebDriver) {
    let factor_prompt_mode = FactorPrompt::Device;
    app.sign_on(SignOnAction { require_factor: true, factor_prompt_mode, ..SignOnAction::default() }).await;
    plug_in_authenticator(&driver).await;
    let client = Client::of(&app).await;
    let proved = json!({"acr": "urn:okta:loa:2fa:any", "amr": ["pwd", "swk", "pop", "phr", "user", "mfa"]});
    client.begin(&driver, &[]).await;
    choose(&driver, NAME).await;
    assert_eq!(client.earned(&driver).await, proved);
    let login = [("prompt", "login")];
    client.begin(&driver, &login).await;
    shows(&driver, "factor-page").await;
    click(&driver, "#remember-device").await;
    until(&driver, "document.getElementById('webauthn-start').hidden === false").await;
    click(&driver, "#webauthn-start").await;
    assert_eq!(client.earned(&driver).await, proved);
    client.begin(&driver, &login).await;
    assert_eq!(client.earned(&driver).await["amr"], json!(["pwd"]));
    quiet(&driver).await;
}

/// From a development server alone: the playground asks for `phr`, and a user who has nothing sets a passkey up.
async fn the_playground_asks_a_new_user_for_a_passkey(app: TestApp, driver: WebDriver) {
    let app = development(app).await;
    plug_in_authenticator(&driver).await;
    driver.goto(app.url("/playground")).await.unwrap();
    until(&driver, "document.getElementById('issuer')?.options.length === 2").await;
    fill(&driver, "#acr_values", "phr").await;
    click(&driver, "#act-authorize").await;
    sign_in(&driver).await;
    choose(&driver, NAME).await;
    until(&driver, "document.querySelectorAll('#tokens .box').length === 3").await;
    let tokens = value(&driver, "document.getElementById('tokens').textContent").await;
    for word in ["phr", "swk", "user", "mfa"] {
        assert!(tokens.as_str().unwrap().contains(&format!("\"{word}\"")), "{word}: {tokens}");
    }
    quiet(&driver).await;
}

/// What cannot work is said, and there is another way.
async fn a_passkey_is_said_to_need_a_script(app: TestApp, driver: WebDriver) {
    app.require_factor().await;
    let client = Client::of(&app).await;
    client.begin(&driver, &[]).await;
    choose(&driver, NAME).await;
    shows(&driver, "activate-page").await;
    let said = value(&driver, "document.getElementById('step-form').innerText").await;
    assert!(said.as_str().unwrap().contains("needs JavaScript"), "{said}");
    click(&driver, "#step-previous").await;
    choose(&driver, "Security question").await;
    shows(&driver, "enroll-question-page").await;
}

const NAME: &str = "Passkey or security key";
