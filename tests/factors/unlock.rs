//! What an unlock gives back, and what a removed factor takes along.

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use stepgate::{
    factor::service,
    model::{
        factor::FactorStatus,
        policy::{Access, PasswordRules},
        policy_set::PasswordAction,
        user::User,
    },
    secret::{Secret, TokenHash},
    store::{self, remembered_device::RememberedDevice, unit::Unit},
    syslog::Caller,
    user::{
        administration::Edit,
        password::{self, RevokeSessions, SetBy},
    },
};

use crate::support::{
    Test, TestApp,
    factor::{PHONE, refusal, wrong},
    fixtures::{ALICE, BOB, PASSWORD},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage: a_factor_that_is_removed_or_reset_takes_remembered_devices_along;
        sqlite:
            sec_s09_a_new_password_forgets_remembered_devices,
            an_administrator_unlocks_suspended_factors,
            the_command_line_unlocks_what_was_counted,
            a_user_who_unlocks_the_own_account_lifts_only_what_time_would_lift,
    ]
}

const DEVICE: &str = "tablet";

async fn remember(app: &TestApp, user: &User) {
    let now = app.app.now();
    let remembered = RememberedDevice {
        policy_version: "1".to_owned(),
        created_at: now,
        expires_at: now + time::Duration::DAY,
    };
    let change = store::remembered_device::upsert(&user.id, &TokenHash::of(DEVICE), &remembered);
    app.app.db.writer().commit(Unit::new().change(change)).await.unwrap();
}

async fn is_remembered(app: &TestApp, user: &User) -> bool {
    store::remembered_device::find(&app.app.db, &user.id, &TokenHash::of(DEVICE)).await.unwrap().is_some()
}

/// S9: a remembered device stood for the factor. Whoever takes it away, the device goes in the same unit; that of another
/// user stays.
async fn a_factor_that_is_removed_or_reset_takes_remembered_devices_along(app: TestApp) {
    let caller = Caller::system("test");
    let alice = app.factors_of(ALICE).await;
    let bob = app.user(BOB).await;
    remember(&app, &bob).await;
    for by in ["owner", "administrator", "all"] {
        let authenticator = alice.authenticator().await;
        remember(&app, &alice.user).await;
        let id = stepgate::id::FactorId::new(authenticator.id.as_str());
        let factor = service::load(&app.app, &alice.user.id, &id).await.unwrap();
        match by {
            "owner" => {
                let unit = service::forget(&app.app, &alice.user, &factor, &caller).await.unwrap();
                app.app.db.writer().commit(unit).await.unwrap();
            }
            "administrator" => {
                assert_eq!(alice.delete(&format!("/factors/{}", authenticator.id)).await.status, 204);
            }
            _ => assert_eq!(alice.post("/lifecycle/reset_factors", &json!({})).await.status, 200),
        }
        assert!(!is_remembered(&app, &alice.user).await, "{by}");
    }
    // What waits for activation stood for nothing.
    remember(&app, &alice.user).await;
    let pending = alice.enroll(&json!({"factorType": "token:software:totp", "provider": "GOOGLE"})).await;
    let pending = format!("/factors/{}", pending["id"].as_str().unwrap());
    assert_eq!(alice.delete(&pending).await.status, 204);
    assert!(is_remembered(&app, &alice.user).await && is_remembered(&app, &bob).await);
}

/// S8, S9: whoever sets it, and whatever sessions go on.
async fn sec_s09_a_new_password_forgets_remembered_devices(app: TestApp) {
    let alice = app.user(ALICE).await;
    remember(&app, &alice).await;
    let caller = Caller::system("test");
    let new = Secret::new("Battery-Staple-2".to_owned());
    let how = (SetBy::Administrator, RevokeSessions::None, &caller);
    let unit = password::set(&app.app, &alice, &new, &PasswordRules::default(), how).await.unwrap();
    app.app.db.writer().commit(unit).await.unwrap();
    assert!(!is_remembered(&app, &alice).await);
}

/// Counts wrong answers, and suspends the factor if they are fifty.
async fn counted(app: &TestApp, id: &str, failures: u32) {
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    let status = if failures >= 50 { "INACTIVE" } else { "ACTIVE" };
    let now = app.app.now().unix_timestamp() * 1000;
    let sql = format!(
        "UPDATE factor SET status = '{status}', failures = {failures}, failures_this_hour = 10, \
         hour_began_at = {now} WHERE id = '{id}'"
    );
    database.execute_unprepared(&sql).await.unwrap();
}

async fn lock_out(app: &TestApp) {
    for _ in 0..10 {
        app.authn("", &json!({ "username": ALICE, "password": "wrong" })).await;
    }
}

async fn an_administrator_unlocks_suspended_factors(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let authenticator = alice.authenticator().await;
    let verify = async || alice.verify(&authenticator.id, &authenticator.code(&app, 0)).await;
    let unlock = async || alice.post("/lifecycle/unlock", &json!({})).await;
    assert_eq!(refusal(&unlock().await), (403, "E0000032".to_owned()), "there is nothing to unlock");
    // Suspended, though the user is not locked.
    counted(&app, &authenticator.id, 50).await;
    assert_eq!(refusal(&verify().await), (403, "E0000069".to_owned()));
    assert_eq!(unlock().await.status, 200);
    assert_eq!(verify().await.status, 200);
    assert!(app.logged("user.mfa.factor.unsuspend", None).await);
    // Locked for an hour while the user is locked out.
    counted(&app, &authenticator.id, 10).await;
    lock_out(&app).await;
    app.clock.advance(60);
    assert_eq!(refusal(&verify().await), (403, "E0000069".to_owned()));
    assert_eq!(unlock().await.status, 200);
    assert_eq!(verify().await.status, 200);
    assert_eq!(app.password_of(ALICE).await["status"], "SUCCESS");
}

/// `stepgate user unlock` is this: activations and backup codes that were tried are forgotten too.
async fn the_command_line_unlocks_what_was_counted(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let authenticator = alice.authenticator().await;
    counted(&app, &authenticator.id, 50).await;
    let body = json!({"factorType": "sms", "provider": "OKTA", "profile": {"phoneNumber": PHONE}});
    let pending = alice.enroll(&body).await;
    let id = pending["id"].as_str().unwrap();
    let code = app.mailbox().code_for(PHONE).await;
    for _ in 0..5 {
        alice.activate(id, &wrong(&code)).await;
    }
    assert_ne!(alice.activate(id, &code).await.status, 200, "too many activations");
    let caller = Caller::system("command line");
    Edit::begin(&app.app, ALICE, &caller).await.unwrap().unlock().await.unwrap();
    let verified = alice.verify(&authenticator.id, &authenticator.code(&app, 0)).await;
    assert_eq!(verified.status, 200, "{}", verified.text());
    app.clock.advance(31);
    assert_eq!(alice.post(&format!("/factors/{id}/resend"), &body).await.status, 200);
    let activated = alice.activate(id, &app.mailbox().code_for(PHONE).await).await;
    assert_eq!(activated.status, 200, "{}", activated.text());
}

/// Whoever reads a user's mail could otherwise unlock the account again and again, and guess on for ever.
async fn a_user_who_unlocks_the_own_account_lifts_only_what_time_would_lift(app: TestApp) {
    let action = PasswordAction { self_service_unlock: Access::Allow, ..PasswordAction::default() };
    app.password_rules(PasswordRules::default(), action).await;
    let alice = app.factors_of(ALICE).await;
    let authenticator = alice.authenticator().await;
    let unlock = async || {
        let ask = json!({ "username": ALICE, "factorType": "EMAIL" });
        app.step("/recovery/unlock", ask).await;
        let link = app.mailbox().link_for(ALICE).await;
        let token = link.split_once("token=").unwrap().1;
        app.step("/recovery/token", json!({ "recoveryToken": token })).await
    };
    counted(&app, &authenticator.id, 20).await;
    lock_out(&app).await;
    let done: Value = unlock().await;
    assert_eq!(done["status"], "SUCCESS", "{done}");
    let verified = alice.verify(&authenticator.id, &authenticator.code(&app, 0)).await;
    assert_eq!(verified.status, 200, "{}", verified.text());
    app.clock.advance(3_600);
    counted(&app, &authenticator.id, 50).await;
    lock_out(&app).await;
    assert_eq!(unlock().await["status"], "SUCCESS");
    let factors = service::list(&app.app, &alice.user.id).await.unwrap();
    assert_eq!(factors[0].status, FactorStatus::Inactive, "an administrator must help");
    assert_ne!(app.authn("", &json!({ "username": ALICE, "password": PASSWORD })).await.status, 401);
}
