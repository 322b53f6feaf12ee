//! The ways back in: a forgotten password, one that has expired, and a lock.

use serde_json::json;
use stepgate::model::{
    policy::{Access, PasswordRules},
    policy_set::PasswordAction,
};
use thirtyfour::WebDriver;

use super::{
    click, fill,
    journey::{Client, give_code, go_on, in_another_tab, quiet, shows, told},
    sign_in_with, until, value,
};
use crate::support::{
    Test, TestApp,
    factor::PHONE,
    fixtures::{ALICE, PASSWORD},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![browser:
        a_forgotten_password_is_reset_by_mail,
        a_forgotten_password_is_reset_by_text_message,
        who_gives_up_changes_nothing,
        an_expired_password_is_changed,
        a_password_that_expires_soon_is_kept_for_now,
        a_locked_account_is_unlocked_by_mail,
    ]
}

const NEW: &str = "Wholly-New-Horse-7";

/// Fills in and sends the form for a new password.
async fn new_password(driver: &WebDriver, new: &str, again: &str) {
    fill(driver, "#new-password", new).await;
    fill(driver, "#repeat-password", again).await;
    go_on(driver).await;
}

/// Says on the first page of a recovery whose account it is.
async fn it_is_alice(driver: &WebDriver) {
    shows(driver, "recovery-page").await;
    fill(driver, "#identifier", ALICE).await;
    go_on(driver).await;
}

/// Follows the link that Alice is mailed, in another tab, and does something there.
async fn by_mail(app: &TestApp, driver: &WebDriver, act: impl AsyncFnOnce()) {
    it_is_alice(driver).await;
    shows(driver, "recovery-sent-page").await;
    let link = app.mailbox().link_for(ALICE).await;
    in_another_tab(driver, &link, async || {
        shows(driver, "link-page").await;
        go_on(driver).await;
        act().await;
    })
    .await;
}

/// Signs in with a password and nothing else.
async fn password_is(client: &Client<'_>, driver: &WebDriver, password: &str) {
    client.ask(driver, &[("prompt", "login")]).await;
    sign_in_with(driver, password).await;
    assert_eq!(client.earned(driver).await["amr"], json!(["pwd"]));
}

/// What a password lacks is said, the link gives a password and no session, and the old password is over.
pub(super) async fn a_forgotten_password_is_reset_by_mail(app: TestApp, driver: WebDriver) {
    let client = Client::of(&app).await;
    client.ask(&driver, &[]).await;
    click(&driver, "#forgot-password").await;
    by_mail(&app, &driver, async || {
        shows(&driver, "password-page").await;
        new_password(&driver, "short", "short").await;
        told(&driver, "fewer than 8 characters").await;
        new_password(&driver, NEW, PASSWORD).await;
        told(&driver, "The passwords differ").await;
        assert_eq!(value(&driver, "document.getElementById('new-password').value").await, "");
        new_password(&driver, NEW, NEW).await;
        shows(&driver, "recovery-done-page").await;
    })
    .await;
    client.ask(&driver, &[("prompt", "none")]).await;
    assert_eq!(client.refused(&driver).await, "login_required");
    client.ask(&driver, &[]).await;
    sign_in_with(&driver, PASSWORD).await;
    told(&driver, "username or password is not correct").await;
    password_is(&client, &driver, NEW).await;
    quiet(&driver).await;
}

/// Every page leads somewhere: back to the sign-in, or to an end that says that nothing was done.
pub(super) async fn who_gives_up_changes_nothing(app: TestApp, driver: WebDriver) {
    let client = Client::of(&app).await;
    client.ask(&driver, &[]).await;
    click(&driver, "#forgot-password").await;
    shows(&driver, "recovery-page").await;
    click(&driver, "#recovery-leave").await;
    shows(&driver, "login-page").await;
    click(&driver, "#forgot-password").await;
    by_mail(&app, &driver, async || {
        shows(&driver, "password-page").await;
        click(&driver, "#login-cancel").await;
        until(&driver, "document.querySelector('h1').innerText === 'Nothing was changed'").await;
    })
    .await;
    click(&driver, "#recovery-leave").await;
    sign_in_with(&driver, PASSWORD).await;
    assert_eq!(client.earned(&driver).await["amr"], json!(["pwd"]));
    quiet(&driver).await;
}

/// Policy opens a second way, which the user chooses; the code goes to a phone that was checked.
pub(super) async fn a_forgotten_password_is_reset_by_text_message(app: TestApp, driver: WebDriver) {
    app.factors_of(ALICE).await.sent("sms", PHONE).await;
    let rules = PasswordRules { recovery_sms: true, ..PasswordRules::default() };
    app.password_rules(rules, PasswordAction::default()).await;
    let client = Client::of(&app).await;
    client.ask(&driver, &[]).await;
    click(&driver, "#forgot-password").await;
    shows(&driver, "recovery-page").await;
    click(&driver, "input[name=factorType][value=SMS]").await;
    it_is_alice(&driver).await;
    shows(&driver, "recovery-code-page").await;
    give_code(&driver, &app.mailbox().code_for(PHONE).await).await;
    shows(&driver, "password-page").await;
    new_password(&driver, NEW, NEW).await;
    shows(&driver, "recovery-done-page").await;
    click(&driver, "#recovery-next").await;
    sign_in_with(&driver, NEW).await;
    assert_eq!(client.earned(&driver).await["amr"], json!(["pwd"]));
    quiet(&driver).await;
}

/// The old password leads to a new one, and only then on.
pub(super) async fn an_expired_password_is_changed(app: TestApp, driver: WebDriver) {
    let rules = PasswordRules { max_age_days: 30, ..PasswordRules::default() };
    app.password_rules(rules, PasswordAction::default()).await;
    app.clock.advance(31 * 86_400);
    let client = Client::of(&app).await;
    client.begin(&driver, &[]).await;
    shows(&driver, "password-page").await;
    until(&driver, "document.querySelector('h1').innerText === 'Your password has expired'").await;
    fill(&driver, "#old-password", "another").await;
    new_password(&driver, NEW, NEW).await;
    told(&driver, "current password is not correct").await;
    let wrong = "[...document.querySelectorAll('[aria-invalid=true]')].map((e) => e.id)";
    assert_eq!(value(&driver, wrong).await, json!(["old-password"]));
    fill(&driver, "#old-password", PASSWORD).await;
    new_password(&driver, PASSWORD, PASSWORD).await;
    told(&driver, "Choose another password").await;
    fill(&driver, "#old-password", PASSWORD).await;
    new_password(&driver, NEW, NEW).await;
    assert_eq!(client.earned(&driver).await["amr"], json!(["pwd"]));
    password_is(&client, &driver, NEW).await;
    quiet(&driver).await;
}

/// A warning says how long there is, and can be put off.
pub(super) async fn a_password_that_expires_soon_is_kept_for_now(app: TestApp, driver: WebDriver) {
    let rules = PasswordRules { max_age_days: 30, expire_warn_days: 5, ..PasswordRules::default() };
    app.password_rules(rules, PasswordAction::default()).await;
    app.clock.advance(27 * 86_400);
    let client = Client::of(&app).await;
    client.begin(&driver, &[]).await;
    shows(&driver, "password-page").await;
    until(&driver, "document.body.innerText.includes('It expires in 3 days')").await;
    click(&driver, "#step-skip").await;
    assert_eq!(client.earned(&driver).await["amr"], json!(["pwd"]));
    quiet(&driver).await;
}

/// Ten wrong passwords lock; the owner, who knows the right one, is told, and lifts the lock by a mail.
pub(super) async fn a_locked_account_is_unlocked_by_mail(app: TestApp, driver: WebDriver) {
    let rules = PasswordRules { show_lockout_failures: true, ..PasswordRules::default() };
    let action = PasswordAction { self_service_unlock: Access::Allow, ..PasswordAction::default() };
    app.password_rules(rules, action).await;
    let client = Client::of(&app).await;
    client.ask(&driver, &[]).await;
    for _ in 0..10 {
        sign_in_with(&driver, "wrong").await;
        told(&driver, "username or password is not correct").await;
    }
    sign_in_with(&driver, PASSWORD).await;
    shows(&driver, "recovery-done-page").await;
    until(&driver, "document.querySelector('h1').innerText === 'Your account is locked'").await;
    click(&driver, "#recovery-next").await;
    click(&driver, "#unlock-account").await;
    by_mail(&app, &driver, async || {
        shows(&driver, "recovery-done-page").await;
        until(&driver, "document.querySelector('h1').innerText === 'Your account is unlocked'").await;
    })
    .await;
    password_is(&client, &driver, PASSWORD).await;
    quiet(&driver).await;
}
