//! S1, S8, S9, L1, C6, D8 over the account page: what protects an account is its owner's to change, who has shown a factor
//! lately, in the browser and session that the form was given to.

use futures_util::future::join_all;
use stepgate::{
    model::{
        factor::{Factor, FactorKind, FactorStatus},
        policy::FactorPrompt,
        policy_set::SignOnAction,
    },
    store,
};

use crate::{
    support::{
        Test, TestApp,
        fixtures::{ALICE, ASKING, BOB, PASSWORD, WEB},
        html::Form,
        http::{Browser, Response},
        op::{answer, error_code, sign_in_on},
    },
    web::account::{add_app, open},
};

use super::assert_refused;

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            sec_s01_of_two_removals_at_once_one_counts,
            sec_s09_what_was_won_by_a_factor_goes_with_it,
            sec_c06_a_consent_that_is_withdrawn_ends_the_code;
        sqlite:
            sec_s01_one_factor_changes_nothing_on_the_account_page,
            sec_s01_a_factor_that_was_shown_long_ago_is_asked_for_again,
            sec_s01_a_first_factor_is_added_right_after_a_sign_in,
            sec_s01_other_users_factors_are_not_found,
            sec_s01_a_suspended_factor_guards_the_account,
            sec_s01_a_form_about_what_is_no_longer_ones_own_does_nothing,
            sec_s09_signing_out_elsewhere_forgets_remembered_browsers,
            sec_s08_a_new_password_takes_the_factor_and_the_old_one,
            sec_s08_wrong_old_passwords_lock_as_at_a_sign_in,
            sec_l03_a_new_password_leaves_no_copy_of_the_session,
            sec_l01_forms_of_the_account_are_of_their_session_only,
            sec_l01_forms_of_the_account_are_ours_only,
            sec_d08_a_consent_that_is_withdrawn_ends_refresh_tokens,
            sec_c06_signing_out_elsewhere_ends_the_code,
            sec_d08_a_new_password_ends_refresh_tokens,
            sec_x01_what_sessions_and_applications_say_is_shown_as_text,
    ]
}

const NEW: &str = "Wholly-New-Horse-7";

async fn factors(app: &TestApp, login: &str) -> Vec<Factor> {
    store::factor::list(&app.app.db, &app.user(login).await.id).await.unwrap()
}

/// A browser with an open page for each form that changes something; the factor it is about.
async fn forms(app: &TestApp, browser: &mut Browser) -> Vec<Form> {
    add_app(app, browser).await;
    let id = factors(app, ALICE).await.remove(0).id;
    let mut forms = vec![];
    let page = open(app, browser, &format!("/account/methods/{id}")).await;
    forms.push(page.form("remove-form").press("remove"));
    forms.push(page.form("name-form").fill("name", "Mine").press("rename"));
    let page = open(app, browser, "/account/methods/add").await;
    let add = page.form("step-form").smuggle("kind", "okta_question").smuggle("action", "enroll");
    forms.push(add.smuggle("question", "disliked_food").smuggle("answer", "tinned soup"));
    let page = open(app, browser, "/account/recovery-codes").await;
    forms.push(page.form("codes-form"));
    let page = open(app, browser, "/account/password").await;
    let form = page.form("step-form").fill("oldPassword", PASSWORD).fill("newPassword", NEW);
    forms.push(form.fill("repeatPassword", NEW).press("change_password"));
    forms
}

/// What a thief would have changed.
async fn state(app: &TestApp) -> (Vec<Factor>, Option<String>, usize, Vec<(String, Option<String>)>) {
    let user = app.user(ALICE).await;
    let hash = user.password_hash.as_ref().map(|hash| hash.expose().clone());
    let kind = stepgate::factor::backup_code::BackupKind::Recovery;
    let codes = stepgate::factor::backup_code::list(&app.app, &user, kind).await.unwrap().len();
    let changes = app.log().await.into_iter().filter(|(name, reason)| {
        reason.is_none() && (name.starts_with("user.mfa.factor") || name.contains("update_password"))
    });
    (factors(app, ALICE).await, hash, codes, changes.collect())
}

/// A page that asks for proof, or to which one is sent for it.
fn asks_for_proof(page: &Response) -> bool {
    page.status == 200 && (page.body_contains("factor-page") || page.body_contains("login-page"))
}

/// CVE-2026-3429: with the password alone, whoever finds it out neither adds, names nor removes a factor, makes codes, nor
/// sets a password where there is a factor to show.
async fn sec_s01_one_factor_changes_nothing_on_the_account_page(app: TestApp) {
    let mut owner = Browser::new();
    let forms = forms(&app, &mut owner).await;
    let mut thief = Browser::new();
    let overview = open(&app, &mut thief, "/account").await;
    assert!(overview.body_contains("account-page"), "{}", overview.words());
    let before = state(&app).await;
    let mut paths = vec!["/account/methods/add".to_owned()];
    paths.extend(forms.iter().map(|form| form.action.clone()));
    for path in paths {
        let page = thief.open(&app.url(&path)).await;
        assert!(asks_for_proof(&page), "{path}: {} {}", page.status, page.words());
    }
    assert_eq!(state(&app).await, before);
}

/// The forms of pages that were open since then lead to the proof, and do nothing.
async fn sec_s01_a_factor_that_was_shown_long_ago_is_asked_for_again(app: TestApp) {
    let mut browser = Browser::new();
    let forms = forms(&app, &mut browser).await;
    let before = state(&app).await;
    app.clock.advance(15 * 60 + 1);
    for form in &forms {
        // A page of ours, from which forms are sent.
        browser.open(&app.url("/account")).await;
        let page = browser.submit(form).await;
        assert!(asks_for_proof(&page), "{}: {} {}", form.action, page.status, page.words());
        assert_eq!(state(&app).await, before, "{}", form.action);
    }
}

/// A factor that was answered wrongly too often is still there, and a thief would like to replace it.
async fn sec_s01_a_suspended_factor_guards_the_account(app: TestApp) {
    app.has_factor(ALICE, FactorKind::TotpGoogle, FactorStatus::Inactive).await;
    let id = factors(&app, ALICE).await.remove(0).id;
    let mut thief = Browser::new();
    open(&app, &mut thief, "/account").await;
    let own = format!("/account/methods/{id}");
    for path in ["/account/methods/add", &own, "/account/recovery-codes", "/account/password"] {
        let page = thief.open(&app.url(path)).await;
        assert_eq!((page.status, error_code(&page)), (403, "unmet_authentication_requirements"), "{path}");
    }
}

/// Whoever finds an open browser becomes no owner of the account.
async fn sec_s01_a_first_factor_is_added_right_after_a_sign_in(app: TestApp) {
    let mut browser = Browser::new();
    let page = open(&app, &mut browser, "/account/methods/add").await;
    let form = page.form("step-form").press("google_otp");
    app.clock.advance(5 * 60 + 1);
    let page = browser.submit(&form).await;
    assert!(page.body_contains("login-page"), "{}", page.words());
    assert!(factors(&app, ALICE).await.is_empty());
    // Somebody else's password is of no use: it opens that account.
    let page = sign_in_on(&mut browser, &page, BOB, PASSWORD).await;
    assert!(page.body_contains("enroll-page"), "{}", page.words());
    assert_eq!(app.session(&mut browser).await.unwrap().user_id, app.user(BOB).await.id);
}

/// An id is no right: pages and forms about somebody else's factor are about none.
async fn sec_s01_other_users_factors_are_not_found(app: TestApp) {
    app.has_factor(BOB, FactorKind::Question, FactorStatus::Active).await;
    app.has_factor(BOB, FactorKind::TotpGoogle, FactorStatus::PendingActivation).await;
    let mut browser = Browser::new();
    add_app(&app, &mut browser).await;
    let own = factors(&app, ALICE).await.remove(0).id;
    let page = open(&app, &mut browser, &format!("/account/methods/{own}")).await;
    let (remove, rename) = (page.form("remove-form").press("remove"), page.form("name-form").press("rename"));
    let before = factors(&app, BOB).await;
    for id in before.iter().map(|factor| factor.id.as_str()).chain(["ost0000", "add2", "%27"]) {
        for path in [format!("/account/methods/{id}"), format!("/account/methods/{id}/activate")] {
            let page = browser.open(&app.url(&path)).await;
            assert_eq!((page.status, error_code(&page)), (404, "not_found"), "{path}");
        }
        // The token of a form is for its own address.
        for form in [&remove, &rename] {
            let page = browser.submit(&form.clone().send_to(&format!("/account/methods/{id}"))).await;
            assert_eq!((page.status, error_code(&page)), (403, "csrf_rejected"), "{id}");
        }
    }
    assert_eq!(factors(&app, BOB).await, before);
}

/// S8: step-up, old password, policy. The factor alone is as little as the password alone.
async fn sec_s08_a_new_password_takes_the_factor_and_the_old_one(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let authenticator = alice.authenticator().await;
    let mut browser = Browser::new();
    let page = open(&app, &mut browser, "/account/password").await;
    assert!(page.body_contains("factor-page"), "{}", page.words());
    let form = page.form("step-form").fill("passCode", &authenticator.code(&app, 0)).press("verify");
    let page = browser.submit(&form).await;
    assert!(
        page.url.path() == "/account/password" && page.body_contains("password-page"),
        "{}",
        page.words()
    );
    let fill = |old: &str| {
        let form = page.form("step-form").fill("oldPassword", old).fill("newPassword", NEW);
        form.fill("repeatPassword", NEW).press("change_password")
    };
    let wrong = browser.submit(&fill("wrong")).await;
    assert_eq!(wrong.status, 400);
    assert!(app.logged("user.account.update_password", Some("invalid_credentials")).await);
    let done = browser.submit(&fill(PASSWORD)).await;
    assert!(done.body_contains("Your password was changed"), "{}", done.words());
}

/// L3, S8: whoever has a copy of the cookie is out as well, and its owner has just given the password.
async fn sec_l03_a_new_password_leaves_no_copy_of_the_session(app: TestApp) {
    let mut browser = Browser::new();
    let page = open(&app, &mut browser, "/account/password").await;
    let name = format!("sid_{}", app.app.settings.port());
    let stolen = browser.cookie(&name).unwrap().value.clone();
    let before = app.session(&mut browser).await.unwrap().auth_time;
    browser.open(&app.url("/account/password")).await;
    app.clock.advance(60);
    let form = page.form("step-form").fill("oldPassword", PASSWORD).fill("newPassword", NEW);
    let done = browser.submit(&form.fill("repeatPassword", NEW).press("change_password")).await;
    assert!(done.body_contains("Your password was changed"), "{}", done.words());
    let mut thief = Browser::new();
    thief.open(&app.url("/")).await;
    thief.plant(&name, &stolen);
    assert!(app.session(&mut thief).await.is_none());
    let session = app.session(&mut browser).await.unwrap();
    assert!(session.auth_time - before >= time::Duration::MINUTE && session.amr() == ["pwd"], "{session:?}");
}

/// N1: the page is no other place to guess.
async fn sec_s08_wrong_old_passwords_lock_as_at_a_sign_in(app: TestApp) {
    let mut browser = Browser::new();
    let page = open(&app, &mut browser, "/account/password").await;
    let form = page.form("step-form").fill("oldPassword", "wrong").fill("newPassword", NEW);
    let form = form.fill("repeatPassword", NEW).press("change_password");
    let mut told = Vec::new();
    for _ in 0..12 {
        told.push(browser.submit(&form).await.words());
    }
    assert!(told[0].contains("not correct") && told[11].contains("Too many wrong answers"), "{told:?}");
    let right = form.clone().fill("oldPassword", PASSWORD);
    let refused = browser.submit(&right).await;
    assert_eq!(refused.status, 400, "{}", refused.words());
    // It was a guess, not the owner's sessions.
    assert!(app.session(&mut browser).await.is_some());
}

/// Two tabs, one click each: one removal, one message, one event.
async fn sec_s01_of_two_removals_at_once_one_counts(app: TestApp) {
    let mut browser = Browser::new();
    add_app(&app, &mut browser).await;
    app.mailbox().all(ALICE).await;
    let (user, factor) = (app.user(ALICE).await, factors(&app, ALICE).await.remove(0));
    let caller = stepgate::syslog::Caller::system("test");
    let mails = app.mailbox().all(ALICE).await.len();
    let removals = (0..8).map(|_| async {
        let unit = stepgate::factor::service::forget(&app.app, &user, &factor, &caller).await.unwrap();
        app.app.db.writer().commit(unit).await.unwrap()
    });
    let outcomes = join_all(removals).await;
    let won = outcomes.iter().filter(|outcome| **outcome == store::unit::Outcome::Won).count();
    assert_eq!(won, 1, "{outcomes:?}");
    let removed =
        app.log().await.into_iter().filter(|(name, _)| name == "user.mfa.factor.deactivate").count();
    assert_eq!((removed, app.mailbox().all(ALICE).await.len()), (1, mails + 1));
}

/// S9: sessions no longer show it, here and elsewhere; one that shows nothing else ends; remembered browsers are asked again.
async fn sec_s09_what_was_won_by_a_factor_goes_with_it(app: TestApp) {
    let mut browser = Browser::new();
    let (seed, _) = add_app(&app, &mut browser).await;
    let factor = factors(&app, ALICE).await.remove(0);
    app.sign_on(SignOnAction {
        require_factor: true,
        factor_prompt_mode: FactorPrompt::Device,
        ..SignOnAction::default()
    })
    .await;
    let mut remembered = Browser::new();
    app.clock.advance(30);
    let page = open(&app, &mut remembered, "/account").await;
    let form = page.form("step-form").choose("rememberDevice", "true").fill("passCode", &app.totp(&seed));
    remembered.submit(&form.press("verify")).await;
    assert_eq!(app.session(&mut remembered).await.unwrap().amr().len(), 3);
    // One that the factor alone opened.
    let mut alone = Browser::new();
    app.sign_in_by(&mut alone, ALICE, &[factor.id.as_str()]).await;
    app.sign_on(SignOnAction::default()).await;

    let page = open(&app, &mut browser, &format!("/account/methods/{}", factor.id)).await;
    let page = browser.submit(&page.form("remove-form").press("remove")).await;
    assert!(page.body_contains("was removed"), "{}", page.words());
    assert_eq!(app.session(&mut browser).await.unwrap().amr(), ["pwd"]);
    assert_eq!(app.session(&mut remembered).await.unwrap().amr(), ["pwd"]);
    assert!(app.session(&mut alone).await.is_none());
    // The browser that was remembered is asked to set something up, like any other.
    app.require_factor().await;
    let page = open(&app, &mut remembered, "/account").await;
    assert!(page.body_contains("enroll-page") || page.body_contains("login-page"), "{}", page.words());
}

/// The handler asks whose a factor is, also where the form was given for that very address.
async fn sec_s01_a_form_about_what_is_no_longer_ones_own_does_nothing(app: TestApp) {
    let mut browser = Browser::new();
    let mut sent = forms(&app, &mut browser).await;
    sent.truncate(2);
    let (factor, bob) = (factors(&app, ALICE).await.remove(0), app.user(BOB).await.id);
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    let sql = format!(r#"UPDATE "factor" SET "user_id" = '{bob}' WHERE "id" = '{}'"#, factor.id);
    sea_orm::ConnectionTrait::execute_unprepared(&database, &sql).await.unwrap();
    let before = factors(&app, BOB).await;
    assert_eq!(before.len(), 1);
    for form in &sent {
        browser.open(&app.url("/account")).await;
        let page = browser.submit(form).await;
        assert_eq!((page.status, error_code(&page)), (404, "not_found"), "{}", page.words());
    }
    assert_eq!(factors(&app, BOB).await, before);
}

/// S9: a laptop that was lost is signed out, and asked for the factor again; the browser in which that is said is not.
async fn sec_s09_signing_out_elsewhere_forgets_remembered_browsers(app: TestApp) {
    let mut setup = Browser::new();
    let (seed, _) = add_app(&app, &mut setup).await;
    app.sign_on(SignOnAction {
        require_factor: true,
        factor_prompt_mode: FactorPrompt::Device,
        ..SignOnAction::default()
    })
    .await;
    let (mut here, mut lost) = (Browser::new(), Browser::new());
    for browser in [&mut lost, &mut here] {
        app.clock.advance(30);
        let page = open(&app, browser, "/account").await;
        let form = page.form("step-form").choose("rememberDevice", "true").fill("passCode", &app.totp(&seed));
        let page = browser.submit(&form.press("verify")).await;
        assert!(page.body_contains("account-page"), "{}", page.words());
    }
    let page = here.open(&app.url("/account")).await;
    here.submit(&page.form("devices-form").press("others")).await;
    let again = app.authorize_url(WEB, &[("prompt", "login")]);
    for (browser, is_asked) in [(&mut lost, true), (&mut here, false)] {
        let page = browser.open(&again).await;
        let page = sign_in_on(browser, &page, ALICE, PASSWORD).await;
        assert_eq!(page.body_contains("factor-page"), is_asked, "{} {}", browser.url(), page.words());
    }
}

/// A form of one session does nothing in another, even of the same browser and user.
async fn sec_l01_forms_of_the_account_are_of_their_session_only(app: TestApp) {
    let mut browser = Browser::new();
    let mut sent = forms(&app, &mut browser).await;
    let page = open(&app, &mut browser, "/account").await;
    sent.push(page.form("language-form").choose("language", "en"));
    sent.push(page.form("devices-form").smuggle("others", "1"));
    let before = state(&app).await;
    // Another session of the same user in another browser, and Bob's in this one.
    let mut other = Browser::new();
    open(&app, &mut other, "/account").await;
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[("prompt", "login")]), BOB).await;
    for browser in [&mut other, &mut browser] {
        for form in &sent {
            browser.open(&app.url("/account")).await;
            let page = browser.submit(form).await;
            assert_eq!((page.status, error_code(&page)), (403, "csrf_rejected"), "{}", form.action);
        }
    }
    assert_eq!(state(&app).await, before);
}

/// RFC 9700 §4.7: no token, no change; nothing from another site; nothing by GET.
async fn sec_l01_forms_of_the_account_are_ours_only(app: TestApp) {
    let mut browser = Browser::new();
    let sent = forms(&app, &mut browser).await;
    let before = state(&app).await;
    for form in &sent {
        let mut bare = form.clone();
        bare.fields.retain(|(name, _)| name != "csrf");
        for bad in [bare, form.clone().fill("csrf", ""), form.clone().fill("flow_id", "other")] {
            browser.open(&app.url("/account")).await;
            let page = browser.submit(&bad).await;
            assert_eq!((page.status, error_code(&page)), (403, "csrf_rejected"), "{}", form.action);
        }
        let fields: Vec<(&str, &str)> = form.fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let query: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        browser.open(&format!("{}?{query}", app.url(&form.action))).await;
        assert_eq!(state(&app).await, before, "{}", form.action);
    }
    for path in ["/account/sessions", "/account/apps", "/account/language"] {
        assert_eq!(browser.open(&app.url(path)).await.status, 405, "{path}");
    }
    for (name, value) in
        [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("origin", "null")]
    {
        browser.open(&app.url("/account")).await;
        browser.send_always(name, value);
        for form in &sent {
            let page = browser.submit(form).await;
            assert_eq!((page.status, error_code(&page)), (403, "csrf_rejected"), "{name}: {value}");
        }
        let good = if name == "origin" { app.issuer.clone() } else { "same-origin".to_owned() };
        browser.send_always(name, &good);
    }
    assert_eq!(state(&app).await, before);
}

async fn consented(app: &TestApp, browser: &mut Browser) -> String {
    let asks = app.authorize_url(ASKING, &[("scope", "openid offline_access car:drive")]);
    let page = browser.open(&asks).await;
    let page = sign_in_on(browser, &page, ALICE, PASSWORD).await;
    browser.submit(&page.form("consent-form").press("accept")).await;
    answer(browser).remove("code").unwrap_or_else(|| panic!("no code: {}", browser.url()))
}

async fn withdraw(app: &TestApp, browser: &mut Browser) {
    let page = browser.open(&app.url("/account")).await;
    let page = browser.submit(&page.form("apps-form").press(ASKING)).await;
    assert!(page.body_contains("can no longer use your account"), "{}", page.words());
}

/// A code is a promise that stands only while the consent does.
async fn sec_c06_a_consent_that_is_withdrawn_ends_the_code(app: TestApp) {
    let mut browser = Browser::new();
    let code = consented(&app, &mut browser).await;
    let bystander = app.code(WEB, "openid", ALICE).await;
    withdraw(&app, &mut browser).await;
    assert_refused(&app.redeem(ASKING, &code).await, 400, "invalid_grant");
    assert_eq!(app.redeem(WEB, &bystander).await.status, 200, "another client's code is left alone");
}

/// D8: the family of refresh tokens ends with the consent, and what it made is not alive anywhere.
async fn sec_d08_a_consent_that_is_withdrawn_ends_refresh_tokens(app: TestApp) {
    let mut browser = Browser::new();
    let code = consented(&app, &mut browser).await;
    let tokens = app.redeem(ASKING, &code).await.json();
    let refreshed = app.refresh(ASKING, tokens["refresh_token"].as_str().unwrap()).await.json();
    withdraw(&app, &mut browser).await;
    for tokens in [&tokens, &refreshed] {
        let refresh_token = tokens["refresh_token"].as_str().unwrap();
        assert_refused(&app.refresh(ASKING, refresh_token).await, 400, "invalid_grant");
        let access_token = tokens["access_token"].as_str().unwrap();
        assert_eq!(app.introspect(access_token).await["active"], false);
        assert_eq!(app.userinfo(access_token).await.status, 401);
    }
}

/// A code that was won on another device dies with its session, also one that promises offline access.
async fn sec_c06_signing_out_elsewhere_ends_the_code(app: TestApp) {
    let (mut here, mut there) = (Browser::new(), Browser::new());
    open(&app, &mut here, "/account").await;
    for button in ["one", "others"] {
        let more = [("scope", "openid offline_access")];
        let code = app.code_in(&mut there, "default", WEB, &more, ALICE).await;
        let own = app.code_in(&mut here, "default", WEB, &more, ALICE).await;
        let form = here.open(&app.url("/account")).await.form("devices-form");
        let session = app.session(&mut there).await.unwrap().id;
        here.open(&app.url("/account")).await;
        here.submit(&form.press(if button == "one" { session.as_str() } else { "others" })).await;
        assert_refused(&app.redeem(WEB, &code).await, 400, "invalid_grant");
        assert_eq!(app.redeem(WEB, &own).await.status, 200, "{button}");
        there = Browser::new();
    }
}

/// D8, S8: what was granted under the old password ends with it, unless its user says otherwise.
async fn sec_d08_a_new_password_ends_refresh_tokens(app: TestApp) {
    let mut tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    let mut browser = Browser::new();
    for (old, new, ends) in [(PASSWORD, NEW, false), (NEW, "Another-New-Horse-8", true)] {
        let page = open(&app, &mut browser, "/account/password").await;
        let mut form = page.form("step-form").fill("oldPassword", old).fill("newPassword", new);
        assert_eq!(form.field("revokeSessions"), Some("true"), "the default");
        if !ends {
            form.fields.retain(|(name, _)| name != "revokeSessions");
        }
        let done = browser.submit(&form.fill("repeatPassword", new).press("change_password")).await;
        assert!(done.body_contains("Your password was changed"), "{}", done.words());
        let refreshed = app.refresh(WEB, tokens["refresh_token"].as_str().unwrap()).await;
        assert_eq!(refreshed.status, if ends { 400 } else { 200 }, "{}", refreshed.text());
        tokens = refreshed.json();
    }
}

/// X1: user agents, names of clients and of people are text.
async fn sec_x01_what_sessions_and_applications_say_is_shown_as_text(app: TestApp) {
    let evil = "</title><script>alert(1)</script>";
    crate::user::edit(&app, ALICE, |user| {
        user.profile.0.insert("displayName".to_owned(), evil.into());
        user.profile.0.insert("firstName".to_owned(), evil.into());
    })
    .await;
    let mut browser = Browser::new();
    browser.send_always("user-agent", evil);
    for path in ["/account", "/account/activity", "/account/password", "/account/methods/add?done=<script>"] {
        let page = open(&app, &mut browser, path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(!page.body_contains("<script"), "{path}: {}", page.text());
    }
}
