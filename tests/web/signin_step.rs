//! A sign-in of more than one step, on the pages, without a line of script.

use serde_json::json;
use stepgate::model::api_token::Access;
use stepgate::model::policy_set::PasswordAction;
use stepgate::model::{policy::PasswordRules, policy_set::SignOnAction};

use crate::support::{
    Test, TestApp,
    assurance::TWO_FACTORS,
    factor::{PHONE, wrong},
    fixtures::{ALICE, BOB, PASSWORD, WEB},
    http::{Browser, Response},
    op::{answer, claims, sign_in_on},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage: a_password_and_an_authenticator_app_sign_in;
        sqlite:
            acr_values_raise_a_session_by_just_what_is_missing,
            an_authenticator_app_is_set_up_during_the_sign_in,
            a_phone_is_set_up_and_used,
            a_mail_confirms_by_code_or_by_link,
            a_recovery_code_stands_in_for_a_lost_factor_once,
            a_remembered_browser_is_not_asked_again,
            a_forgotten_password_is_reset_by_mail,
            an_expired_password_is_changed_on_the_way,
            a_session_outlives_the_password_that_is_changed_in_it,
            a_step_is_cancelled_to_the_client,
            who_is_invited_ends_on_a_page_of_ours,
            the_last_pages_of_a_recovery_lead_on,
            a_box_keeps_its_tick_after_a_wrong_code,
            a_browser_is_remembered_whichever_factor_is_chosen,
            only_what_helps_is_offered_to_be_set_up,
            a_transaction_of_one_browser_is_nobody_s_in_another;
    ]
}

const NEW: &str = "Wholly-New-Horse-7";

/// Signs in with the password and sends what comes next back.
async fn begin(app: &TestApp, browser: &mut Browser, more: &[(&str, &str)]) -> Response {
    let page = browser.open(&app.authorize_url(WEB, more)).await;
    sign_in_on(browser, &page, ALICE, PASSWORD).await
}

async fn code(browser: &mut Browser, page: &Response, passcode: &str) -> Response {
    let button = if page.body_contains("activate-page") { "activate" } else { "verify" };
    browser.submit(&page.form("step-form").fill("passCode", passcode).press(button)).await
}

/// What the client learns of the sign-in.
async fn earned(app: &TestApp, browser: &Browser) -> (String, Vec<String>) {
    let code = answer(browser).remove("code").unwrap_or_else(|| panic!("no code: {}", browser.url()));
    let tokens = app.redeem(WEB, &code).await.json();
    let claims = claims(tokens["id_token"].as_str().unwrap());
    let amr =
        claims["amr"].as_array().unwrap().iter().map(|value| value.as_str().unwrap().to_owned()).collect();
    (claims["acr"].as_str().unwrap().to_owned(), amr)
}

/// The password alone opens nothing; a wrong code says so, and the right one leads to the client with a truthful `amr`.
async fn a_password_and_an_authenticator_app_sign_in(app: TestApp) {
    let seed = app.enrol_totp().await;
    let mut browser = Browser::new();
    let page = begin(&app, &mut browser, &[]).await;
    assert!(page.body_contains("factor-page"), "{}", page.words());
    assert!(app.session(&mut Browser::new()).await.is_none());
    let right = app.totp(&seed);
    let page = code(&mut browser, &page, &wrong(&right)).await;
    assert_eq!(page.status, 400);
    assert!(page.body_contains("That is not right"), "{}", page.words());
    code(&mut browser, &page, &right).await;
    let (acr, amr) = earned(&app, &browser).await;
    assert_eq!((acr.as_str(), amr), (TWO_FACTORS, vec!["pwd".into(), "google_otp".into(), "mfa".into()]));
    // The session that was won is not asked again.
    browser.open(&app.authorize_url(WEB, &[])).await;
    assert_eq!(earned(&app, &browser).await.0, TWO_FACTORS);
}

/// RFC 9470 §5: who signed in with a password is asked for the factor and for nothing else.
async fn acr_values_raise_a_session_by_just_what_is_missing(app: TestApp) {
    let seed = app.enrol_totp().await;
    app.sign_on(SignOnAction::default()).await;
    let mut browser = Browser::new();
    begin(&app, &mut browser, &[]).await;
    assert_eq!(earned(&app, &browser).await.1, ["pwd"]);
    let page = browser.open(&app.authorize_url(WEB, &[("acr_values", TWO_FACTORS)])).await;
    assert!(page.body_contains("factor-page") && !page.body_contains("\"password\""), "{}", page.words());
    code(&mut browser, &page, &app.totp(&seed)).await;
    let (acr, amr) = earned(&app, &browser).await;
    assert_eq!((acr.as_str(), amr), (TWO_FACTORS, vec!["pwd".into(), "google_otp".into(), "mfa".into()]));
}

/// Whoever must have a factor sets it up on the way; its first code proves it.
async fn an_authenticator_app_is_set_up_during_the_sign_in(app: TestApp) {
    app.require_factor().await;
    let mut browser = Browser::new();
    let page = begin(&app, &mut browser, &[]).await;
    assert!(page.body_contains("enroll-page"), "{}", page.words());
    let page = browser.submit(&page.form("step-form").press("google_otp")).await;
    assert!(page.body_contains("activate-page"), "{}", page.words());
    let seed: String = page
        .text()
        .split("id=\"shared-secret\"")
        .nth(1)
        .and_then(|rest| rest.split('>').nth(1))
        .unwrap()
        .into();
    let seed: String = seed.chars().take_while(|c| *c != '<').filter(|c| !c.is_whitespace()).collect();
    let picture = page.text().split("img src=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let picture = app.client().get(picture).await;
    assert_eq!((picture.status, picture.header("content-type")), (200, Some("image/png")));
    code(&mut browser, &page, &app.totp(&seed)).await;
    assert_eq!(earned(&app, &browser).await.0, TWO_FACTORS);
}

/// A number is asked for, checked by a code, and later asked by a code that is sent on a click.
async fn a_phone_is_set_up_and_used(app: TestApp) {
    app.require_factor().await;
    let mut browser = Browser::new();
    let page = begin(&app, &mut browser, &[]).await;
    let page = browser.submit(&page.form("step-form").press("okta_sms")).await;
    let page = browser.submit(&page.form("step-form").fill("phoneNumber", "hello").press("enroll")).await;
    assert!(page.status == 400 && page.body_contains("Check the phone number"), "{}", page.words());
    let page = browser.submit(&page.form("step-form").fill("phoneNumber", PHONE).press("enroll")).await;
    assert!(page.body_contains("activate-page"), "{}", page.words());
    code(&mut browser, &page, &app.mailbox().code_for(PHONE).await).await;
    assert_eq!(earned(&app, &browser).await.1, ["pwd", "sms", "mfa"]);

    app.clock.advance(31);
    let mut browser = Browser::new();
    let page = begin(&app, &mut browser, &[]).await;
    assert!(page.body_contains("Send me a code") && !page.body_contains(PHONE), "{}", page.words());
    let page = browser.submit(&page.form("step-form").press("send")).await;
    let page = browser.submit(&page.form("step-form").press("resend")).await;
    assert!(page.status == 429 && page.body_contains("on its way"), "{}", page.words());
    code(&mut browser, &page, &app.mailbox().code_for(PHONE).await).await;
    assert_eq!(earned(&app, &browser).await.0, TWO_FACTORS);
}

/// A link is opened elsewhere: there it signs nobody in, and here it stands for the code.
async fn a_mail_confirms_by_code_or_by_link(app: TestApp) {
    app.require_factor().await;
    let mut browser = Browser::new();
    let page = begin(&app, &mut browser, &[]).await;
    let page = browser.submit(&page.form("step-form").press("okta_email")).await;
    let page = browser.submit(&page.form("step-form").press("enroll")).await;
    code(&mut browser, &page, &app.mailbox().code_for(ALICE).await).await;
    assert_eq!(earned(&app, &browser).await.1, ["pwd", "email", "mfa"]);

    app.clock.advance(31);
    let mut browser = Browser::new();
    let page = begin(&app, &mut browser, &[]).await;
    let page = browser.submit(&page.form("step-form").press("send")).await;
    let link = app.mailbox().link_for(ALICE).await;
    let mut phone = Browser::new();
    let asked = phone.open(&link).await;
    // Looking changes nothing.
    let waiting = browser.submit(&page.form("step-form").press("link_opened")).await;
    assert!(waiting.body_contains("factor-page"), "{}", waiting.words());
    let told = phone.submit(&asked.form("step-form").press("continue")).await;
    assert!(told.body_contains("Confirmed"), "{}", told.words());
    assert!(app.session(&mut phone).await.is_none());
    browser.submit(&waiting.form("step-form").press("link_opened")).await;
    assert_eq!(earned(&app, &browser).await.0, TWO_FACTORS);
}

/// S6: shown once, used once, and `amr` says what it was.
async fn a_recovery_code_stands_in_for_a_lost_factor_once(app: TestApp) {
    app.enrol_totp().await;
    let alice = app.factors_of(ALICE).await;
    let codes = alice.post("/recovery_codes", &serde_json::json!({})).await.json();
    let kept = codes["codes"][0].as_str().unwrap_or_else(|| panic!("{codes}")).to_owned();
    for (status, seen) in [(None, "pwd"), (Some(400), "")] {
        let mut browser = Browser::new();
        let page = begin(&app, &mut browser, &[]).await;
        let page = browser.submit(&page.form("step-form").press("backup_code")).await;
        let form = page.form("step-form").fill("code", &kept).press("verify_backup_code");
        let page = browser.submit(&form).await;
        match status {
            Some(status) => assert_eq!(page.status, status, "{}", page.words()),
            None => assert_eq!(earned(&app, &browser).await.1, [seen, "otp", "mfa"]),
        }
    }
}

fn a_factor_per_device() -> SignOnAction {
    SignOnAction {
        require_factor: true,
        factor_prompt_mode: stepgate::model::policy::FactorPrompt::Device,
        ..SignOnAction::default()
    }
}

/// S9: a remembered browser stands for the prompt, and earns no level.
async fn a_remembered_browser_is_not_asked_again(app: TestApp) {
    let seed = app.enrol_totp().await;
    app.sign_on(a_factor_per_device()).await;
    let mut browser = Browser::new();
    let page = begin(&app, &mut browser, &[]).await;
    let form = page.form("step-form").choose("rememberDevice", "true");
    browser.submit(&form.fill("passCode", &app.totp(&seed)).press("verify")).await;
    assert_eq!(earned(&app, &browser).await.0, TWO_FACTORS);
    begin(&app, &mut browser, &[("prompt", "login")]).await;
    assert_eq!(earned(&app, &browser).await.1, ["pwd"]);
    let page = begin(&app, &mut Browser::new(), &[]).await;
    assert!(page.body_contains("factor-page"), "{}", page.words());
}

/// The page is the same for everybody; the link asks for a click, works once, and gives a password and no session (S3–S5).
async fn a_forgotten_password_is_reset_by_mail(app: TestApp) {
    let mut browser = Browser::new();
    let page = browser.open(&app.authorize_url(WEB, &[])).await;
    let page = browser.follow(&page, "Forgot your password?").await;
    let form = page.form("step-form");
    let stranger =
        browser.submit(&form.clone().fill("identifier", "nobody@example.com").press("recover")).await;
    let sent = browser.submit(&form.fill("identifier", ALICE).press("recover")).await;
    assert_eq!(stranger.words(), sent.words());
    assert!(sent.body_contains("recovery-sent-page"), "{}", sent.words());

    let link = app.mailbox().link_for(ALICE).await;
    let mut elsewhere = Browser::new();
    elsewhere.open(&link).await;
    let asked = elsewhere.open(&link).await;
    let page = elsewhere.submit(&asked.form("step-form").press("continue")).await;
    assert!(page.body_contains("password-page"), "{}", page.words());
    let weak = page.form("step-form").fill("newPassword", "short").fill("repeatPassword", "short");
    let page = elsewhere.submit(&weak.press("reset_password")).await;
    assert!(page.status == 400 && page.body_contains("fewer than 8 characters"), "{}", page.words());
    let differ = page.form("step-form").fill("newPassword", NEW).fill("repeatPassword", PASSWORD);
    let page = elsewhere.submit(&differ.press("reset_password")).await;
    assert!(page.status == 400 && page.body_contains("The passwords differ"), "{}", page.words());
    let form = page.form("step-form").fill("newPassword", NEW).fill("repeatPassword", NEW);
    let done = elsewhere.submit(&form.press("reset_password")).await;
    assert!(done.body_contains("recovery-done-page"), "{}", done.words());
    assert!(app.session(&mut elsewhere).await.is_none());
    let again = elsewhere.open(&link).await;
    let again = elsewhere.submit(&again.form("step-form").press("continue")).await;
    assert!(again.body_contains("no longer works"), "{}", again.words());

    let page = browser.open(&app.authorize_url(WEB, &[])).await;
    sign_in_on(&mut browser, &page, ALICE, NEW).await;
    assert_eq!(earned(&app, &browser).await.1, ["pwd"]);
}

/// PASSWORD_EXPIRED: the old password leads to a new one, and only then on.
async fn an_expired_password_is_changed_on_the_way(app: TestApp) {
    app.password_rules(
        PasswordRules { max_age_days: 30, ..PasswordRules::default() },
        PasswordAction::default(),
    )
    .await;
    app.clock.advance(31 * 86_400);
    let mut browser = Browser::new();
    let page = begin(&app, &mut browser, &[]).await;
    assert!(page.body_contains("has expired"), "{}", page.words());
    let fill = |page: &Response, old: &str| {
        page.form("step-form").fill("oldPassword", old).fill("newPassword", NEW).fill("repeatPassword", NEW)
    };
    let page = browser.submit(&fill(&page, "another").press("change_password")).await;
    assert!(page.status == 400 && page.body_contains("current password is not correct"), "{}", page.words());
    browser.submit(&fill(&page, PASSWORD).press("change_password")).await;
    assert_eq!(earned(&app, &browser).await.1, ["pwd"]);
}

/// S8: with the old password every session ends but that of the browser in which it is changed.
async fn a_session_outlives_the_password_that_is_changed_in_it(app: TestApp) {
    let mut browser = Browser::new();
    begin(&app, &mut browser, &[]).await;
    let before = app.session(&mut browser).await.unwrap();
    let mut elsewhere = Browser::new();
    begin(&app, &mut elsewhere, &[]).await;
    let alice = app.factors_of(ALICE).await;
    assert_eq!(alice.post("/lifecycle/expire_password", &serde_json::json!({})).await.status, 200);
    let page = begin(&app, &mut browser, &[("prompt", "login")]).await;
    let form = page.form("step-form").fill("oldPassword", PASSWORD).fill("newPassword", NEW);
    browser.submit(&form.fill("repeatPassword", NEW).press("change_password")).await;
    assert_eq!(earned(&app, &browser).await.1, ["pwd"]);
    let after = app.session(&mut browser).await.expect("a session");
    assert_eq!(before.id, after.id);
    assert!(app.session(&mut elsewhere).await.is_none());
}

/// No application waits for whoever accepts an invitation: the end is a page that says so, which can be loaded anew.
async fn who_is_invited_ends_on_a_page_of_ours(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    let step = |step: &str| format!("/api/v1/users/{BOB}/lifecycle/{step}?sendEmail=false");
    assert_eq!(app.post(&step("reset_password"), &token, &json!({})).await.status, 200);
    let invited = app.post(&step("reactivate"), &token, &json!({})).await.json();
    let link = app.url(&format!("/welcome?token={}", invited["activationToken"].as_str().unwrap()));
    let mut browser = Browser::new();
    let page = browser.open(&link).await;
    let page = browser.submit(&page.form("step-form").press("continue")).await;
    assert!(page.body_contains("password-page"), "{}", page.words());
    assert!(!page.body_contains("Sign out everywhere else"), "{}", page.words());
    let form = page.form("step-form").fill("newPassword", NEW).fill("repeatPassword", NEW);
    let end = browser.submit(&form.press("reset_password")).await;
    assert_eq!(end.status, 200, "{}", end.words());
    assert!(end.body_contains("You are signed in"), "{}", end.words());
    let url = browser.url().to_string();
    assert!(app.session(&mut browser).await.is_some());
    let again = browser.open(&url).await;
    assert!(again.body_contains("You are signed in"), "{url} {}", again.words());
    // Nobody else is told so.
    assert_eq!(Browser::new().open(&url).await.status, 400);
    // The link was for once, and only an administrator has another.
    let page = Browser::new().open(&app.url("/welcome")).await;
    assert!(page.status == 400 && page.body_contains("ask your administrator"), "{}", page.words());
}

/// A page at which a recovery stops says how it goes on, and asks for nothing.
async fn the_last_pages_of_a_recovery_lead_on(app: TestApp) {
    let mut browser = Browser::new();
    let page = browser.open(&app.authorize_url(WEB, &[])).await;
    let page = browser.follow(&page, "Forgot your password?").await;
    let sent = browser.submit(&page.form("step-form").fill("identifier", ALICE).press("recover")).await;
    assert!(!sent.body_contains("<form"), "{}", sent.text());
    let again = browser.follow(&sent, "Ask for another message").await;
    assert!(again.body_contains("recovery-page"), "{}", again.words());
    let over = browser.open(&app.url("/signin/reset-password?token=x")).await;
    let over = browser.submit(&over.form("step-form").press("continue")).await;
    assert!(over.status == 400 && over.body_contains("no longer works"), "{}", over.words());
    let again = browser.follow(&over, "Ask for a new link").await;
    assert!(again.body_contains("recovery-page"), "{}", again.words());
}

/// S9: whoever wants the browser remembered says so once.
async fn a_box_keeps_its_tick_after_a_wrong_code(app: TestApp) {
    let seed = app.enrol_totp().await;
    app.sign_on(a_factor_per_device()).await;
    let mut browser = Browser::new();
    let page = begin(&app, &mut browser, &[]).await;
    let form = page.form("step-form");
    assert_eq!(form.field("rememberDevice"), None);
    let wrong = wrong(&app.totp(&seed));
    let form = form.choose("rememberDevice", "true").fill("passCode", &wrong);
    let page = browser.submit(&form.press("verify")).await;
    assert_eq!(page.status, 400);
    assert_eq!(page.form("step-form").field("rememberDevice"), Some("true"), "{}", page.text());
}

/// S9: the box stands where a factor is chosen, since a device is asked at once; where more is asked for it keeps its tick.
async fn a_browser_is_remembered_whichever_factor_is_chosen(app: TestApp) {
    let seed = app.enrol_totp().await;
    let device = app.factors_of(ALICE).await.device(&app).await;
    app.sign_on(a_factor_per_device()).await;
    let code_of = |page: &Response| page.form("step-form").fill("passCode", &app.totp(&seed)).press("verify");
    let choose = async |browser: &mut Browser, button: &str, tick: bool| {
        let page = begin(&app, browser, &[("prompt", "login")]).await;
        assert!(page.body_contains("factor-choice-page"), "{}", page.words());
        let form = page.form("step-form");
        assert_eq!(form.field("rememberDevice"), None);
        let form = if tick { form.choose("rememberDevice", "true") } else { form };
        let title =
            if button == "push" { device.factor.clone() } else { other_than(&app, &device.factor).await };
        browser.submit(&form.press(&title)).await
    };
    // A code: its page has the box as it was left.
    let mut browser = Browser::new();
    let page = choose(&mut browser, "code", false).await;
    assert_eq!(page.form("step-form").field("rememberDevice"), None);
    browser.submit(&code_of(&page)).await;
    let page = choose(&mut browser, "code", true).await;
    assert_eq!(page.form("step-form").field("rememberDevice"), Some("true"), "{}", page.text());
    // A device.
    let mut browser = Browser::new();
    for (tick, then) in [(false, "factor-choice-page"), (true, "code=")] {
        let page = choose(&mut browser, "push", tick).await;
        let number = page.text().split("id=\"push-number\">").nth(1).and_then(|rest| rest.split('<').next());
        device.approve(&app, number.unwrap().parse().unwrap()).await;
        browser.open(page.url.as_str()).await;
        assert!(browser.url().as_str().contains("code="), "{}", browser.url());
        let page = begin(&app, &mut browser, &[("prompt", "login")]).await;
        assert!(
            page.body_contains(then) || browser.url().as_str().contains(then),
            "{tick}: {}",
            browser.url()
        );
    }
}

/// The factor of ALICE that is not this one.
async fn other_than(app: &TestApp, id: &str) -> String {
    let alice = app.user(ALICE).await;
    let factors = stepgate::store::factor::list(&app.app.db, &alice.id).await.unwrap();
    factors.into_iter().map(|factor| factor.id.to_string()).find(|other| other != id).unwrap()
}

/// Who must prove two classes of factors is not sent through setting up a second thing to know.
async fn only_what_helps_is_offered_to_be_set_up(app: TestApp) {
    app.sign_on(SignOnAction::default()).await;
    let mut browser = Browser::new();
    let page = begin(&app, &mut browser, &[("acr_values", TWO_FACTORS)]).await;
    assert!(page.body_contains("enroll-page"), "{}", page.words());
    assert!(
        page.body_contains("\"google_otp\"") && !page.body_contains("\"okta_question\""),
        "{}",
        page.text()
    );
    // Before anything is sent there is a way back.
    let asked = browser.submit(&page.form("step-form").press("okta_email")).await;
    let back = browser.submit(&asked.form("step-form").press("choices")).await;
    assert!(back.body_contains("enroll-page"), "{}", back.words());
}

/// RFC 6749 §4.1.2.1: the client learns `access_denied`, and the transaction is over.
async fn a_step_is_cancelled_to_the_client(app: TestApp) {
    app.require_factor().await;
    let mut browser = Browser::new();
    let page = begin(&app, &mut browser, &[]).await;
    browser.submit(&page.form("step-form").press("cancel")).await;
    assert_eq!(answer(&browser)["error"], "access_denied");
    let over = browser.submit(&page.form("step-form").press("cancel")).await;
    assert_eq!(over.status, 400);
}

/// A form or link of somebody else's sign-in opens nothing (T3, L1).
async fn a_transaction_of_one_browser_is_nobody_s_in_another(app: TestApp) {
    let seed = app.enrol_totp().await;
    let mut browser = Browser::new();
    let page = begin(&app, &mut browser, &[]).await;
    let form = page.form("step-form").fill("passCode", &app.totp(&seed)).press("verify");
    let mut thief = Browser::new();
    thief.open(&app.authorize_url(WEB, &[])).await;
    let refused = thief.submit(&form).await;
    assert_eq!(refused.status, 403, "{}", refused.words());
    let opened = thief.open(browser.url().as_str()).await;
    assert_eq!(opened.status, 400, "{}", opened.words());
    assert!(app.session(&mut thief).await.is_none());
}
