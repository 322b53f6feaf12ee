//! S1, S6, S9 where a user removes a factor: what must be left is left, and what was won with it is nothing any more.

use futures_util::future::join_all;
use serde_json::json;
use stepgate::{
    authn::{
        account,
        session_token::{BoundTo, issue},
    },
    factor::service,
    model::{factor::Factor, session::VerifiedFactor},
    store::{self, unit::Outcome},
    syslog::Caller,
    user::policies,
};

use crate::support::{
    Test, TestApp,
    authn::path_of,
    factor::PHONE,
    fixtures::{ALICE, PASSWORD},
    http::Browser,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            sec_s01_of_the_two_last_factors_that_are_removed_at_once_one_stays,
            sec_s06_recovery_codes_go_with_the_last_factor,
            sec_s09_what_is_on_its_way_to_a_session_goes_with_the_factor;
        sqlite:
            sec_s09_every_session_forgets_the_factor_however_many_there_are,
            sec_s09_a_session_that_begins_meanwhile_shows_nothing;
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

/// Whoever has proved the factor, and waits to use that, proved nothing.
async fn sec_s09_what_is_on_its_way_to_a_session_goes_with_the_factor(app: TestApp) {
    app.require_factor().await;
    // A transaction in which the factor was proved, and that only offers more.
    let options = json!({ "multiOptionalFactorEnroll": true });
    let body = json!({ "username": ALICE, "password": PASSWORD, "options": options });
    let asked = app.step("", body).await;
    let body = json!({ "stateToken": asked["stateToken"], "factorType": "token:software:totp", "provider": "GOOGLE" });
    let begun = app.step("/factors", body).await;
    let seed = &begun["_embedded"]["factor"]["_embedded"]["activation"]["sharedSecret"];
    let code = json!({ "stateToken": asked["stateToken"], "passCode": app.totp(seed.as_str().unwrap()) });
    let offered = app.step(&path_of(&begun["_links"]["next"]), code).await;
    assert_eq!(offered["_links"]["skip"]["name"], "skip", "{offered}");
    // One in which nothing but the password was given.
    let begun = app.password_of(ALICE).await;
    let factor = factors(&app).await.remove(0);
    // A session token, and one that shows the password alone.
    let now = app.app.now();
    let mut tokens = Vec::new();
    for proofs in [
        vec![VerifiedFactor::password(now), VerifiedFactor::factor(&factor, now)],
        vec![VerifiedFactor::password(now)],
    ] {
        let bound_to = BoundTo::Origin(app.issuer.clone());
        let token = issue(&app.app, &factor.user_id, proofs, bound_to).await.unwrap();
        tokens.push(token.expose().clone());
    }

    remove(&app, &factor).await;
    let skipped = app.authn("/skip", &json!({ "stateToken": offered["stateToken"] })).await;
    assert_eq!(skipped.json()["errorCode"], "E0000011", "{}", skipped.text());
    app.step("", json!({ "stateToken": begun["stateToken"] })).await;
    for (token, opens) in tokens.iter().zip([false, true]) {
        let mut browser = Browser::new();
        let link = format!("/login/sessionCookieRedirect?token={token}&redirectUrl={}", app.url("/"));
        browser.open(&app.url(&link)).await;
        assert_eq!(app.session(&mut browser).await.is_some(), opens);
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
/// A session that begins between the look and the removal, with a proof of before, is over at once.
async fn sec_s09_a_session_that_begins_meanwhile_shows_nothing(app: TestApp) {
    app.factors_of(ALICE).await.authenticator().await;
    let factor = factors(&app).await.remove(0);
    let (user, caller) = (app.user(ALICE).await, Caller::system("test"));
    let unit = service::forget(&app.app, &user, &factor, &caller).await.unwrap();
    let (mut thief, mut bystander) = (Browser::new(), Browser::new());
    app.sign_in_by(&mut thief, ALICE, &["pwd", factor.id.as_str()]).await;
    app.sign_in_by(&mut bystander, ALICE, &["pwd"]).await;
    assert_eq!(app.app.db.writer().commit(unit).await.unwrap(), Outcome::Won);
    assert!(app.session(&mut thief).await.is_none());
    assert!(app.session(&mut bystander).await.is_some());
}
