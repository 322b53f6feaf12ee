//! S1, S6, S9 where a user removes a factor: what must be left is left, and what was won with it is nothing any more.

use futures_util::future::join_all;
use serde_json::json;
use stepgate::{
    authn::account,
    factor::service,
    model::factor::Factor,
    store::{self, unit::Outcome},
    syslog::Caller,
    user::policies,
};

use crate::support::{Test, TestApp, factor::PHONE, fixtures::ALICE, http::Browser};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            sec_s01_of_the_two_last_factors_that_are_removed_at_once_one_stays,
            sec_s06_recovery_codes_go_with_the_last_factor;
        sqlite:
            sec_s09_every_session_forgets_the_factor_however_many_there_are;
    ]
}

async fn factors(app: &TestApp) -> Vec<Factor> {
    store::factor::list(&app.app.db, &app.user(ALICE).await.id).await.unwrap()
}

/// Removes a factor of Alice, as she does.
async fn remove(app: &TestApp, factor: &Factor) {
    let (user, caller) = (app.user(ALICE).await, Caller::system("test"));
    let unit = service::forget(&app.app, &user, factor, &caller).await.unwrap();
    assert_eq!(app.app.db.writer().commit(unit).await.unwrap(), Outcome::Won);
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
        remove(&app, &factor).await;
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
    remove(&app, &factor).await;
    assert_eq!(app.session(&mut thief).await.unwrap().amr(), ["pwd"]);
}
