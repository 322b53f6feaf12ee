//! The account page, without a line of script: each section does what it says, and refuses what it must.

use serde_json::json;
use stepgate::{
    factor::service,
    model::{
        factor::{FactorKind, FactorStatus},
        policy::{Access, PasswordRules},
        policy_set::PasswordAction,
    },
    store,
    syslog::Caller,
};

use crate::support::{
    Test, TestApp,
    factor::{PHONE, wrong},
    fixtures::{ALICE, ASKING, BOB, PASSWORD, WEB},
    http::{Browser, Response},
    op::{answer, error_code, sign_in_on},
    push::{Device, transaction_of},
    session_token::for_origin,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            an_authenticator_app_is_added_proved_and_removed,
            an_application_is_shut_out,
            all_other_devices_are_signed_out;
        sqlite:
            a_visitor_signs_in_and_goes_on_where_they_wanted_to,
            whoever_gives_up_a_step_up_is_back_and_changed_nothing,
            a_phone_is_added_by_its_code,
            a_question_is_added_at_once,
            a_device_that_approves_is_added,
            a_device_that_comes_too_late_is_begun_anew,
            a_factor_is_renamed,
            what_is_refused_at_the_choice_of_a_factor,
            the_last_factor_that_a_policy_requires_stays_and_says_why,
            recovery_codes_are_shown_once_and_old_ones_die,
            the_password_is_changed,
            a_password_that_is_not_the_user_s_to_change_has_no_page,
            one_device_is_signed_out,
            what_happened_is_told_page_by_page,
            what_befell_the_factors_is_told,
            a_language_is_chosen,
            a_policy_that_lets_nobody_in_shows_nothing,
            a_policy_that_asks_for_a_factor_asks_here_too;
    ]
}

const NEW: &str = "Wholly-New-Horse-7";

/// Opens a page of the account; signs in if that is asked.
pub(crate) async fn open(app: &TestApp, browser: &mut Browser, path: &str) -> Response {
    let page = browser.open(&app.url(path)).await;
    if page.body_contains("login-page") { sign_in_on(browser, &page, ALICE, PASSWORD).await } else { page }
}

async fn enter(app: &TestApp, browser: &mut Browser) -> Response {
    let page = open(app, browser, "/account").await;
    assert!(page.body_contains("id=\"account-page\""), "{} {}", page.url, page.words());
    page
}

/// The seed on the page of an authenticator app.
pub(crate) fn seed_on(page: &Response) -> String {
    let shown = page.text().split("id=\"shared-secret\"").nth(1).and_then(|rest| rest.split('>').nth(1));
    let shown = shown.unwrap_or_else(|| panic!("no key on {}: {}", page.url, page.words()));
    shown.chars().take_while(|c| *c != '<').filter(|c| !c.is_whitespace()).collect()
}

/// Adds an authenticator app on the pages; its seed, and the page where it ended.
pub(crate) async fn add_app(app: &TestApp, browser: &mut Browser) -> (String, Response) {
    let page = open(app, browser, "/account/methods/add").await;
    let page = browser.submit(&page.form("step-form").press("google_otp")).await;
    let seed = seed_on(&page);
    let code = app.totp(&seed);
    let page = browser.submit(&page.form("step-form").fill("passCode", &code).press("activate")).await;
    assert!(page.body_contains("was added"), "{} {}", page.url, page.words());
    (seed, page)
}

/// The address on the page that waits for another device.
fn address_on(page: &Response) -> String {
    let shown = page.text().split("id=\"push-address\"").nth(1).and_then(|rest| rest.split('>').nth(1));
    let shown = shown.unwrap_or_else(|| panic!("no address on {}: {}", page.url, page.words()));
    shown.chars().take_while(|c| *c != '<').collect()
}

/// Where the page of the only factor is.
async fn only_factor(app: &TestApp, login: &str) -> String {
    let user = app.user(login).await;
    let factors = store::factor::list(&app.app.db, &user.id).await.unwrap();
    assert_eq!(factors.len(), 1);
    format!("/account/methods/{}", factors[0].id)
}

/// The page waits, its script is told when the device is there, and then it is over.
async fn a_device_that_approves_is_added(app: TestApp) {
    let mut browser = Browser::new();
    let page = open(&app, &mut browser, "/account/methods/add").await;
    let page = browser.submit(&page.form("step-form").press("okta_push")).await;
    let here = page.url.path().to_owned();
    let state = format!("{here}/state");
    assert!(page.body_contains(&format!("data-push=\"{state}\"")), "{}", page.text());
    assert!(page.header("content-security-policy").unwrap().contains("connect-src 'self'"));
    assert_eq!(browser.open(&app.url(&state)).await.json(), json!({ "state": "WAITING" }));
    let stranger = Browser::new().open(&app.url(&state)).await;
    assert!(!stranger.body_contains("WAITING"), "{}", stranger.text());
    let (_, enrolled) = Device::enroll(&app, &address_on(&page)).await;
    assert_eq!(enrolled.status, 201, "{}", enrolled.text());
    assert_eq!(browser.open(&app.url(&state)).await.json(), json!({ "state": "SUCCESS" }));
    let page = browser.open(&app.url(&here)).await;
    assert!(
        page.body_contains("was added") && page.body_contains("Anna’s phone"),
        "{} {}",
        page.url,
        page.words()
    );
    assert_eq!(only_factor(&app, ALICE).await, here.strip_suffix("/activate").unwrap());
}

/// What was shown for too long opens nothing, before a new one is asked for and after.
async fn a_device_that_comes_too_late_is_begun_anew(app: TestApp) {
    let mut browser = Browser::new();
    let page = open(&app, &mut browser, "/account/methods/add").await;
    let page = browser.submit(&page.form("step-form").press("okta_push")).await;
    let (here, late) = (page.url.path().to_owned(), address_on(&page));
    app.clock.advance(10 * 60);
    assert_eq!(Device::enroll(&app, &late).await.1.status, 401);
    let page = open(&app, &mut browser, &here).await;
    assert!(page.body_contains("shown for too long"), "{} {}", page.url, page.words());
    let page = browser.submit(&page.form("step-form").press("activate")).await;
    assert_ne!(address_on(&page), late);
    assert_eq!(Device::enroll(&app, &late).await.1.status, 401);
    assert_eq!(Device::enroll(&app, &address_on(&page)).await.1.status, 201);
}

/// A visit without an application: the usual sign-in, then the page that was asked for, and never a copy in a cache.
async fn a_visitor_signs_in_and_goes_on_where_they_wanted_to(app: TestApp) {
    for (path, id) in [
        ("/account", "account-page"),
        ("/account/activity", "activity-page"),
        ("/account/methods/add", "enroll-page"),
        ("/account/password", "password-page"),
        ("/account/recovery-codes", "recovery-codes-page"),
    ] {
        let mut browser = Browser::new();
        let page = browser.open(&app.url(path)).await;
        assert!(page.body_contains("login-page") && !page.body_contains("login-cancel"), "{}", page.words());
        let refused = sign_in_on(&mut browser, &page, ALICE, "wrong").await;
        assert_eq!(refused.status, 400);
        let page = sign_in_on(&mut browser, &refused, ALICE, PASSWORD).await;
        assert_eq!((page.status, page.url.path()), (200, path), "{}", page.words());
        assert!(page.body_contains(&format!("id=\"{id}\"")), "{}", page.words());
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert_eq!(page.header("x-frame-options"), Some("DENY"));
        assert!(!page.body_contains("<script"), "{path}");
    }
    let mut browser = Browser::new();
    let page = enter(&app, &mut browser).await;
    assert!(page.body_contains("Alice Adams") && page.body_contains("This device"), "{}", page.words());
    // Where an errand leads is not the link's to say.
    for flow in ["acc-elsewhere", "acc-method-..%2Fx", "acc-"] {
        let page = browser.open(&app.url(&format!("/signin?flow={flow}"))).await;
        assert_eq!((page.status, error_code(&page)), (400, "expired_flow"), "{flow}");
    }
    // A page of ours leads there.
    let lost = browser.open(&app.url("/account/nothing")).await;
    assert_eq!((lost.status, error_code(&lost)), (404, "not_found"));
}

/// Chosen, scanned, proved; then it is used, its owner hears of it, and it can be removed.
async fn an_authenticator_app_is_added_proved_and_removed(app: TestApp) {
    let mut browser = Browser::new();
    let page = enter(&app, &mut browser).await;
    assert!(page.body_contains("There is none yet"), "{}", page.words());
    let before = app.session(&mut browser).await.unwrap();
    let page = open(&app, &mut browser, "/account/methods/add").await;
    let page = browser.submit(&page.form("step-form").press("google_otp")).await;
    let seed = seed_on(&page);
    let picture = page.text().split("img src=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    assert_eq!(app.client().get(picture).await.header("content-type"), Some("image/png"));
    let form = page.form("step-form").fill("passCode", &wrong(&app.totp(&seed)));
    let page = browser.submit(&form.press("activate")).await;
    assert!(page.status == 400 && page.body_contains("That is not right"), "{}", page.words());
    let form = page.form("step-form").fill("passCode", &app.totp(&seed));
    let page = browser.submit(&form.press("activate")).await;
    assert!(
        page.body_contains("was added") && page.body_contains("Google Authenticator"),
        "{}",
        page.words()
    );
    assert!(app.logged("user.mfa.factor.activate", None).await);
    let told = app.mailbox().next(ALICE).await;
    assert_eq!(told.link(), app.url("/account"), "{}", told.text);
    // Its first proof counts, for the same session under a new cookie.
    let after = app.session(&mut browser).await.unwrap();
    assert_eq!(after.amr(), ["pwd", "google_otp", "mfa"]);
    assert_eq!(after.id, before.id);

    let page = browser.open(&app.url(&only_factor(&app, ALICE).await)).await;
    let page = browser.submit(&page.form("remove-form").press("remove")).await;
    assert!(page.body_contains("was removed") && page.body_contains("There is none yet"), "{}", page.words());
    assert!(app.logged("user.mfa.factor.deactivate", None).await);
    assert_eq!(app.mailbox().next(ALICE).await.link(), app.url("/account"));
    // What was won by it is gone.
    assert_eq!(app.session(&mut browser).await.unwrap().amr(), ["pwd"]);
}

/// The way back leads to the account, and nothing has happened.
async fn whoever_gives_up_a_step_up_is_back_and_changed_nothing(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    alice.authenticator().await;
    let mut browser = Browser::new();
    enter(&app, &mut browser).await;
    let page = open(&app, &mut browser, "/account/recovery-codes").await;
    assert!(page.body_contains("factor-page"), "{} {}", page.url, page.words());
    let back = browser.submit(&page.form("step-form").press("cancel")).await;
    assert!(back.url.path() == "/account" && back.body_contains("Nothing was changed"), "{}", back.words());
    // Older than that: the password is asked for again as well, and can be given up, too.
    app.clock.advance(16 * 60);
    let page = browser.open(&app.url("/account/recovery-codes")).await;
    assert!(page.body_contains("login-page") && page.body_contains("Confirm it’s you"), "{}", page.words());
    assert_eq!(page.form("login-form").field("identifier"), Some(ALICE));
    let back = browser.submit(&page.form("login-form").press("cancel")).await;
    assert!(back.url.path() == "/account" && back.body_contains("Nothing was changed"), "{}", back.words());
    assert_eq!(alice.get("/recovery_codes").await.json()["count"], 0);
}

/// A number is asked for and checked by a code, which can be sent again.
async fn a_phone_is_added_by_its_code(app: TestApp) {
    let mut browser = Browser::new();
    let page = open(&app, &mut browser, "/account/methods/add").await;
    let page = browser.submit(&page.form("step-form").press("okta_sms")).await;
    let page = browser.submit(&page.form("step-form").fill("phoneNumber", "hello").press("enroll")).await;
    assert!(page.status == 400 && page.body_contains("Check the phone number"), "{}", page.words());
    let page = browser.submit(&page.form("step-form").fill("phoneNumber", PHONE).press("enroll")).await;
    assert!(page.body_contains("activate-page") && !page.body_contains(PHONE), "{}", page.words());
    let page = browser.submit(&page.form("step-form").press("resend")).await;
    assert!(page.status == 429 && page.body_contains("on its way"), "{}", page.words());
    // It can be given up again.
    app.mailbox().code_for(PHONE).await;
    let back = browser.submit(&page.form("step-form").press("cancel")).await;
    let page = browser.follow(&back, "Manage").await;
    let back = browser.submit(&page.form("remove-form").press("remove")).await;
    assert!(back.body_contains("was removed") && !back.body_contains("Not finished"), "{}", back.words());
    app.clock.advance(60);
    let page = open(&app, &mut browser, "/account/methods/add").await;
    let page = browser.submit(&page.form("step-form").press("okta_sms")).await;
    let page = browser.submit(&page.form("step-form").fill("phoneNumber", PHONE).press("enroll")).await;
    // It can be left, and finished later.
    let back = browser.submit(&page.form("step-form").press("cancel")).await;
    assert!(back.body_contains("Not finished"), "{}", back.words());
    let page = browser.follow(&back, "Finish").await;
    let code = app.mailbox().code_for(PHONE).await;
    let page = browser.submit(&page.form("step-form").fill("passCode", &code).press("activate")).await;
    assert!(page.body_contains("was added") && page.body_contains("XXX-XXX-1337"), "{}", page.words());
}

/// What needs no proof is there at once; it is no second thing that its user has.
async fn a_question_is_added_at_once(app: TestApp) {
    let mut browser = Browser::new();
    let page = open(&app, &mut browser, "/account/methods/add").await;
    let page = browser.submit(&page.form("step-form").press("okta_question")).await;
    let form = page.form("step-form").fill("answer", "x");
    let page = browser.submit(&form.press("enroll")).await;
    assert_eq!(page.status, 400, "{}", page.words());
    let form = page.form("step-form").fill("answer", "beans on toast");
    let page = browser.submit(&form.press("enroll")).await;
    assert!(page.body_contains("was added") && page.body_contains("Security question"), "{}", page.words());
    // Codes stand in for something that one has.
    let codes = browser.open(&app.url("/account/recovery-codes")).await;
    assert!(codes.body_contains("Add a sign-in method first"), "{}", codes.words());
}

/// A kind that policy forbids, that the user has, or that is none, is not begun, whatever the form says.
async fn what_is_refused_at_the_choice_of_a_factor(app: TestApp) {
    app.seed("mfa_enroll_policies: [{name: All, factors: {google_otp: OPTIONAL}, rules: [{name: All, enroll: LOGIN}]}]\n")
        .await;
    let mut browser = Browser::new();
    let page = open(&app, &mut browser, "/account/methods/add").await;
    assert!(page.body_contains("\"google_otp\"") && !page.body_contains("\"okta_sms\""), "{}", page.text());
    for kind in ["okta_sms", "okta_question", "hotp", "nonsense", ""] {
        let form = page.form("step-form").smuggle("kind", kind).smuggle("action", "enroll");
        let form = form.smuggle("phoneNumber", PHONE).smuggle("answer", "beans on toast");
        let refused = browser.submit(&form).await;
        assert!(refused.body_contains("enroll-page"), "{kind}: {}", refused.words());
    }
    let user = app.user(ALICE).await;
    assert!(store::factor::list(&app.app.db, &user.id).await.unwrap().is_empty());
    add_app(&app, &mut browser).await;
    let overview = browser.open(&app.url("/account")).await;
    assert!(!overview.body_contains("method-add"), "{}", overview.words());
    let page = browser.open(&app.url("/account/methods/add")).await;
    assert!(!page.body_contains("\"google_otp\""), "{}", page.words());
}

/// A label of its user's, in place of the usual name, escaped; too much of it is refused.
async fn a_factor_is_renamed(app: TestApp) {
    let mut browser = Browser::new();
    add_app(&app, &mut browser).await;
    let path = only_factor(&app, ALICE).await;
    let page = browser.open(&app.url(&path)).await;
    let rename = |page: &Response, name: &str| page.form("name-form").fill("name", name).press("rename");
    let long = browser.submit(&rename(&page, &"x".repeat(65))).await;
    assert!(long.status == 400 && long.body_contains("name-help"), "{}", long.words());
    let page = browser.submit(&rename(&page, "  My <b>phone</b> ")).await;
    assert!(page.body_contains("My &lt;b&gt;phone&lt;/b&gt;"), "{}", page.text());
    assert!(app.logged("user.mfa.factor.update", None).await);
    let page = browser.open(&app.url(&path)).await;
    assert_eq!(page.form("name-form").field("name"), Some("My <b>phone</b>"));
    let page = browser.submit(&rename(&page, "")).await;
    assert!(!page.body_contains("phone"), "{}", page.text());
}

/// The button is not there, the reason is; the form of an old page is refused with it.
async fn the_last_factor_that_a_policy_requires_stays_and_says_why(app: TestApp) {
    let mut browser = Browser::new();
    add_app(&app, &mut browser).await;
    let path = only_factor(&app, ALICE).await;
    let old = browser.open(&app.url(&path)).await.form("remove-form").press("remove");
    for (policy, why) in [
        (
            "mfa_enroll_policies: [{name: All, factors: {google_otp: REQUIRED}, rules: [{name: All, enroll: CHALLENGE}]}]\n",
            "requires a method of this kind",
        ),
        (
            "mfa_enroll_policies: [{name: All, factors: {google_otp: OPTIONAL, okta_sms: OPTIONAL}, rules: [{name: All, enroll: CHALLENGE}]}]
global_session_policies: [{name: All, rules: [{name: All, require_factor: true}]}]\n",
            "asks for a method beside the password",
        ),
    ] {
        app.seed(policy).await;
        let page = browser.open(&app.url(&path)).await;
        assert!(page.body_contains(why) && !page.body_contains("method-remove"), "{}", page.words());
        let refused = browser.submit(&old).await;
        assert!(refused.status == 400 && refused.body_contains("has to stay"), "{}", refused.words());
    }
    assert!(!app.logged("user.mfa.factor.deactivate", None).await);
    // Whoever has another one may let it go, and is asked for that one from then on.
    let alice = app.factors_of(ALICE).await;
    alice.sent("sms", PHONE).await;
    let page = browser.submit(&old).await;
    assert!(app.logged("user.mfa.factor.deactivate", None).await);
    assert!(page.body_contains("factor-page") && page.body_contains("XXX-XXX-1337"), "{}", page.words());
}

/// S6: made on a click, shown once, each counts once; the user hears of it.
async fn recovery_codes_are_shown_once_and_old_ones_die(app: TestApp) {
    let mut browser = Browser::new();
    add_app(&app, &mut browser).await;
    let page = browser.open(&app.url("/account/recovery-codes")).await;
    let form = page.form("codes-form");
    let shown = browser.submit(&form).await;
    let codes = |page: &Response| -> Vec<String> {
        let list = page.text().split("id=\"recovery-codes-list\"").nth(1).expect("codes").to_owned();
        list.split("<code>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
    };
    let first = codes(&shown);
    assert_eq!(first.len(), 10);
    assert_eq!(shown.header("cache-control"), Some("no-store"));
    assert!(app.mailbox().next(ALICE).await.subject.contains("Wiederherstellungscodes"));
    let again = browser.open(&app.url("/account/recovery-codes")).await;
    assert!(again.body_contains("You have 10 left") && !again.body_contains(&first[0]), "{}", again.words());
    let second = codes(&browser.submit(&again.form("codes-form")).await);
    app.require_factor().await;
    for (code, status) in [(&first[0], 400), (&second[0], 200)] {
        let mut other = Browser::new();
        let page = open(&app, &mut other, "/account").await;
        let page = other.submit(&page.form("step-form").press("backup_code")).await;
        let form = page.form("step-form").fill("code", code).press("verify_backup_code");
        let page = other.submit(&form).await;
        assert_eq!(page.status, status, "{}", page.words());
        assert_eq!(page.body_contains("9 left"), status == 200, "{}", page.words());
    }
}

/// S8: the old one, twice the new one, policy; other sessions and their tokens end, this one goes on.
async fn the_password_is_changed(app: TestApp) {
    let (mut browser, mut elsewhere) = (Browser::new(), Browser::new());
    enter(&app, &mut elsewhere).await;
    let page = open(&app, &mut browser, "/account/password").await;
    let fill = |page: &Response, old: &str, new: &str, again: &str| {
        let form = page.form("step-form").fill("oldPassword", old);
        form.fill("newPassword", new).fill("repeatPassword", again).press("change_password")
    };
    for (old, new, again, why) in [
        ("another", NEW, NEW, "current password is not correct"),
        (PASSWORD, NEW, PASSWORD, "The passwords differ"),
        (PASSWORD, "short", "short", "fewer than 8 characters"),
        (PASSWORD, PASSWORD, PASSWORD, "was used before"),
    ] {
        let refused = browser.submit(&fill(&page, old, new, again)).await;
        assert!(refused.status == 400 && refused.body_contains(why), "{why}: {}", refused.words());
    }
    let before = app.session(&mut browser).await.unwrap();
    // A page of the account, from which forms are sent.
    let page = browser.open(&app.url("/account/password")).await;
    let done = browser.submit(&fill(&page, PASSWORD, NEW, NEW)).await;
    assert!(done.body_contains("Your password was changed"), "{} {}", done.url, done.words());
    assert_eq!(app.session(&mut browser).await.unwrap().id, before.id);
    assert!(app.session(&mut elsewhere).await.is_none());
    let told = app.mailbox().next(ALICE).await;
    assert_eq!(told.link(), app.url("/account"), "{}", told.text);
    let mut anew = Browser::new();
    let page = anew.open(&app.url("/account")).await;
    let page = sign_in_on(&mut anew, &page, ALICE, PASSWORD).await;
    assert_eq!(page.status, 400);
    assert!(sign_in_on(&mut anew, &page, ALICE, NEW).await.body_contains("account-page"));
}

async fn a_password_that_is_not_the_user_s_to_change_has_no_page(app: TestApp) {
    let mut browser = Browser::new();
    let page = open(&app, &mut browser, "/account/password").await;
    let form = page.form("step-form").fill("oldPassword", PASSWORD).fill("newPassword", NEW);
    let form = form.fill("repeatPassword", NEW).press("change_password");
    let action = PasswordAction { password_change: Access::Deny, ..PasswordAction::default() };
    app.password_rules(PasswordRules::default(), action).await;
    let refused = browser.submit(&form).await;
    assert_eq!((refused.status, error_code(&refused)), (404, "not_found"));
    assert_eq!(browser.open(&app.url("/account/password")).await.status, 404);
    let page = browser.open(&app.url("/account")).await;
    assert!(!page.body_contains("password-change") && page.body_contains("does not let you change it"));
    assert!(!app.logged("user.account.update_password", None).await);
}

/// What a user recognises a device by, and the end of it; somebody else's is none.
async fn one_device_is_signed_out(app: TestApp) {
    let (mut here, mut there, mut bobs) = (Browser::new(), Browser::new(), Browser::new());
    there.send_always(
        "user-agent",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1",
    );
    here.send_always("user-agent", "<script>alert(1)</script>");
    enter(&app, &mut there).await;
    app.sign_in(&mut bobs, &app.authorize_url(WEB, &[]), BOB).await;
    let bob = app.session(&mut bobs).await.unwrap();
    let other = app.session(&mut there).await.unwrap();
    let page = enter(&app, &mut here).await;
    let words = page.words();
    assert!(words.contains("Safari on iOS") && words.contains("From 127.0.0.1"), "{words}");
    assert!(words.contains("Unknown device") && words.contains("This device"), "{words}");
    assert!(!page.body_contains(bob.id.as_str()));
    for nobodys in [bob.id.as_str(), "102nothing", "", "'"] {
        here.open(&app.url("/account")).await;
        let mut form = page.form("devices-form");
        form.fields.push(("end".to_owned(), nobodys.to_owned()));
        let refused = here.submit(&form).await;
        assert_eq!((refused.status, error_code(&refused)), (404, "not_found"), "{nobodys}");
    }
    here.open(&app.url("/account")).await;
    let done = here.submit(&page.form("devices-form").press(other.id.as_str())).await;
    assert!(
        done.body_contains("was signed out") && !done.body_contains(other.id.as_str()),
        "{}",
        done.words()
    );
    assert!(app.session(&mut there).await.is_none());
    assert!(app.session(&mut here).await.is_some() && app.session(&mut bobs).await.is_some());
    assert!(app.logged("user.session.end", None).await);
}

/// All but this one, with the tokens that live as long as they do.
async fn all_other_devices_are_signed_out(app: TestApp) {
    let (mut here, mut there, mut bobs) = (Browser::new(), Browser::new(), Browser::new());
    let code = app.code_in(&mut there, "default", WEB, &[], ALICE).await;
    let token = app.redeem(WEB, &code).await.json()["access_token"].as_str().unwrap().to_owned();
    app.sign_in(&mut bobs, &app.authorize_url(WEB, &[]), BOB).await;
    let waits = for_origin(&app, ALICE, &app.issuer).await;
    let page = enter(&app, &mut here).await;
    assert_eq!(app.introspect(&token).await["active"], true);
    let done = here.submit(&page.form("devices-form").press("others")).await;
    assert!(done.body_contains("were signed out") && !done.body_contains("sessions-end"), "{}", done.words());
    assert!(app.session(&mut there).await.is_none());
    assert_eq!(app.introspect(&token).await["active"], false);
    assert!(app.session(&mut here).await.is_some() && app.session(&mut bobs).await.is_some());
    assert!(app.logged("user.session.clear", None).await);
    // What was won before, and not used yet, opens nothing.
    let mut late = Browser::new();
    let link = format!("/login/sessionCookieRedirect?token={waits}&redirectUrl={}", app.url("/"));
    late.open(&app.url(&link)).await;
    assert!(app.session(&mut late).await.is_none());
}

/// D8: what it was given is dead, it asks again, and others are left alone.
async fn an_application_is_shut_out(app: TestApp) {
    let mut browser = Browser::new();
    let scope = "openid offline_access car:drive";
    let page = browser.open(&app.authorize_url(ASKING, &[("scope", scope)])).await;
    let page = sign_in_on(&mut browser, &page, ALICE, PASSWORD).await;
    browser.submit(&page.form("consent-form").press("accept")).await;
    let tokens = app.redeem(ASKING, &answer(&browser)["code"]).await.json();
    let bystander = app.tokens(WEB, "openid offline_access", ALICE).await;
    let page = enter(&app, &mut browser).await;
    let words = page.words();
    assert!(words.contains("The client asking") && words.contains("Can act while you are away"), "{words}");
    assert!(words.contains("car:drive") && words.contains("The client web"), "{words}");
    // Bob let nothing in.
    let mut bobs = Browser::new();
    app.sign_in(&mut bobs, &app.authorize_url(WEB, &[]), BOB).await;
    let his = bobs.open(&app.url("/account")).await;
    assert!(!his.body_contains("apps-form"), "{}", his.words());

    for nobodys in ["nobody", "", "other"] {
        browser.open(&app.url("/account")).await;
        let mut form = page.form("apps-form");
        form.fields.push(("revoke".to_owned(), nobodys.to_owned()));
        assert_eq!(browser.submit(&form).await.status, 404, "{nobodys}");
    }
    let page = browser.open(&app.url("/account")).await;
    let done = browser.submit(&page.form("apps-form").press(ASKING)).await;
    assert!(done.body_contains("can no longer use your account"), "{}", done.words());
    assert!(!done.body_contains("value=\"asking\""), "{}", done.words());
    let refused = app.refresh(ASKING, tokens["refresh_token"].as_str().unwrap()).await;
    assert_eq!((refused.status, refused.json()["error"].clone()), (400, json!("invalid_grant")));
    assert_eq!(app.introspect(tokens["access_token"].as_str().unwrap()).await["active"], false);
    assert!(app.logged("app.oauth2.as.consent.revoke", None).await);
    let other = app.refresh(WEB, bystander["refresh_token"].as_str().unwrap()).await;
    assert_eq!(other.status, 200, "{}", other.text());
    let asked = browser.open(&app.authorize_url(ASKING, &[("scope", scope)])).await;
    assert!(asked.body_contains("consent-page"), "{}", asked.words());
}

/// Own sign-ins and refusals, in plain words, the newest first; nothing of anybody else.
async fn what_happened_is_told_page_by_page(app: TestApp) {
    let mut browser = Browser::new();
    let page = browser.open(&app.url("/account")).await;
    let page = sign_in_on(&mut browser, &page, ALICE, "wrong").await;
    sign_in_on(&mut browser, &page, ALICE, PASSWORD).await;
    app.sign_in(&mut Browser::new(), &app.authorize_url(WEB, &[]), BOB).await;
    let page = browser.open(&app.url("/account/activity")).await;
    let words = page.words();
    let (newest, refused) = (words.find("Signed in").unwrap(), words.find("A sign-in was refused").unwrap());
    assert!(newest < refused && words.contains("127.0.0.1"), "{words}");
    assert_eq!(words.matches("Signed in").count(), 1, "{words}");
    assert!(!page.body_contains("activity-older"));
    for _ in 0..25 {
        app.clock.advance(1);
        app.sign_in(&mut Browser::new(), &app.authorize_url(WEB, &[]), ALICE).await;
    }
    let page = browser.open(&app.url("/account/activity")).await;
    assert_eq!(page.words().matches("Signed in").count(), 20);
    let page = browser.follow(&page, "Older").await;
    assert_eq!(page.words().matches("Signed in").count(), 6, "{}", page.words());
    assert!(page.body_contains("A sign-in was refused") && !page.body_contains("activity-older"));
    let page = browser.follow(&page, "Newest").await;
    assert!(page.body_contains("activity-older"));
    let odd = browser.open(&app.url("/account/activity?before=%27%22%3E-1")).await;
    assert_eq!(odd.status, 200);
}

/// Somebody asked, and was denied; a factor was out of use, and an administrator ended that.
async fn what_befell_the_factors_is_told(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let device = alice.device(&app).await;
    let asked = alice.ask(&device).await;
    device.answer(&app, &transaction_of(&asked), ("deny", None)).await;
    app.has_factor(ALICE, FactorKind::TotpGoogle, FactorStatus::Inactive).await;
    let unit = service::unlock(&app.app, &alice.user.id, &Caller::system("test")).await.unwrap();
    app.app.db.writer().commit(unit).await.unwrap();
    let page = open(&app, &mut Browser::new(), "/account/activity").await;
    let words = page.words();
    assert!(words.contains("A sign-in was denied on a device"), "{words}");
    assert!(words.contains("A sign-in method can be used again"), "{words}");
}

/// Messages are in the language that was chosen, whatever the profile says of the place.
async fn a_language_is_chosen(app: TestApp) {
    let mut browser = Browser::new();
    let page = enter(&app, &mut browser).await;
    assert_eq!(page.form("language-form").field("language"), Some("de"));
    let form = page.form("language-form");
    let refused = browser.submit(&form.clone().fill("language", "tlh")).await;
    assert!(
        refused.status == 400 && refused.body_contains("not written in this language"),
        "{}",
        refused.words()
    );
    let page = browser.submit(&form.choose("language", "en")).await;
    assert!(page.body_contains("The language was saved"), "{}", page.words());
    assert_eq!(page.form("language-form").field("language"), Some("en"));
    assert_eq!(app.user(ALICE).await.profile.text("locale"), Some("de_DE"));
    add_app(&app, &mut browser).await;
    assert!(app.mailbox().next(ALICE).await.subject.starts_with("New sign-in method"));
    assert!(app.logged("user.account.update_profile", None).await);
}

async fn a_policy_that_lets_nobody_in_shows_nothing(app: TestApp) {
    let mut browser = Browser::new();
    enter(&app, &mut browser).await;
    app.seed("global_session_policies: [{name: All, rules: [{name: All, access: DENY}]}]\n").await;
    let refused = browser.open(&app.url("/account")).await;
    assert_eq!((refused.status, error_code(&refused)), (403, "access_denied"));
}

/// A session that is older than the policy is raised before anything is seen; who cannot learns it.
async fn a_policy_that_asks_for_a_factor_asks_here_too(app: TestApp) {
    let mut browser = Browser::new();
    enter(&app, &mut browser).await;
    let alice = app.factors_of(ALICE).await;
    let authenticator = alice.authenticator().await;
    app.require_factor().await;
    let page = browser.open(&app.url("/account/activity")).await;
    assert!(page.body_contains("factor-page"), "{}", page.words());
    let form = page.form("step-form").fill("passCode", &authenticator.code(&app, 0)).press("verify");
    let page = browser.submit(&form).await;
    assert_eq!((page.status, page.url.path()), (200, "/account/activity"));
    // Its only factor is out of use.
    let mut bobs = Browser::new();
    app.sign_in_by(&mut bobs, BOB, &["pwd"]).await;
    app.has_factor(BOB, FactorKind::TotpGoogle, FactorStatus::Inactive).await;
    let page = bobs.open(&app.url("/account")).await;
    assert_eq!((page.status, error_code(&page)), (403, "unmet_authentication_requirements"));
}
