//! The account page in a real browser, from one end to the other: as a person with eyes, by ear and tab, and on a phone.

use serde_json::json;
use thirtyfour::{By, WebDriver};

use super::{
    accessibility::assert_accessible,
    at, click, complaints, fill,
    journey::{choose, give_code, go_on, shot, shows, told},
    sign_in, sign_in_with, until, value,
};
use crate::support::{
    Test, TestApp,
    browser::plug_in_authenticator,
    factor::wrong,
    fixtures::{ALICE, ASKING, PASSWORD, WEB},
    http::Browser,
    op::{answer, sign_in_on},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        browser:
            an_account_is_looked_after,
            a_passkey_is_added_named_used_and_removed,
            the_account_can_be_read_aloud_and_walked_by_tab;
        scriptless: an_account_is_looked_after_without_scripts,
    ]
}

async fn an_account_is_looked_after_without_scripts(app: TestApp, driver: WebDriver) {
    an_account_is_looked_after(app, driver).await;
}

const NEW: &str = "Wholly-New-Horse-7";

/// Waits for the account page with what was just done.
#[track_caller]
fn done(driver: &WebDriver, text: &str) -> impl Future<Output = ()> {
    let text = json!(text);
    until(driver, &format!("document.querySelector('#account-notice')?.innerText.includes({text})"))
}

/// A second device, and an application that was let in.
async fn life(app: &TestApp) -> Browser {
    let mut elsewhere = Browser::new();
    elsewhere.send_always(
        "user-agent",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1",
    );
    let asks = app.authorize_url(ASKING, &[("scope", "openid profile offline_access car:drive")]);
    let page = elsewhere.open(&asks).await;
    let page = sign_in_on(&mut elsewhere, &page, ALICE, PASSWORD).await;
    elsewhere.submit(&page.form("consent-form").press("accept")).await;
    let code = answer(&elsewhere).remove("code").expect("a code");
    assert_eq!(app.redeem(ASKING, &code).await.status, 200);
    app.tokens(WEB, "openid offline_access", ALICE).await;
    elsewhere
}

async fn seed_of(driver: &WebDriver) -> String {
    shows(driver, "activate-page").await;
    let shown = value(driver, "document.getElementById('shared-secret').textContent").await;
    shown.as_str().unwrap().replace(' ', "")
}

/// Signs in, adds a factor, begins another and gives it up, proves the first again when that was long ago, makes codes, ends a
/// session, shuts an application out, changes the password, removes the factor.
pub(super) async fn an_account_is_looked_after(app: TestApp, driver: WebDriver) {
    let mut elsewhere = life(&app).await;
    driver.goto(app.url("/account")).await.unwrap();
    sign_in(&driver).await;
    shows(&driver, "account-page").await;
    click(&driver, "#method-add").await;
    shows(&driver, "enroll-page").await;
    shot(&driver, "account-add").await;
    choose(&driver, "Google Authenticator").await;
    let seed = seed_of(&driver).await;
    shot(&driver, "account-activate").await;
    give_code(&driver, &wrong(&app.totp(&seed))).await;
    told(&driver, "That is not right").await;
    let seed = seed_of(&driver).await;
    give_code(&driver, &app.totp(&seed)).await;
    done(&driver, "was added").await;
    assert!(app.mailbox().next(ALICE).await.text.contains(&app.url("/account")));

    // One is begun, left, and given up.
    click(&driver, "#method-add").await;
    choose(&driver, "Stepgate Authenticator").await;
    shows(&driver, "activate-page").await;
    shot(&driver, "account-device").await;
    click(&driver, "#login-cancel").await;
    shows(&driver, "account-page").await;
    shot(&driver, "account-overview").await;
    click(&driver, "a[aria-label='Manage Stepgate Authenticator']").await;
    shows(&driver, "method-page").await;
    shot(&driver, "account-method-pending").await;
    click(&driver, "#method-remove").await;
    done(&driver, "was removed").await;

    // Later: whoever finds the browser open goes no further.
    app.clock.advance(16 * 60);
    click(&driver, "#codes-make").await;
    shows(&driver, "login-page").await;
    fill(&driver, "#password", PASSWORD).await;
    click(&driver, "#login-submit").await;
    shows(&driver, "factor-page").await;
    give_code(&driver, &app.totp(&seed)).await;
    shows(&driver, "recovery-codes-page").await;
    shot(&driver, "account-codes-before").await;
    click(&driver, "#codes-make").await;
    until(&driver, "document.querySelectorAll('#recovery-codes-list code').length === 10").await;
    shot(&driver, "account-codes").await;

    driver.goto(app.url("/account")).await.unwrap();
    shows(&driver, "account-page").await;
    click(&driver, "a[aria-label='Manage Google Authenticator']").await;
    shows(&driver, "method-page").await;
    shot(&driver, "account-method").await;
    fill(&driver, "#method-name", "My old phone").await;
    click(&driver, "#method-rename").await;
    done(&driver, "new name").await;

    click(&driver, "button[aria-label^='Sign out Safari on iOS']").await;
    done(&driver, "was signed out").await;
    assert!(app.session(&mut elsewhere).await.is_none());
    click(&driver, "button[aria-label='Remove access of The client asking']").await;
    done(&driver, "can no longer use").await;
    click(&driver, "#language-choice option[value=en]").await;
    click(&driver, "#language-save").await;
    done(&driver, "language was saved").await;

    click(&driver, "#password-change").await;
    shows(&driver, "password-page").await;
    shot(&driver, "account-password").await;
    fill(&driver, "#old-password", "wrong").await;
    fill(&driver, "#new-password", NEW).await;
    fill(&driver, "#repeat-password", NEW).await;
    go_on(&driver).await;
    told(&driver, "current password is not correct").await;
    shot(&driver, "account-password-refused").await;
    fill(&driver, "#old-password", PASSWORD).await;
    fill(&driver, "#new-password", NEW).await;
    fill(&driver, "#repeat-password", NEW).await;
    go_on(&driver).await;
    done(&driver, "password was changed").await;

    click(&driver, "#activity-all").await;
    shows(&driver, "activity-page").await;
    for happened in ["The password was changed", "A sign-in method was added", "An application was shut out"]
    {
        until(&driver, &format!("document.body.innerText.includes('{happened}')")).await;
    }
    shot(&driver, "account-activity").await;
    driver.find(By::LinkText("Back to your account")).await.unwrap().click().await.unwrap();
    shows(&driver, "account-page").await;
    click(&driver, "a[aria-label='Manage My old phone']").await;
    shows(&driver, "method-page").await;
    click(&driver, "#method-remove").await;
    done(&driver, "was removed").await;
    until(&driver, "document.body.innerText.includes('There is none yet')").await;

    // Without a session the page is nobody's, and the new password opens it.
    driver.find(By::LinkText("Sign out")).await.unwrap().click().await.unwrap();
    shows(&driver, "logout-page").await;
    click(&driver, "#logout-confirm").await;
    shows(&driver, "signed-out-page").await;
    driver.goto(app.url("/account/activity")).await.unwrap();
    sign_in_with(&driver, NEW).await;
    at(&driver, &url::Url::parse(&app.url("/account/activity")).unwrap()).await;
    let refusal = |text: &String| text.contains("status of 400");
    let complaints = complaints(&driver).await;
    assert!(complaints.iter().all(refusal), "{complaints:?}");
}

/// Two passkeys under names of their own; one steps up, and is shown with its last use.
async fn a_passkey_is_added_named_used_and_removed(app: TestApp, driver: WebDriver) {
    let plugged = plug_in_authenticator(&driver).await;
    driver.goto(app.url("/account")).await.unwrap();
    sign_in(&driver).await;
    shows(&driver, "account-page").await;
    click(&driver, "#method-add").await;
    choose(&driver, "Passkey").await;
    done(&driver, "was added").await;
    click(&driver, "a[aria-label='Manage Passkey or security key']").await;
    shows(&driver, "method-page").await;
    fill(&driver, "#method-name", "Laptop").await;
    click(&driver, "#method-rename").await;
    done(&driver, "new name").await;
    // Another authenticator: the first one says that it is set up already.
    let unplug = json!({ "authenticatorId": plugged });
    driver.cdp().send_raw("WebAuthn.removeVirtualAuthenticator", unplug).await.unwrap();
    plug_in_authenticator(&driver).await;
    click(&driver, "#method-add").await;
    choose(&driver, "Passkey").await;
    done(&driver, "was added").await;
    until(&driver, "document.querySelectorAll('#methods .rows > li').length === 2").await;
    shot(&driver, "account-passkeys").await;

    app.clock.advance(16 * 60);
    click(&driver, "a[aria-label='Manage Laptop']").await;
    shows(&driver, "login-page").await;
    fill(&driver, "#password", PASSWORD).await;
    click(&driver, "#login-submit").await;
    // The page asks the authenticator by itself.
    shows(&driver, "method-page").await;
    until(&driver, "document.querySelector('h1').innerText === 'Laptop'").await;
    click(&driver, "#method-remove").await;
    done(&driver, "was removed").await;
    until(&driver, "document.querySelectorAll('#methods .rows > li').length === 1").await;
    until(&driver, "document.querySelector('#methods .rows').innerText.includes('Last used')").await;
    assert_eq!(complaints(&driver).await, [""; 0]);
}

/// Every page of the account, with and without something to complain about, in both colour schemes and on a small screen.
async fn the_account_can_be_read_aloud_and_walked_by_tab(app: TestApp, driver: WebDriver) {
    life(&app).await;
    driver.goto(app.url("/account")).await.unwrap();
    assert_accessible(&driver, "login-page").await;
    sign_in(&driver).await;
    assert_accessible(&driver, "account-page").await;
    driver.goto(app.url("/account/recovery-codes")).await.unwrap();
    assert_accessible(&driver, "recovery-codes-page").await;
    driver.goto(app.url("/account/methods/add")).await.unwrap();
    assert_accessible(&driver, "enroll-page").await;
    choose(&driver, "Google Authenticator").await;
    let seed = seed_of(&driver).await;
    assert_accessible(&driver, "activate-page").await;
    give_code(&driver, &app.totp(&seed)).await;
    done(&driver, "was added").await;
    assert_accessible(&driver, "account-page").await;
    click(&driver, "a[aria-label='Manage Google Authenticator']").await;
    assert_accessible(&driver, "method-page").await;
    driver.goto(app.url("/account/recovery-codes")).await.unwrap();
    assert_accessible(&driver, "recovery-codes-page").await;
    click(&driver, "#codes-make").await;
    until(&driver, "document.querySelectorAll('#recovery-codes-list code').length === 10").await;
    assert_accessible(&driver, "recovery-codes-page").await;
    driver.goto(app.url("/account/password")).await.unwrap();
    assert_accessible(&driver, "password-page").await;
    fill(&driver, "#old-password", PASSWORD).await;
    fill(&driver, "#new-password", "short").await;
    fill(&driver, "#repeat-password", "short").await;
    go_on(&driver).await;
    told(&driver, "Choose another password").await;
    assert_accessible(&driver, "password-page").await;
    driver.goto(app.url("/account/activity")).await.unwrap();
    assert_accessible(&driver, "activity-page").await;
    // The last factor that is required: no button, a reason.
    app.require_factor().await;
    driver.goto(app.url("/account")).await.unwrap();
    shows(&driver, "account-page").await;
    click(&driver, "a[aria-label='Manage Google Authenticator']").await;
    until(&driver, "document.getElementById('kept')").await;
    shot(&driver, "account-method-kept").await;
    assert_accessible(&driver, "method-page").await;
}
