//! S1, S6, S7, S9 where a factor goes: what must be left is left, and what was won by it goes with it, also where it was not
//! used up yet.

use futures_util::future::{join, join_all};
use http::Method;
use serde_json::{Value, json};
use stepgate::{
    authn::account,
    factor::service,
    id::FactorId,
    model::{factor::Factor, policy::PasswordRules, policy_set::PasswordAction},
    store::{
        self,
        unit::{Outcome, Unit},
    },
    syslog::Caller,
    user::policies,
};

use crate::support::{
    Test, TestApp,
    assurance::TWO_FACTORS,
    authn::{factor_of, path_of},
    factor::{Authenticator, PHONE, Program, refusal},
    fixtures::{ALICE, PASSWORD, WEB},
    http::{Browser, Response},
    op::sign_in_on,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            sec_s01_of_the_two_last_factors_that_are_removed_at_once_one_stays,
            sec_s06_recovery_codes_go_with_the_last_factor,
            sec_s09_a_factor_that_is_removed_counts_no_longer_in_a_sign_in,
            sec_s09_a_factor_that_is_suspended_counts_no_longer_in_a_sign_in,
            sec_s09_a_factor_that_is_removed_counts_no_longer_on_the_pages,
            sec_s09_a_session_token_is_worth_its_factors,
            sec_s09_of_the_end_of_a_sign_in_and_of_its_factor_one_comes_first;
        sqlite:
            sec_s09_every_session_forgets_the_factor_however_many_there_are,
            sec_s09_a_session_that_is_raised_shows_no_factor_that_is_gone,
            a_factor_that_is_proved_at_the_same_moment_is_removed_all_the_same;
    ]
}

const NEW: &str = "Wholly-New-Horse-7";

/// Everybody is asked for a factor, and then for another password: it has been theirs for 31 days of so many.
async fn passwords_last(app: &TestApp, days: u32) {
    app.require_factor().await;
    let rules = PasswordRules { max_age_days: days, expire_warn_days: 10, ..PasswordRules::default() };
    app.password_rules(rules, PasswordAction::default()).await;
    app.clock.advance(31 * 86_400);
}

/// A sign-in that has proved the authenticator application, and waits for a new password.
async fn half_done(app: &TestApp, authenticator: &Authenticator) -> Value {
    let asked = app.password_of(ALICE).await;
    let verify = path_of(&factor_of(&asked, "token:software:totp")["_links"]["verify"]);
    let body = json!({ "stateToken": asked["stateToken"], "passCode": authenticator.code(app, 0) });
    let half = app.step(&verify, body).await;
    assert_eq!(half["status"], "PASSWORD_EXPIRED", "{half}");
    half
}

fn new_password(state: &Value) -> Value {
    json!({ "stateToken": state["stateToken"], "oldPassword": PASSWORD, "newPassword": NEW })
}

async fn factor(app: &TestApp, id: &str) -> Option<Factor> {
    let user = app.user(ALICE).await;
    let found = store::factor::find(&app.app.db, &user.id, &FactorId::new(id)).await.unwrap();
    found.map(|stored| stored.factor)
}

async fn factors(app: &TestApp) -> Vec<Factor> {
    store::factor::list(&app.app.db, &app.user(ALICE).await.id).await.unwrap()
}

/// Removes a factor by the hand of its user; says whether this was its end.
async fn forget(app: &TestApp, id: &str) -> bool {
    let (user, factor) = (app.user(ALICE).await, factor(app, id).await.expect("a factor"));
    let unit = service::forget(&app.app, &user, &factor, &Caller::system("test")).await.unwrap();
    app.app.db.writer().commit(unit).await.unwrap() == Outcome::Won
}

async fn suspend(app: &TestApp, id: &str) {
    let suspend = store::factor::claim_suspend_cloned(&FactorId::new(id), app.app.now());
    app.app.db.writer().commit(Unit::new().claim(suspend)).await.unwrap();
}

/// A user with an authenticator application and a phone.
async fn two(app: &TestApp) -> (Program<'_>, Authenticator) {
    let alice = app.factors_of(ALICE).await;
    alice.sent("sms", PHONE).await;
    let authenticator = alice.authenticator().await;
    (alice, authenticator)
}

/// The proof is gone, and the other factor is asked for, before anything else.
async fn is_asked_again(app: &TestApp, half: &Value) {
    let refused = app.authn("/credentials/change_password", &new_password(half)).await;
    assert_eq!(refusal(&refused), (403, "E0000079".to_owned()), "{}", refused.text());
    let now = app.step("", json!({ "stateToken": half["stateToken"] })).await;
    assert_eq!(now["status"], "MFA_REQUIRED", "{now}");
    let offered = now["_embedded"]["factors"].as_array().unwrap();
    assert_eq!((offered.len(), &offered[0]["factorType"]), (1, &json!("sms")), "{now}");
    let verify = path_of(&offered[0]["_links"]["verify"]);
    app.step(&verify, json!({ "stateToken": half["stateToken"] })).await;
    let code = app.mailbox().code_for(PHONE).await;
    let proved = app.step(&verify, json!({ "stateToken": half["stateToken"], "passCode": code })).await;
    assert_eq!(proved["status"], "PASSWORD_EXPIRED", "{proved}");
    let done = app.step("/credentials/change_password", new_password(half)).await;
    assert_eq!(done["status"], "SUCCESS", "{done}");
}

async fn sec_s09_a_factor_that_is_removed_counts_no_longer_in_a_sign_in(app: TestApp) {
    let (_, authenticator) = two(&app).await;
    passwords_last(&app, 30).await;
    let half = half_done(&app, &authenticator).await;
    assert!(forget(&app, &authenticator.id).await);
    is_asked_again(&app, &half).await;
}

async fn sec_s09_a_factor_that_is_suspended_counts_no_longer_in_a_sign_in(app: TestApp) {
    let (_, authenticator) = two(&app).await;
    passwords_last(&app, 30).await;
    let half = half_done(&app, &authenticator).await;
    suspend(&app, &authenticator.id).await;
    is_asked_again(&app, &half).await;
}

/// The page of the new password, after the code of the authenticator application.
async fn password_page(app: &TestApp, browser: &mut Browser, authenticator: &Authenticator) -> Response {
    let page = browser.open(&app.authorize_url(WEB, &[])).await;
    let page = sign_in_on(browser, &page, ALICE, PASSWORD).await;
    let page = if page.body_contains("factor-choice-page") {
        browser.submit(&page.form("step-form").press(&authenticator.id)).await
    } else {
        page
    };
    let code = authenticator.code(app, 0);
    let page = browser.submit(&page.form("step-form").fill("passCode", &code).press("verify")).await;
    assert!(page.body_contains("password-page"), "{}", page.words());
    page
}

async fn sec_s09_a_factor_that_is_removed_counts_no_longer_on_the_pages(app: TestApp) {
    let (_, authenticator) = two(&app).await;
    passwords_last(&app, 30).await;
    let mut browser = Browser::new();
    let page = password_page(&app, &mut browser, &authenticator).await;
    let form = page.form("step-form").fill("oldPassword", PASSWORD).fill("newPassword", NEW);
    let form = form.fill("repeatPassword", NEW).press("change_password");
    assert!(forget(&app, &authenticator.id).await);
    let page = browser.submit(&form).await;
    assert!(page.body_contains("factor-page") && page.body_contains("Send me a code"), "{}", page.words());
    assert!(app.session(&mut browser).await.is_none());
}

async fn sec_s09_a_session_token_is_worth_its_factors(app: TestApp) {
    let (_, authenticator) = two(&app).await;
    app.require_factor().await;
    let token = async || {
        app.clock.advance(30);
        let asked = app.password_of(ALICE).await;
        let verify = path_of(&factor_of(&asked, "token:software:totp")["_links"]["verify"]);
        let body = json!({ "stateToken": asked["stateToken"], "passCode": authenticator.code(&app, 0) });
        app.step(&verify, body).await["sessionToken"].clone()
    };
    let redeem = async |token: &Value| {
        let answer = app.client().post_json("/api/v1/sessions", &json!({ "sessionToken": token })).await;
        answer.status
    };
    assert_eq!(redeem(&token().await).await, 200);
    let (suspended, unsuspended) = (token().await, token().await);
    suspend(&app, &authenticator.id).await;
    assert_eq!(redeem(&suspended).await, 401);
    let lift = store::factor::claim_unsuspend(&FactorId::new(&*authenticator.id), app.app.now());
    app.app.db.writer().commit(Unit::new().claim(lift)).await.unwrap();
    assert_eq!(redeem(&unsuspended).await, 200);
    let removed = token().await;
    assert!(forget(&app, &authenticator.id).await);
    assert_eq!(redeem(&removed).await, 401);
}

/// Either the sign-in is over first, and its session loses the proof, or the factor is gone first, and there is no session.
async fn sec_s09_of_the_end_of_a_sign_in_and_of_its_factor_one_comes_first(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    alice.sent("sms", PHONE).await;
    passwords_last(&app, 35).await;
    let alice = app.factors_of(ALICE).await;
    for round in 0..6 {
        let authenticator = alice.authenticator().await;
        let mut browser = Browser::new();
        let page = password_page(&app, &mut browser, &authenticator).await;
        let form = page.form("step-form").press("skip");
        let (_, removed) = join(browser.submit(&form), forget(&app, &authenticator.id)).await;
        if !removed {
            // It was used at this moment: whoever removes it looks again.
            assert!(forget(&app, &authenticator.id).await);
        }
        let user = app.user(ALICE).await;
        let sessions = store::session::open_of_user(&app.app.db, &user.id, app.app.now()).await.unwrap();
        let proofs = sessions.iter().flat_map(|(session, _)| &session.factors);
        let mut shown = proofs.filter_map(|proof| proof.factor_id.as_ref());
        assert!(shown.all(|id| id.as_str() != authenticator.id), "round {round}: {sessions:?}");
    }
}

/// RFC 9470: a step-up that is under way brings along what its session showed, but not what is gone since.
async fn sec_s09_a_session_that_is_raised_shows_no_factor_that_is_gone(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    alice.sent("sms", PHONE).await;
    let profile = json!({ "question": "first_award", "answer": "swimming" });
    let question = json!({ "factorType": "question", "provider": "OKTA", "profile": profile });
    let question = alice.enroll(&question).await["id"].as_str().unwrap().to_owned();
    app.require_factor().await;
    let mut browser = Browser::new();
    let page = browser.open(&app.authorize_url(WEB, &[])).await;
    let page = sign_in_on(&mut browser, &page, ALICE, PASSWORD).await;
    let page = browser.submit(&page.form("step-form").press(&question)).await;
    browser.submit(&page.form("step-form").fill("answer", "swimming").press("verify")).await;
    assert_eq!(app.session(&mut browser).await.unwrap().amr(), ["pwd", "kba"]);
    let page = browser.open(&app.authorize_url(WEB, &[("acr_values", TWO_FACTORS)])).await;
    let page = browser.submit(&page.form("step-form").press("send")).await;
    assert!(forget(&app, &question).await);
    let code = app.mailbox().code_for(PHONE).await;
    browser.submit(&page.form("step-form").fill("passCode", &code).press("verify")).await;
    assert_eq!(app.session(&mut browser).await.unwrap().amr(), ["pwd", "sms", "mfa"]);
}

/// Okta Factors API: a user who removes a factor is not told that there is none because it was used at that moment.
async fn a_factor_that_is_proved_at_the_same_moment_is_removed_all_the_same(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let cookie = format!("sid_{}", app.app.settings.port());
    for _ in 0..6 {
        let authenticator = alice.authenticator().await;
        let mut browser = Browser::new();
        app.sign_in_by(&mut browser, ALICE, &["pwd", &authenticator.id]).await;
        let path = format!("/api/v1/users/me/factors/{}", authenticator.id);
        let request = app.client().request(Method::DELETE, &path).header("origin", &app.issuer);
        let session = format!("{cookie}={}", browser.cookie(&cookie).unwrap().value);
        let code = authenticator.code(&app, 0);
        let proves = alice.verify(&authenticator.id, &code);
        let (_, removed) = join(proves, request.header("cookie", &session).send()).await;
        assert_eq!(removed.status, 204, "{}", removed.text());
        assert_eq!(factor(&app, &authenticator.id).await, None);
    }
}

/// Two tabs, in each of which the other factor is left.
async fn sec_s01_of_the_two_last_factors_that_are_removed_at_once_one_stays(app: TestApp) {
    app.require_factor().await;
    let alice = app.factors_of(ALICE).await;
    alice.authenticator().await;
    alice.sent("sms", PHONE).await;
    let (user, caller) = (app.user(ALICE).await, Caller::system("test"));
    let policies = policies::of_user(&app.app, &user, None).await.unwrap();
    let mut units = Vec::new();
    for factor in factors(&app).await {
        units.push(account::remove(&app.app, (&user, &policies), &factor, &caller).await.unwrap());
    }
    let outcomes = join_all(units.into_iter().map(|unit| app.app.db.writer().commit(unit))).await;
    let won = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Outcome::Won))).count();
    assert_eq!((won, factors(&app).await.len()), (1, 1), "{outcomes:?}");
}

/// They stand in for a factor: where there is none, they would be a weaker one, and old ones of the next.
async fn sec_s06_recovery_codes_go_with_the_last_factor(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    alice.authenticator().await;
    alice.sent("sms", PHONE).await;
    assert_eq!(alice.post("/recovery_codes", &json!({})).await.status, 200);
    for left in [10, 0] {
        let factor = factors(&app).await.remove(0);
        assert!(forget(&app, factor.id.as_str()).await);
        assert_eq!(alice.get("/recovery_codes").await.json()["count"], left);
    }
}

/// A thief who opens many sessions does not hide the one that shows the factor.
async fn sec_s09_every_session_forgets_the_factor_however_many_there_are(app: TestApp) {
    app.factors_of(ALICE).await.authenticator().await;
    let factor = factors(&app).await.remove(0);
    let mut thief = Browser::new();
    app.sign_in_by(&mut thief, ALICE, &["pwd", factor.id.as_str()]).await;
    app.clock.advance(60);
    for _ in 0..101 {
        app.sign_in_by(&mut Browser::new(), ALICE, &["pwd"]).await;
    }
    assert!(forget(&app, factor.id.as_str()).await);
    assert_eq!(app.session(&mut thief).await.unwrap().amr(), ["pwd"]);
}
