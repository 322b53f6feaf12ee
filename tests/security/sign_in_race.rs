//! What happens to a user while a password is checked, and sign-ins that begin at the same moment.

use std::sync::Arc;

use serde_json::json;
use stepgate::{
    authn::service::{
        Face, Reply, Start, Visitor,
        primary::{Credentials, with_password},
    },
    model::user::UserStatus,
    secret::Secret,
};

use crate::{
    support::{
        Test, TestApp,
        fixtures::{ALICE, PASSWORD},
    },
    user::{caller, edit, secret, user},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        sqlite:
            sec_s08_a_password_that_is_changed_while_it_is_checked_opens_nothing,
            sec_n04_a_suspension_while_the_password_is_checked_ends_the_sign_in,
            sec_s07_a_reset_while_the_password_is_checked_ends_the_sign_in;
        storage: sec_t03_of_sign_ins_that_begin_at_once_one_goes_on,
    ]
}

/// A hash whose check takes as long as any that is still checked.
fn slow_hash() -> Secret<String> {
    let (salt, output) = ("c29tZXNhbHRzb21lc2FsdA", "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY");
    Secret::new(format!("$argon2id$v=19$m=65536,t=16,p=1${salt}${output}"))
}

/// Signs in with the right password while the queue of checks stands still, and does something between the look at the
/// user and the check. On a busy machine it may come too late: then it is undone and tried again.
async fn meanwhile(app: TestApp, change: impl AsyncFn(&TestApp)) {
    let app = Arc::new(app);
    let alice = user(&app, ALICE).await;
    for _ in 0..10 {
        app.clock.advance(1);
        edit(&app, ALICE, |user| user.clone_from(&alice)).await;
        let slow = slow_hash();
        let busy: Vec<_> = (0..2)
            .map(|_| {
                let (app, slow) = (Arc::clone(&app), slow.clone());
                tokio::spawn(async move { app.app.passwords.verify(secret("x"), Some(slow)).await.map(drop) })
            })
            .collect();
        let attempt = {
            let app = Arc::clone(&app);
            let body = json!({ "username": ALICE, "password": PASSWORD });
            tokio::spawn(async move { app.authn("", &body).await })
        };
        // The attempt is charged after the user was read and before the password is looked at.
        while user(&app, ALICE).await.lock.failures == 0 && !attempt.is_finished() {
            tokio::task::yield_now().await;
        }
        change(&app).await;
        let in_time = busy.iter().all(|busy| !busy.is_finished());
        for busy in busy {
            let _whether_there_was_a_thread = busy.await.unwrap();
        }
        let answer = attempt.await.unwrap();
        if in_time && answer.status != 429 {
            let told = (answer.status, answer.json()["errorCode"].clone());
            assert_eq!(told, (401, json!("E0000004")), "{}", answer.text());
            return;
        }
    }
    panic!("the check was never slower than the change");
}

/// S8: a new password ends what the old one opens, however near they are.
async fn sec_s08_a_password_that_is_changed_while_it_is_checked_opens_nothing(app: TestApp) {
    meanwhile(app, async |app| {
        let changed = app.app.now();
        edit(app, ALICE, |user| user.password_changed_at = Some(changed)).await;
    })
    .await;
}

/// N4: so does a suspension.
async fn sec_n04_a_suspension_while_the_password_is_checked_ends_the_sign_in(app: TestApp) {
    meanwhile(app, async |app| {
        edit(app, ALICE, |user| user.status = UserStatus::Suspended).await;
    })
    .await;
}

/// S7: so does whatever cuts the user off.
async fn sec_s07_a_reset_while_the_password_is_checked_ends_the_sign_in(app: TestApp) {
    meanwhile(app, async |app| {
        let cut = app.app.now();
        edit(app, ALICE, |user| user.not_before = cut).await;
    })
    .await;
}

/// Two tabs, or an impatient click: each is answered, and the state token opens one transaction.
async fn sec_t03_of_sign_ins_that_begin_at_once_one_goes_on(app: TestApp) {
    app.enrol_totp().await;
    let (caller, password) = (caller(), secret(PASSWORD));
    let visitor = Visitor { caller: &caller, device: None, face: Face::Page(None) };
    let begin = || {
        let start = Start { token: Some(secret("the state token of a page")), ..Start::default() };
        with_password(&app.app, &visitor, Credentials { login: ALICE, password: &password }, start)
    };
    let begun = futures_util::future::join_all((0..8).map(|_| begin())).await;
    for reply in begun {
        assert!(matches!(reply, Ok(Reply::Pending(_))), "{reply:?}");
    }
    let body = json!({ "stateToken": "the state token of a page" });
    assert_eq!(app.step("", body).await["status"], "MFA_REQUIRED");
}
