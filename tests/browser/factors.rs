//! Second factors on their pages: a code from an app, by text message and by mail, and the link of a mail.

use serde_json::json;
use thirtyfour::WebDriver;

use super::{
    click,
    journey::{Client, choices, choose, give_code, go_on, in_another_tab, quiet, shows, told},
    playground::development,
    until, value,
};
use crate::support::{
    Test, TestApp,
    assurance::TWO_FACTORS,
    factor::{PHONE, wrong},
    fixtures::ALICE,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        browser:
            a_code_of_an_authenticator_app_signs_in,
            codes_are_read_in_the_outbox,
            a_link_is_opened_in_the_same_browser;
        browsers:
            a_link_is_opened_in_another_browser;
    ]
}

/// A wrong code is told as an alert that its field refers to; the right one signs in.
pub(super) async fn a_code_of_an_authenticator_app_signs_in(app: TestApp, driver: WebDriver) {
    let seed = app.enrol_totp().await;
    let client = Client::of(&app).await;
    client.begin(&driver, &[]).await;
    shows(&driver, "factor-page").await;
    // Loading the page anew, or going back to it, does not send the password again (RFC 9700 §4.12).
    let before = app.log().await.len();
    driver.refresh().await.unwrap();
    shows(&driver, "factor-page").await;
    driver.goto("about:blank").await.unwrap();
    driver.back().await.unwrap();
    shows(&driver, "factor-page").await;
    assert_eq!(app.log().await.len(), before);
    let right = app.totp(&seed);
    give_code(&driver, &wrong(&right)).await;
    told(&driver, "That is not right").await;
    let field = "document.getElementById('pass-code')";
    assert_eq!(value(&driver, &format!("{field}.getAttribute('aria-invalid')")).await, "true");
    let described = value(&driver, &format!("{field}.getAttribute('aria-describedby').split(' ')[0]")).await;
    assert_eq!(value(&driver, "document.querySelector('[role=alert]').id").await, described);
    assert_eq!(value(&driver, &format!("{field}.value")).await, "");
    give_code(&driver, &right).await;
    let earned = client.earned(&driver).await;
    assert_eq!(earned, json!({"acr": TWO_FACTORS, "amr": ["pwd", "google_otp", "mfa"]}));
    quiet(&driver).await;
}

/// The code in the newest message to somebody, as the outbox shows it in another tab.
async fn outbox_code(app: &TestApp, driver: &WebDriver, to: &str) -> String {
    stepgate::jobs::deliver::deliver_due(&app.app).await.unwrap();
    let letter = format!(
        "[...document.querySelectorAll('.letter')]
            .find((e) => e.querySelector('.recipient').innerText === {} && e.querySelector('.code'))",
        json!(to)
    );
    in_another_tab(driver, &app.url("/outbox"), async || {
        until(driver, &letter).await;
        let code = value(driver, &format!("{letter}.querySelector('.code').innerText")).await;
        code.as_str().unwrap().to_owned()
    })
    .await
}

/// The last used factor is offered first; a code goes where its owner recognises it, and nobody else learns where.
pub(super) async fn codes_are_read_in_the_outbox(app: TestApp, driver: WebDriver) {
    let app = development(app).await;
    app.require_factor().await;
    let alice = app.factors_of(ALICE).await;
    alice.sent("sms", PHONE).await;
    alice.sent("email", ALICE).await;
    let client = Client::of(&app).await;

    client.begin(&driver, &[]).await;
    shows(&driver, "factor-choice-page").await;
    assert_eq!(choices(&driver).await, json!(["Email", "Text message"]));
    choose(&driver, "Text message").await;
    until(&driver, "document.getElementById('pass-code')").await;
    let words = value(&driver, "document.body.innerText").await;
    let words = words.as_str().unwrap();
    assert!(words.contains("XXX-1337") && !words.contains(PHONE), "{words}");
    click(&driver, "#step-resend").await;
    told(&driver, "A message is on its way").await;
    give_code(&driver, &outbox_code(&app, &driver, PHONE).await).await;
    let earned = client.earned(&driver).await;
    assert_eq!(earned, json!({"acr": TWO_FACTORS, "amr": ["pwd", "sms", "mfa"]}));

    app.clock.advance(60);
    client.begin(&driver, &[("prompt", "login")]).await;
    shows(&driver, "factor-choice-page").await;
    assert_eq!(choices(&driver).await, json!(["Text message", "Email"]));
    choose(&driver, "Text message").await;
    until(&driver, "document.getElementById('pass-code')").await;
    click(&driver, "#step-previous").await;
    choose(&driver, "Email").await;
    until(&driver, "document.body.innerText.includes('a...e@example.com')").await;
    give_code(&driver, &outbox_code(&app, &driver, ALICE).await).await;
    let earned = client.earned(&driver).await;
    assert_eq!(earned, json!({"acr": TWO_FACTORS, "amr": ["pwd", "email", "mfa"]}));
    quiet(&driver).await;
}

/// Alice proves her password and has a mail sent; the link in it.
async fn mail_with_a_link(app: &TestApp, client: &Client<'_>, driver: &WebDriver) -> String {
    app.require_factor().await;
    app.factors_of(ALICE).await.sent("email", ALICE).await;
    client.begin(driver, &[]).await;
    shows(driver, "factor-page").await;
    // The only factor there is: a click asks for the mail.
    go_on(driver).await;
    until(driver, "document.getElementById('pass-code')").await;
    app.mailbox().link_for(ALICE).await
}

async fn confirm(driver: &WebDriver) {
    shows(driver, "link-page").await;
    go_on(driver).await;
    shows(driver, "recovery-done-page").await;
    until(driver, "document.querySelector('h1').innerText === 'Confirmed'").await;
}

/// The link stands for the code in the window in which the sign-in was begun.
pub(super) async fn a_link_is_opened_in_the_same_browser(app: TestApp, driver: WebDriver) {
    let client = Client::of(&app).await;
    let link = mail_with_a_link(&app, &client, &driver).await;
    in_another_tab(&driver, &link, async || confirm(&driver).await).await;
    click(&driver, "#step-link-opened").await;
    let earned = client.earned(&driver).await;
    assert_eq!(earned, json!({"acr": TWO_FACTORS, "amr": ["pwd", "email", "mfa"]}));
    // It was good for once.
    driver.goto(&link).await.unwrap();
    shows(&driver, "link-page").await;
    go_on(&driver).await;
    until(&driver, "document.querySelector('h1').innerText === 'This link no longer works'").await;
    quiet(&driver).await;
}

/// Looking at the link changes nothing; a click in another browser confirms the sign-in here and signs nobody in there.
async fn a_link_is_opened_in_another_browser(app: TestApp, [driver, phone]: [WebDriver; 2]) {
    let client = Client::of(&app).await;
    let link = mail_with_a_link(&app, &client, &driver).await;
    phone.goto(&link).await.unwrap();
    shows(&phone, "link-page").await;
    click(&driver, "#step-link-opened").await;
    told(&driver, "The link was not opened yet").await;
    confirm(&phone).await;
    client.ask(&phone, &[("prompt", "none")]).await;
    assert_eq!(client.refused(&phone).await, "login_required");
    click(&driver, "#step-link-opened").await;
    let earned = client.earned(&driver).await;
    assert_eq!(earned, json!({"acr": TWO_FACTORS, "amr": ["pwd", "email", "mfa"]}));
    quiet(&driver).await;
    quiet(&phone).await;
}
