//! T4, T5, S8 on the pages: what raises a session ends with it, and is no new sign-in.

use serde_json::json;
use stepgate::{
    model::{policy_set::SignOnAction, user::UserStatus},
    store::{self, unit::Unit},
};

use crate::{
    support::{
        Test, TestApp,
        assurance::TWO_FACTORS,
        fixtures::{ALICE, PASSWORD, WEB},
        http::Browser,
        op::{answer, sign_in_on},
    },
    user::edit,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![sqlite:
        sec_t05_a_step_up_ends_with_its_session,
        sec_t04_prompt_login_is_not_answered_by_raising_the_session,
        sec_s08_signing_out_everywhere_else_leaves_the_session_here,
        sec_s08_a_reset_ends_all_sessions,
    ]
}

/// T5: what a session proved opens nothing after its end, also not another session.
async fn sec_t05_a_step_up_ends_with_its_session(app: TestApp) {
    let seed = app.enrol_totp().await;
    app.sign_on(SignOnAction::default()).await;
    for next in ["nobody", ALICE] {
        let mut browser = Browser::new();
        app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
        let page = browser.open(&app.authorize_url(WEB, &[("acr_values", TWO_FACTORS)])).await;
        assert!(page.body_contains("factor-page"), "{}", page.words());
        let raised = app.session(&mut browser).await.unwrap();
        let end = store::session::end(&raised.id, app.app.now());
        app.app.db.writer().commit(Unit::new().change(end)).await.unwrap();
        if next == ALICE {
            app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
        }
        // A page of ours from which forms are sent.
        browser.open(&app.authorize_url(WEB, &[("prompt", "login")])).await;
        app.clock.advance(30);
        let form = page.form("step-form").fill("passCode", &app.totp(&seed)).press("verify");
        let asked = browser.submit(&form).await;
        assert!(asked.body_contains("login-page"), "{}", asked.words());
        let session = app.session(&mut browser).await;
        match session {
            None => assert_eq!(next, "nobody"),
            Some(session) => {
                assert_eq!(next, ALICE);
                assert_ne!(session.id, raised.id);
                assert_eq!(session.amr(), ["pwd"]);
            }
        }
    }
}

/// Core §3.1.2.1: the page that raises a session is no way round the one that asks for the password; a code in place of a
/// factor is no password.
async fn sec_t04_prompt_login_is_not_answered_by_raising_the_session(app: TestApp) {
    app.enrol_totp().await;
    app.sign_on(SignOnAction::default()).await;
    let mut browser = Browser::new();
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
    app.clock.advance(60);
    for more in [("prompt", "login"), ("max_age", "1")] {
        browser.open(&app.authorize_url(WEB, &[("acr_values", TWO_FACTORS), more])).await;
        let flow = browser.url().query().unwrap().to_owned();
        let asked = browser.open(&app.url(&format!("/signin/factor?{flow}"))).await;
        assert!(asked.body_contains("login-page"), "{more:?}: {}", asked.words());
    }
}

/// S8: the box of the page keeps its word.
async fn sec_s08_signing_out_everywhere_else_leaves_the_session_here(app: TestApp) {
    let (mut here, mut there) = (Browser::new(), Browser::new());
    for browser in [&mut here, &mut there] {
        app.sign_in(browser, &app.authorize_url(WEB, &[]), ALICE).await;
    }
    edit(&app, ALICE, |user| user.status = UserStatus::PasswordExpired).await;
    app.clock.advance(1);
    let page = here.open(&app.authorize_url(WEB, &[("prompt", "login")])).await;
    let page = sign_in_on(&mut here, &page, ALICE, PASSWORD).await;
    assert!(page.body_contains("Sign out everywhere else"), "{}", page.words());
    let form = page.form("step-form").fill("oldPassword", PASSWORD).fill("newPassword", "Wholly-New-Horse-7");
    here.submit(&form.fill("repeatPassword", "Wholly-New-Horse-7").press("change_password")).await;
    assert!(answer(&here).contains_key("code"), "{}", here.url());
    assert!(app.session(&mut here).await.is_some());
    assert!(app.session(&mut there).await.is_none());
}

/// S8: whoever had the old password may have a session, too: a reset ends all and asks nobody.
async fn sec_s08_a_reset_ends_all_sessions(app: TestApp) {
    let mut there = Browser::new();
    app.sign_in(&mut there, &app.authorize_url(WEB, &[]), ALICE).await;
    app.clock.advance(1);
    app.step("/recovery/password", json!({ "username": ALICE, "factorType": "EMAIL" })).await;
    let mut here = Browser::new();
    let asked = here.open(&app.mailbox().link_for(ALICE).await).await;
    let page = here.submit(&asked.form("step-form").press("continue")).await;
    assert!(!page.body_contains("Sign out everywhere else"), "{}", page.words());
    let form = page.form("step-form").fill("newPassword", "Wholly-New-Horse-7");
    here.submit(&form.fill("repeatPassword", "Wholly-New-Horse-7").press("reset_password")).await;
    assert!(app.session(&mut there).await.is_none());
}
