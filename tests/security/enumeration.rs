//! M3, M4, M6: what strangers learn about who exists (ASVS 6.3.8).

use serde_json::json;
use stepgate::model::{policy::PasswordRules, policy_set::PasswordAction, user::UserStatus};

use crate::{
    support::{
        Test, TestApp,
        factor::PHONE,
        fixtures::{ALICE, PASSWORD},
    },
    user::edit,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![sqlite:
        sec_m01_a_login_that_nobody_has_costs_what_a_user_s_does,
        sec_m03_what_becomes_of_a_user_is_not_seen_before_the_code,
        sec_m03_a_recovery_looks_the_same_for_strangers,
        sec_m04_factors_are_told_after_the_password_only,
        sec_m06_a_lock_is_told_to_nobody_but_who_knows_the_password,
    ]
}

/// M1: charging an attempt is a durable write, whoever it is about.
async fn sec_m01_a_login_that_nobody_has_costs_what_a_user_s_does(app: TestApp) {
    let charged = async |login: &str| {
        let key = format!("login:{}", stepgate::secret::TokenHash::of(login).encoded());
        let used = stepgate::store::factor_budget::find(&app.app.db, &key, app.app.now()).await.unwrap();
        used.map_or(0, |used| used.used)
    };
    for times in 1..=3 {
        let stranger = json!({ "username": " Nobody@Example.com ", "password": "wrong" });
        assert_eq!(app.authn("", &stranger).await.status, 401);
        assert_eq!(charged("nobody@example.com").await, times);
    }
    app.authn("", &json!({ "username": ALICE, "password": "wrong" })).await;
    assert_eq!(charged(ALICE).await, 0, "a user has a counter already");
}

/// M3: a transaction that waits for a code speaks of nobody: not even the end of its user ends it.
async fn sec_m03_what_becomes_of_a_user_is_not_seen_before_the_code(app: TestApp) {
    let rules = PasswordRules { recovery_sms: true, ..PasswordRules::default() };
    app.password_rules(rules, PasswordAction::default()).await;
    app.factors_of(ALICE).await.sent("sms", PHONE).await;
    let ask = |login: &str| json!({ "username": login, "factorType": "SMS" });
    let known = app.step("/recovery/password", ask(ALICE)).await;
    let unknown = app.step("/recovery/password", ask("nobody@example.com")).await;
    let code = app.mailbox().code_for(PHONE).await;
    app.clock.advance(1);
    let cut = app.app.now();
    edit(&app, ALICE, |user| {
        user.status = UserStatus::Suspended;
        user.not_before = cut;
    })
    .await;
    for begun in [&known, &unknown] {
        let looked = app.step("", json!({ "stateToken": begun["stateToken"] })).await;
        assert_eq!(looked["status"], "RECOVERY_CHALLENGE");
        assert!(looked["_embedded"].get("user").is_none(), "{looked}");
        let body = json!({ "stateToken": begun["stateToken"], "passCode": code });
        let refused = app.authn("/recovery/factors/SMS/verify", &body).await;
        assert_eq!((refused.status, refused.json()["errorCode"].clone()), (403, json!("E0000068")));
    }
}

/// M3: the same answer for a user and for nobody, by mail and by phone; only the mailbox knows.
async fn sec_m03_a_recovery_looks_the_same_for_strangers(app: TestApp) {
    let rules = PasswordRules { recovery_sms: true, ..PasswordRules::default() };
    app.password_rules(
        rules,
        PasswordAction {
            self_service_unlock: stepgate::model::policy::Access::Allow,
            ..PasswordAction::default()
        },
    )
    .await;
    for (path, kind) in
        [("/recovery/password", "EMAIL"), ("/recovery/unlock", "EMAIL"), ("/recovery/password", "SMS")]
    {
        let ask = |login: &str| json!({ "username": login, "factorType": kind });
        let known = app.authn(path, &ask(ALICE)).await;
        let unknown = app.authn(path, &ask("nobody@example.com")).await;
        assert_eq!((known.status, unknown.status), (200, 200), "{}", known.text());
        let shape = |answer: &crate::support::http::Response| {
            let mut document = answer.json();
            for name in ["stateToken", "expiresAt"] {
                if let Some(value) = document.get_mut(name) {
                    *value = value.as_str().unwrap().len().into();
                }
            }
            document
        };
        assert_eq!(shape(&known), shape(&unknown), "{path} {kind}");
        if kind == "SMS" {
            let verify = |answer: &crate::support::http::Response| json!({ "stateToken": answer.json()["stateToken"], "passCode": "000000" });
            let path = "/recovery/factors/SMS/verify";
            let (a, b) = (app.authn(path, &verify(&known)).await, app.authn(path, &verify(&unknown)).await);
            assert_eq!((a.status, a.json()["errorCode"].clone()), (403, json!("E0000068")), "{}", a.text());
            assert_eq!((b.status, b.json()["errorCode"].clone()), (403, json!("E0000068")), "{}", b.text());
        }
    }
    assert_eq!(app.mailbox().all(ALICE).await.len(), 1, "a user who is not locked gets no way to unlock");
    assert!(app.mailbox().all("nobody@example.com").await.is_empty());
}

/// M4: before the first factor nothing is told about the others.
async fn sec_m04_factors_are_told_after_the_password_only(app: TestApp) {
    app.enrol_totp().await;
    let wrong = app.authn("", &json!({ "username": ALICE, "password": "wrong" })).await;
    let nobody = app.authn("", &json!({ "username": "nobody@example.com", "password": "wrong" })).await;
    assert_eq!(wrong.status, 401);
    let told = |answer: &crate::support::http::Response| {
        let mut document = answer.json();
        document["errorId"] = json!(null);
        document
    };
    assert_eq!(told(&wrong), told(&nobody));
    assert!(!wrong.text().contains("factor") && !wrong.text().contains("_embedded"));
    assert_eq!(app.password_of(ALICE).await["status"], "MFA_REQUIRED");
}

/// M6: LOCKED_OUT only where policy wants it and only to somebody who gave the right password; and the lock holds.
async fn sec_m06_a_lock_is_told_to_nobody_but_who_knows_the_password(app: TestApp) {
    let wrong = json!({ "username": ALICE, "password": "wrong" });
    let right = json!({ "username": ALICE, "password": PASSWORD });
    for _ in 0..10 {
        app.authn("", &wrong).await;
    }
    assert_eq!(app.authn("", &right).await.status, 401, "by default nobody is told");
    let rules = PasswordRules { show_lockout_failures: true, ..PasswordRules::default() };
    app.password_rules(rules, PasswordAction::default()).await;
    assert_eq!(app.authn("", &wrong).await.status, 401);
    let told = app.authn("", &right).await;
    assert_eq!((told.status, told.json()["status"].clone()), (200, json!("LOCKED_OUT")), "{}", told.text());
    assert!(told.json().get("stateToken").is_none());
    // A lock would be none if guesses went on: after a few, the right one is told apart no longer.
    for _ in 0..3 {
        app.authn("", &wrong).await;
    }
    assert_eq!(app.authn("", &right).await.status, 401);
}
