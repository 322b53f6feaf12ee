//! Steps of the life cycle that end in the hands of the user: an activation, a reset.

use serde_json::{Value, json};
use stepgate::{
    model::{
        api_token::Access,
        factor::{FactorKind, FactorStatus},
    },
    store,
};

use crate::support::{
    Test, TestApp,
    api_token::assert_error,
    app::Change,
    fixtures::{ALICE, BOB, WEB},
    http::{Browser, Response},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![storage:
        what_changes_about_a_user_moves_last_updated;
    sqlite:
        an_activation_that_starts_anew_ends_in_a_new_password,
        who_cannot_be_mailed_is_not_shut_out,
        a_recovery_that_nothing_can_carry_is_not_offered,
        a_password_is_given_to_a_user_from_elsewhere,
        what_is_not_offered_is_refused,
        an_unlock_lifts_whatever_is_locked,
    ]
}

const USERS: &str = "/api/v1/users";

async fn turn(app: &TestApp, token: &str, step: &str) -> Response {
    app.post(&format!("{USERS}/{BOB}/lifecycle/{step}"), token, &json!({})).await
}

async fn status(app: &TestApp, token: &str) -> Value {
    app.read(&format!("{USERS}/{BOB}"), token).await.json()["status"].clone()
}

/// Okta: whoever copies users by `lastUpdated gt` learns of every status and password.
async fn what_changes_about_a_user_moves_last_updated(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    let read = async || app.read(&format!("{USERS}/{BOB}"), &token).await.json();
    let mut before = read().await;
    let mut moved = async |what: &str, status: &str| {
        let now = read().await;
        assert_eq!(now["status"], status, "{what}");
        for name in ["lastUpdated", "statusChanged"] {
            let (then, now) = (before[name].as_str().unwrap(), now[name].as_str().unwrap());
            assert!(then < now, "{what} {name}: {then} {now}");
        }
        before = now;
        app.clock.advance(5);
    };
    app.clock.advance(5);
    for (step, status) in [
        ("suspend", "SUSPENDED"),
        ("unsuspend", "ACTIVE"),
        ("expire_password", "PASSWORD_EXPIRED"),
        ("reset_password?sendEmail=false", "RECOVERY"),
    ] {
        assert_eq!(turn(&app, &token, step).await.status, 200, "{step}");
        moved(step, status).await;
    }
    let set = json!({"credentials": {"password": {"value": "Tlpwnd0s-Xy7"}}});
    assert_eq!(app.post(&format!("{USERS}/{BOB}"), &token, &set).await.status, 200);
    moved("password", "ACTIVE").await;
    let guess = json!({"username": BOB, "password": "wrong"});
    for lifted in ["unlock", "time"] {
        for _ in 0..10 {
            assert_eq!(app.client().post_json("/api/v1/authn", &guess).await.status, 401);
        }
        moved("lock", "LOCKED_OUT").await;
        match lifted {
            "unlock" => assert_eq!(turn(&app, &token, "unlock").await.status, 200),
            _ => app.clock.advance(15 * 60),
        }
        moved(lifted, "ACTIVE").await;
    }
    // What was told is not taken back by the next attempt.
    let told = read().await;
    assert_eq!(app.client().post_json("/api/v1/authn", &guess).await.status, 401);
    let now = read().await;
    assert_eq!((&now["lastUpdated"], &now["statusChanged"]), (&told["lastUpdated"], &told["statusChanged"]));
}

/// `lifecycle/reactivate` of a user in recovery: the old password opens nothing, so the link must lead to a new one.
async fn an_activation_that_starts_anew_ends_in_a_new_password(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    assert_eq!(turn(&app, &token, "reset_password?sendEmail=false").await.status, 200);
    let invited = turn(&app, &token, "reactivate?sendEmail=false").await.json();
    assert_eq!(status(&app, &token).await, "PROVISIONED");
    let read = app.read(&format!("{USERS}/{BOB}"), &token).await.json();
    assert!(read["credentials"].get("password").is_none(), "{read}");
    let activation = json!({"token": invited["activationToken"]});
    let begun = app.client().post_json("/api/v1/authn", &activation).await.json();
    assert_eq!(begun["status"], "PASSWORD_RESET", "{begun}");
    let new = json!({"stateToken": begun["stateToken"], "newPassword": "Tlpwnd0s-Xy7"});
    let done = app.client().post_json("/api/v1/authn/credentials/reset_password", &new).await.json();
    assert_eq!(done["status"], "SUCCESS", "{done}");
    assert_eq!(status(&app, &token).await, "ACTIVE");
}

/// What begins a recovery shuts the user out until its end: it does not begin where its mail would reach nobody.
async fn who_cannot_be_mailed_is_not_shut_out(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    for step in ["reset_password?sendEmail=true", "deactivate", "activate"] {
        let answer = turn(&app, &token, step).await;
        if step == "deactivate" {
            assert_eq!(answer.status, 200);
        } else {
            assert_error(&answer, 400, "E0000001");
        }
        let expected = if step == "reset_password?sendEmail=true" { "ACTIVE" } else { "DEPROVISIONED" };
        assert_eq!(status(&app, &token).await, expected, "{step}");
    }
    // The administrator hands the link over.
    assert_eq!(turn(&app, &token, "activate?sendEmail=false").await.status, 200);
    // With an address, but without a mail server.
    let named = app.post(&format!("{USERS}/{ALICE}"), &token, &json!({"profile": {"email": ALICE}})).await;
    assert_eq!(named.status, 200, "{}", named.text());
    let app = app.restart(Change { no_couriers: true, ..Change::default() }).await;
    let reset = format!("{USERS}/{ALICE}/lifecycle/reset_password?sendEmail=true");
    assert_error(&app.post(&reset, &token, &json!({})).await, 400, "E0000001");
    let forgot = app.post(&format!("{USERS}/{ALICE}/credentials/forgot_password"), &token, &json!({})).await;
    assert_error(&forgot, 400, "E0000001");
    let alice = app.read(&format!("{USERS}/{ALICE}"), &token).await.json();
    assert_eq!(alice["status"], "ACTIVE");
    let profile =
        json!({"firstName": "E", "lastName": "V", "email": "e@example.com", "login": "eve@example.com"});
    assert_error(&app.post(USERS, &token, &json!({"profile": profile})).await, 400, "E0000001");
    assert_error(&app.read(&format!("{USERS}/eve@example.com"), &token).await, 404, "E0000007");
    let staged = app.post(&format!("{USERS}?activate=false"), &token, &json!({"profile": profile})).await;
    assert_eq!(staged.status, 200, "{}", staged.text());
}

/// Neither the pages nor the API begin what would reach nobody, whoever is asked for.
async fn a_recovery_that_nothing_can_carry_is_not_offered(app: TestApp) {
    let mut browser = Browser::new();
    let page = browser.open(&app.authorize_url(WEB, &[])).await;
    assert!(page.body_contains("forgot-password"), "{}", page.words());
    let app = app.restart(Change { no_couriers: true, ..Change::default() }).await;
    let mut browser = Browser::new();
    let page = browser.open(&app.authorize_url(WEB, &[])).await;
    assert!(!page.body_contains("forgot-password"), "{}", page.words());
    let page = browser.open(&app.url("/signin/forgot-password")).await;
    assert_eq!(page.status, 403);
    assert!(page.body_contains("Ask your administrator") && !page.body_contains("name=\"identifier\""));
    for login in [ALICE, "nobody@example.com"] {
        let body = json!({"username": login, "factorType": "EMAIL"});
        let refused = app.client().post_json("/api/v1/authn/recovery/password", &body).await;
        assert_error(&refused, 403, "E0000034");
    }
}

/// A user of the command line or of a seed file may have no name and no address: what a request does not name is not judged,
/// and what it does not change is not logged.
async fn a_password_is_given_to_a_user_from_elsewhere(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    let profile = stepgate::model::user::Profile::default();
    crate::user::edit(&app, BOB, |user| user.profile = profile).await;
    let path = format!("{USERS}/{BOB}");
    let post = async |body: Value| app.post(&path, &token, &body).await;
    let set = post(json!({"credentials": {"password": {"value": "Tlpwnd0s-Xy7"}}})).await;
    assert_eq!(set.status, 200, "{}", set.text());
    assert!(crate::user::opens(&app, BOB, "Tlpwnd0s-Xy7").await);
    assert!(!app.logged("user.account.update_profile", None).await);
    let named = post(json!({"profile": {"nickName": "Bobby"}})).await;
    assert_eq!(named.json()["profile"]["nickName"], "Bobby", "{}", named.text());
    assert!(app.logged("user.account.update_profile", None).await);
    for wrong in [json!({"firstName": ""}), json!({"email": null}), json!({"city": 7})] {
        assert_error(&post(json!({"profile": wrong})).await, 400, "E0000001");
    }
}

/// The links of a user say what can be done; the rest is refused and changes nothing.
async fn what_is_not_offered_is_refused(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    let question = json!({"question": "Which river?", "answer": "The Ohre"});
    let with_question = json!({"credentials": {"recovery_question": question}});
    assert_eq!(app.post(&format!("{USERS}/{BOB}"), &token, &with_question).await.status, 200);
    let offers = async |link: &str| {
        app.read(&format!("{USERS}/{BOB}"), &token).await.json()["_links"].get(link).is_some()
    };
    let password = json!({"value": "Tlpwnd0s-Xy7"});
    let change = json!({"password": password, "recovery_question": question});
    let answer = json!({"password": password, "recovery_question": {"answer": "The Ohre"}});
    assert!(offers("resetFactors").await && offers("forgotPassword").await);
    assert_eq!(turn(&app, &token, "deactivate").await.status, 200);
    for gone in [true, false] {
        for (link, path, body, code) in [
            ("changeRecoveryQuestion", "credentials/change_recovery_question", &change, "E0000038"),
            ("forgotPassword", "credentials/forgot_password", &json!({}), "E0000034"),
            ("forgotPassword", "credentials/forgot_password_recovery_question", &answer, "E0000034"),
        ] {
            assert!(!offers(link).await, "{link}");
            assert_error(&app.post(&format!("{USERS}/{BOB}/{path}"), &token, body).await, 403, code);
        }
        assert_eq!(offers("resetFactors").await, !gone);
        if gone {
            assert_error(&turn(&app, &token, "reset_factors").await, 403, "E0000038");
            assert_eq!(turn(&app, &token, "activate?sendEmail=false").await.status, 200);
        }
    }
    assert_eq!(status(&app, &token).await, "PROVISIONED");
}

/// `lifecycle/unlock` is refused only where there is nothing to lift: a lock of the password or of the recovery question, or a
/// factor that was suspended.
async fn an_unlock_lifts_whatever_is_locked(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    assert_error(&turn(&app, &token, "unlock").await, 403, "E0000032");
    let question = json!({"question": "Which river?", "answer": "The Ohre"});
    let with_question = json!({"credentials": {"recovery_question": question}});
    assert_eq!(app.post(&format!("{USERS}/{BOB}"), &token, &with_question).await.status, 200);
    let path = format!("{USERS}/{BOB}/credentials/forgot_password_recovery_question");
    let answer = async |answer: &str| {
        let body = json!({"password": {"value": "Tlpwnd0s-Xy7"}, "recovery_question": {"answer": answer}});
        app.post(&path, &token, &body).await
    };
    for _ in 0..5 {
        assert_error(&answer("The Elbe").await, 403, "E0000087");
    }
    assert_error(&answer("The Ohre").await, 403, "E0000069");
    assert_eq!(turn(&app, &token, "unlock").await.status, 200);
    assert_error(&turn(&app, &token, "unlock").await, 403, "E0000032");
    assert_eq!(answer("The Ohre").await.status, 200);

    app.has_factor(BOB, FactorKind::Sms, FactorStatus::Inactive).await;
    assert_eq!(turn(&app, &token, "unlock").await.status, 200);
    let bob = crate::user::user(&app, BOB).await;
    let factors = store::factor::list(&app.app.db, &bob.id).await.unwrap();
    assert_eq!(factors[0].status, FactorStatus::Active);
}
