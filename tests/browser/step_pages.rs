//! Accessibility of every page of a sign-in after the first, in good and in bad times.

use serde_json::json;
use stepgate::model::{
    policy::{Access, FactorPrompt, PasswordRules},
    policy_set::{PasswordAction, SignOnAction},
};
use thirtyfour::WebDriver;

use super::{
    accessibility::assert_accessible,
    click, fill,
    journey::{Client, choose, give_code, go_on, shows, told},
    playground::development,
    sign_in_with, until, value,
};
use crate::support::{
    Test, TestApp,
    factor::PHONE,
    fixtures::{ALICE, PASSWORD},
    http::Browser,
    op::sign_in_on,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![browser:
        the_pages_of_factors_can_be_read_aloud_and_walked_by_tab,
        the_pages_of_enrolment_can_be_read_aloud_and_walked_by_tab,
        the_pages_of_recovery_can_be_read_aloud_and_walked_by_tab,
        the_pages_of_passwords_can_be_read_aloud_and_walked_by_tab,
    ]
}

const QUESTION: &str = "first_thing_cooked";

/// Choice, code, sent code, question, recovery code; with and without something to complain about.
async fn the_pages_of_factors_can_be_read_aloud_and_walked_by_tab(app: TestApp, driver: WebDriver) {
    let prompt = SignOnAction {
        require_factor: true,
        factor_prompt_mode: FactorPrompt::Device,
        ..SignOnAction::default()
    };
    app.sign_on(prompt).await;
    let client = Client::of(&app).await;
    let alice = app.factors_of(ALICE).await;
    alice.sent("sms", PHONE).await;
    client.begin(&driver, &[]).await;
    assert_accessible(&driver, "factor-page").await;

    let profile = json!({"question": QUESTION, "answer": "beans on toast"});
    alice.enroll(&json!({"factorType": "question", "provider": "OKTA", "profile": profile})).await;
    alice.authenticator().await;
    alice.post("/recovery_codes", &json!({})).await;
    client.begin(&driver, &[]).await;
    assert_accessible(&driver, "factor-choice-page").await;
    choose(&driver, "Google Authenticator").await;
    assert_accessible(&driver, "factor-page").await;
    give_code(&driver, "1").await;
    told(&driver, "That is not right").await;
    assert_accessible(&driver, "factor-page").await;
    click(&driver, "#step-previous").await;
    choose(&driver, "Text message").await;
    until(&driver, "document.getElementById('step-resend')").await;
    click(&driver, "#step-resend").await;
    told(&driver, "A message is on its way").await;
    assert_accessible(&driver, "factor-page").await;
    click(&driver, "#step-previous").await;
    choose(&driver, "Security question").await;
    assert_accessible(&driver, "factor-page").await;
    click(&driver, "#backup-code-choice").await;
    assert_accessible(&driver, "backup-code-page").await;
}

/// What can be set up, phone, mail, question, and the first code of an app with its picture and of a phone.
async fn the_pages_of_enrolment_can_be_read_aloud_and_walked_by_tab(app: TestApp, driver: WebDriver) {
    app.seed(
        "
mfa_enroll_policies:
  - name: All
    factors: {google_otp: REQUIRED, okta_question: REQUIRED, okta_sms: REQUIRED, okta_call: OPTIONAL, okta_email: OPTIONAL}
    rules: [{name: At sign-in, enroll: LOGIN}]
",
    )
    .await;
    let client = Client::of(&app).await;
    client.begin(&driver, &[]).await;
    assert_accessible(&driver, "enroll-page").await;
    choose(&driver, "Google Authenticator").await;
    shows(&driver, "activate-page").await;
    // Without a click, which would be where Tab goes on from.
    value(&driver, "document.querySelector('details.manual').open = true").await;
    assert_accessible(&driver, "activate-page").await;
    click(&driver, "#step-previous").await;
    choose(&driver, "Email").await;
    assert_accessible(&driver, "enroll-email-page").await;
    click(&driver, "#step-previous").await;
    choose(&driver, "Security question").await;
    shows(&driver, "enroll-question-page").await;
    assert_accessible(&driver, "enroll-question-page").await;
    fill(&driver, "#answer", "What did you cook first?").await;
    click(&driver, &format!("#question option[value={QUESTION}]")).await;
    go_on(&driver).await;
    told(&driver, "must not be the question").await;
    assert_accessible(&driver, "enroll-question-page").await;
    fill(&driver, "#answer", "beans on toast").await;
    go_on(&driver).await;
    assert_accessible(&driver, "enroll-page").await;
    choose(&driver, "Text message").await;
    shows(&driver, "enroll-phone-page").await;
    fill(&driver, "#phone-number", "1").await;
    go_on(&driver).await;
    told(&driver, "Check the phone number").await;
    assert_accessible(&driver, "enroll-phone-page").await;
    fill(&driver, "#phone-number", PHONE).await;
    go_on(&driver).await;
    assert_accessible(&driver, "activate-page").await;
}

/// Both beginnings, what was sent, code, question, link, and every end.
async fn the_pages_of_recovery_can_be_read_aloud_and_walked_by_tab(app: TestApp, driver: WebDriver) {
    let app = development(app).await;
    let alice = app.factors_of(ALICE).await;
    alice.sent("sms", PHONE).await;
    let question = json!({"question": "What did you cook first?", "answer": "beans on toast"});
    let updated = alice.post("", &json!({"credentials": {"recovery_question": question}})).await;
    assert_eq!(updated.status, 200, "{}", updated.text());
    let rules = PasswordRules {
        recovery_sms: true,
        recovery_call: true,
        show_lockout_failures: true,
        ..PasswordRules::default()
    };
    let action = PasswordAction { self_service_unlock: Access::Allow, ..PasswordAction::default() };
    app.password_rules(rules, action).await;
    let client = Client::of(&app).await;

    client.ask(&driver, &[]).await;
    assert_accessible(&driver, "login-page").await;
    click(&driver, "#forgot-password").await;
    assert_accessible(&driver, "recovery-page").await;
    click(&driver, "input[name=factorType][value=SMS]").await;
    fill(&driver, "#identifier", ALICE).await;
    go_on(&driver).await;
    assert_accessible(&driver, "recovery-code-page").await;
    give_code(&driver, &app.mailbox().code_for(PHONE).await).await;
    assert_accessible(&driver, "recovery-question-page").await;
    fill(&driver, "#answer", "something else").await;
    go_on(&driver).await;
    told(&driver, "That is not right").await;
    assert_accessible(&driver, "recovery-question-page").await;
    fill(&driver, "#answer", "beans on toast").await;
    go_on(&driver).await;
    assert_accessible(&driver, "password-page").await;

    // Locked by somebody else.
    let mut stranger = Browser::new();
    for _ in 0..10 {
        let page = stranger.open(&app.authorize_url("web", &[])).await;
        sign_in_on(&mut stranger, &page, ALICE, "wrong").await;
    }
    client.begin(&driver, &[]).await;
    assert_accessible(&driver, "recovery-done-page").await;
    click(&driver, "#recovery-next").await;
    click(&driver, "#unlock-account").await;
    assert_accessible(&driver, "recovery-page").await;
    fill(&driver, "#identifier", ALICE).await;
    go_on(&driver).await;
    assert_accessible(&driver, "recovery-sent-page").await;
    let link = app.mailbox().link_for(ALICE).await;
    driver.goto(app.url("/outbox")).await.unwrap();
    assert_accessible(&driver, "outbox-page").await;
    driver.goto(&link).await.unwrap();
    assert_accessible(&driver, "link-page").await;
    go_on(&driver).await;
    shows(&driver, "recovery-question-page").await;
    fill(&driver, "#answer", "beans on toast").await;
    go_on(&driver).await;
    assert_accessible(&driver, "recovery-done-page").await;
    driver.goto(&link).await.unwrap();
    go_on(&driver).await;
    until(&driver, "document.querySelector('h1').innerText === 'This link no longer works'").await;
    assert_accessible(&driver, "recovery-done-page").await;
}

/// A password that has expired, with all that can be wrong with a new one.
async fn the_pages_of_passwords_can_be_read_aloud_and_walked_by_tab(app: TestApp, driver: WebDriver) {
    let rules = PasswordRules { max_age_days: 30, ..PasswordRules::default() };
    app.password_rules(rules, PasswordAction::default()).await;
    app.clock.advance(31 * 86_400);
    let client = Client::of(&app).await;
    client.ask(&driver, &[]).await;
    sign_in_with(&driver, PASSWORD).await;
    assert_accessible(&driver, "password-page").await;
    fill(&driver, "#old-password", PASSWORD).await;
    fill(&driver, "#new-password", "short").await;
    fill(&driver, "#repeat-password", "short").await;
    go_on(&driver).await;
    told(&driver, "Choose another password").await;
    assert_accessible(&driver, "password-page").await;
}
