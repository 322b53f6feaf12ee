//! Factors set up on the way, because policy asks for them.

use serde_json::json;
use thirtyfour::WebDriver;

use super::{
    click, fill,
    journey::{Client, choices, choose, give_code, go_on, quiet, shows, told},
    until, value,
};
use crate::support::{
    Test, TestApp,
    assurance::TWO_FACTORS,
    factor::{PHONE, wrong},
    fixtures::ALICE,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![browser:
        an_authenticator_app_and_a_question_are_set_up,
        a_phone_is_set_up,
        a_mail_address_is_set_up,
    ]
}

/// Asks for these factors at the first sign-in.
async fn required(app: &TestApp, factors: &str) {
    app.seed(&format!(
        "mfa_enroll_policies: [{{name: All, factors: {{{factors}}}, rules: [{{name: At sign-in, enroll: LOGIN}}]}}]\n"
    ))
    .await;
}

/// The key of an authenticator app as the page spells it out.
pub(super) async fn manual_key(driver: &WebDriver) -> String {
    shows(driver, "activate-page").await;
    until(driver, "document.getElementById('qr-code').complete").await;
    let picture = value(driver, "document.getElementById('qr-code').naturalWidth").await;
    assert!(picture.as_u64() >= Some(100), "no picture: {picture}");
    click(driver, "details.manual summary").await;
    until(driver, "document.getElementById('shared-secret').checkVisibility()").await;
    let key = value(driver, "document.getElementById('shared-secret').innerText").await;
    key.as_str().unwrap().split_whitespace().collect()
}

/// All that is required is set up before anything is won, and is asked for the next time.
pub(super) async fn an_authenticator_app_and_a_question_are_set_up(app: TestApp, driver: WebDriver) {
    required(&app, "google_otp: REQUIRED, okta_question: REQUIRED, okta_sms: OPTIONAL").await;
    let client = Client::of(&app).await;
    client.begin(&driver, &[]).await;
    shows(&driver, "enroll-page").await;
    let badges = value(&driver, "document.querySelectorAll('.badge').length").await;
    let names = ["Google Authenticator Required", "Security question Required", "Text message"];
    assert_eq!((choices(&driver).await, badges), (json!(names), json!(2)));
    choose(&driver, "Google Authenticator").await;
    let key = manual_key(&driver).await;
    // Loading the page anew sends nothing again and shows the same key, by a picture of a new address.
    let picture = value(&driver, "document.getElementById('qr-code').getAttribute('src')").await;
    assert_eq!(app.client().get(picture.as_str().unwrap()).await.status, 200);
    driver.refresh().await.unwrap();
    assert_eq!(manual_key(&driver).await, key);
    assert_eq!(app.client().get(picture.as_str().unwrap()).await.status, 404);
    assert_eq!(value(&driver, "document.querySelectorAll('[role=alert]').length").await, 0);
    let right = app.totp(&key);
    give_code(&driver, &wrong(&right)).await;
    told(&driver, "That is not right").await;
    // The picture and the key are still there.
    assert_eq!(manual_key(&driver).await, key);
    give_code(&driver, &right).await;

    shows(&driver, "enroll-page").await;
    assert_eq!(
        value(&driver, "document.querySelector('div.choice').innerText").await,
        "Google Authenticator\nSet up"
    );
    choose(&driver, "Security question").await;
    shows(&driver, "enroll-question-page").await;
    click(&driver, "#question option[value=first_thing_cooked]").await;
    fill(&driver, "#answer", "What did you cook first?").await;
    go_on(&driver).await;
    told(&driver, "The answer must not be the question.").await;
    assert_eq!(value(&driver, "document.getElementById('question').value").await, "first_thing_cooked");
    fill(&driver, "#answer", "Beans on toast").await;
    go_on(&driver).await;
    let earned = client.earned(&driver).await;
    assert_eq!(earned, json!({"acr": TWO_FACTORS, "amr": ["pwd", "google_otp", "kba", "mfa"]}));

    // What was set up is asked for from now on, and what is optional is not pressed on anybody.
    app.require_factor().await;
    app.clock.advance(60);
    client.begin(&driver, &[("prompt", "login")]).await;
    shows(&driver, "factor-choice-page").await;
    choose(&driver, "Security question").await;
    shows(&driver, "factor-page").await;
    assert_eq!(value(&driver, "document.querySelector('label').innerText").await, "What did you cook first?");
    fill(&driver, "#answer", "beans ON  toast").await;
    go_on(&driver).await;
    assert_eq!(client.earned(&driver).await["amr"], json!(["pwd", "kba"]));
    quiet(&driver).await;
}

/// The number is checked, a code is sent to it, and only the code makes it a factor.
pub(super) async fn a_phone_is_set_up(app: TestApp, driver: WebDriver) {
    required(&app, "okta_sms: REQUIRED").await;
    let client = Client::of(&app).await;
    client.begin(&driver, &[]).await;
    shows(&driver, "enroll-page").await;
    choose(&driver, "Text message").await;
    shows(&driver, "enroll-phone-page").await;
    // There is a way back to the choice.
    click(&driver, "#step-previous").await;
    shows(&driver, "enroll-page").await;
    choose(&driver, "Text message").await;
    shows(&driver, "enroll-phone-page").await;
    fill(&driver, "#phone-number", "12345").await;
    go_on(&driver).await;
    told(&driver, "Check the phone number").await;
    assert_eq!(value(&driver, "document.getElementById('phone-number').value").await, "12345");
    fill(&driver, "#phone-number", PHONE).await;
    go_on(&driver).await;
    shows(&driver, "activate-page").await;
    let code = app.mailbox().code_for(PHONE).await;
    give_code(&driver, &wrong(&code)).await;
    told(&driver, "That is not right").await;
    give_code(&driver, &code).await;
    let earned = client.earned(&driver).await;
    assert_eq!(earned, json!({"acr": TWO_FACTORS, "amr": ["pwd", "sms", "mfa"]}));
    quiet(&driver).await;
}

/// The code goes to the address of the profile; nobody types one.
pub(super) async fn a_mail_address_is_set_up(app: TestApp, driver: WebDriver) {
    required(&app, "okta_email: REQUIRED").await;
    let client = Client::of(&app).await;
    client.begin(&driver, &[]).await;
    choose(&driver, "Email").await;
    shows(&driver, "enroll-email-page").await;
    assert_eq!(value(&driver, "document.querySelectorAll('input:not([type=hidden])').length").await, 0);
    go_on(&driver).await;
    shows(&driver, "activate-page").await;
    give_code(&driver, &app.mailbox().code_for(ALICE).await).await;
    let earned = client.earned(&driver).await;
    assert_eq!(earned, json!({"acr": TWO_FACTORS, "amr": ["pwd", "email", "mfa"]}));
    quiet(&driver).await;
}
