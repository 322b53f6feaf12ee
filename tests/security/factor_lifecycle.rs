//! N1, N4, S2, S3, T3 over the Authentication API: no way round the second factor.

use serde_json::json;
use stepgate::{model::user::UserStatus, store};

use crate::support::{
    Test, TestApp,
    authn::{factor_of, path_of},
    fixtures::{ALICE, PASSWORD, WEB},
    http::Browser,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage: sec_n01_of_200_parallel_passwords_few_are_looked_at;
        sqlite:
            sec_n04_a_lock_ends_the_sign_in_that_is_under_way,
            a_user_who_is_locked_is_told_once,
            sec_s02_an_inline_enrolment_earns_its_level_by_use,
            sec_s03_a_reset_gives_a_password_and_no_session,
            sec_t03_half_a_sign_in_opens_nothing,
    ]
}

/// N1: the counter is charged before a password is looked at, so a burst of guesses finds the lock, not the password.
async fn sec_n01_of_200_parallel_passwords_few_are_looked_at(app: TestApp) {
    let guess = json!({ "username": ALICE, "password": "wrong" });
    let answers = futures_util::future::join_all((0..200).map(|_| app.authn("", &guess))).await;
    assert!(answers.iter().all(|answer| matches!(answer.status, 401 | 429)));
    let alice = store::user::find(&app.app.db, &app.id_of(ALICE).await).await.unwrap().unwrap();
    assert_eq!(alice.lock.failures_total, 10, "{:?}", alice.lock);
    let locks = app.log().await.into_iter().filter(|(name, _)| name == "user.account.lock").count();
    assert_eq!(locks, 1, "the lock is logged once");
    let right = json!({ "username": ALICE, "password": PASSWORD });
    assert_eq!(app.authn("", &right).await.status, 401);
    app.clock.advance(15 * 60 + 1);
    assert_eq!(app.authn("", &right).await.status, 200);
}

/// N4: a lock, or a suspension, ends what is under way.
async fn sec_n04_a_lock_ends_the_sign_in_that_is_under_way(app: TestApp) {
    let seed = app.enrol_totp().await;
    let asked = app.password_of(ALICE).await;
    let verify = path_of(&factor_of(&asked, "token:software:totp")["_links"]["verify"]);
    for _ in 0..10 {
        app.authn("", &json!({ "username": ALICE, "password": "wrong" })).await;
    }
    let body = json!({ "stateToken": asked["stateToken"], "passCode": app.totp(&seed) });
    let locked = app.authn(&verify, &body).await;
    assert_eq!((locked.status, locked.json()["errorCode"].clone()), (403, json!("E0000069")));
    assert_eq!(app.authn(&verify, &body).await.status, 401, "it is gone, not waiting");
    app.clock.advance(16 * 60);
    let asked = app.password_of(ALICE).await;
    let tx = app.app.db.begin_write().await.unwrap();
    let mut alice = store::user::find_by_login_in(&tx, ALICE).await.unwrap().unwrap();
    alice.status = UserStatus::Suspended;
    store::user::update(&tx, &alice, ALICE).await.unwrap();
    tx.commit().await.unwrap();
    let body = json!({ "stateToken": asked["stateToken"], "passCode": app.totp(&seed) });
    let suspended = app.authn(&verify, &body).await;
    assert_eq!((suspended.status, suspended.json()["errorCode"].clone()), (401, json!("E0000011")));
}

/// Okta: the user hears of a lock, at the first of its refusals.
async fn a_user_who_is_locked_is_told_once(app: TestApp) {
    let guess = json!({ "username": ALICE, "password": "wrong" });
    futures_util::future::join_all((0..9).map(|_| app.authn("", &guess))).await;
    assert!(app.mailbox().all(ALICE).await.is_empty());
    futures_util::future::join_all((0..9).map(|_| app.authn("", &guess))).await;
    assert_eq!(app.mailbox().all(ALICE).await.len(), 1);
    assert!(app.logged("user.account.lock", Some("too_many_failures")).await);
}

/// S2: what was enrolled during a sign-in counts because it was used, and nothing that only knows adds a class.
async fn sec_s02_an_inline_enrolment_earns_its_level_by_use(app: TestApp) {
    app.require_factor().await;
    let asked = app.password_of(ALICE).await;
    let body = json!({
        "stateToken": asked["stateToken"], "factorType": "token:software:totp", "provider": "OKTA",
    });
    let begun = app.step("/factors", body).await;
    assert!(begun.get("sessionToken").is_none());
    // Enrolled is not proved: the sign-in does not go on before.
    for path in ["/skip", "/credentials/change_password"] {
        let body = json!({ "stateToken": begun["stateToken"], "oldPassword": "x", "newPassword": "y" });
        assert_eq!(app.authn(path, &body).await.status, 403);
    }
    let next = path_of(&begun["_links"]["next"]);
    let wrong = app.authn(&next, &json!({ "stateToken": begun["stateToken"], "passCode": "000000x" })).await;
    assert_eq!(wrong.json()["errorCode"], "E0000068");
    let again = app.password_of(ALICE).await;
    assert_eq!(again["status"], "MFA_ENROLL", "what was not activated is no factor");
}

/// S3: a reset by mail gives a password only; the next sign-in asks for the second factor.
async fn sec_s03_a_reset_gives_a_password_and_no_session(app: TestApp) {
    app.enrol_totp().await;
    app.step("/recovery/password", json!({ "username": ALICE, "factorType": "EMAIL" })).await;
    let link = app.mailbox().link_for(ALICE).await;
    assert!(link.starts_with(&app.issuer), "{link}");
    let token = link.split_once("token=").unwrap().1;
    let reset = app.step("/recovery/token", json!({ "recoveryToken": token })).await;
    assert_eq!(reset["status"], "PASSWORD_RESET", "{reset}");
    let body = json!({ "stateToken": reset["stateToken"], "newPassword": "Blue-Giraffe-Lantern-42" });
    let done = app.step("/credentials/reset_password", body).await;
    assert_eq!((done["status"].clone(), done["recoveryType"].clone()), (json!("SUCCESS"), json!("PASSWORD")));
    assert!(done.get("sessionToken").is_none() && done.get("stateToken").is_none(), "{done}");
    let next = app.step("", json!({ "username": ALICE, "password": "Blue-Giraffe-Lantern-42" })).await;
    assert_eq!(next["status"], "MFA_REQUIRED");
}

/// T3: with one factor of two, neither a session nor a token is to be had anywhere.
async fn sec_t03_half_a_sign_in_opens_nothing(app: TestApp) {
    app.enrol_totp().await;
    let asked = app.password_of(ALICE).await;
    let token = asked["stateToken"].as_str().unwrap();
    assert!(asked.get("sessionToken").is_none());
    let exchanged = app.client().post_json("/api/v1/sessions", &json!({ "sessionToken": token })).await;
    assert_eq!(exchanged.status, 401);
    let mut browser = Browser::new();
    let silent = app.authorize_url(WEB, &[("prompt", "none"), ("sessionToken", token)]);
    browser.open(&silent).await;
    assert!(browser.url().as_str().contains("error=login_required"), "{}", browser.url());
    assert_eq!(app.client().get("/api/v1/sessions/me").await.status, 404);
    let page = browser.open(&app.authorize_url(WEB, &[])).await;
    crate::support::op::sign_in_on(&mut browser, &page, ALICE, PASSWORD).await;
    assert!(!browser.url().as_str().contains("code="), "{}", browser.url());
}
