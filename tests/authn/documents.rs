//! Every state of a transaction as Okta's Authentication API tells it, without what differs from one to the next.

use serde_json::{Value, json};
use stepgate::{
    model::{
        api_token::Access,
        policy::{self, FactorPrompt, PasswordRules},
        policy_set::{PasswordAction, SignOnAction},
        recovery::RecoveryKind,
        user::UserStatus,
    },
    user::recovery::{question, token},
};

use crate::{
    support::{
        Test, TestApp,
        authn::{factor_of, path_of},
        factor::PHONE,
        fixtures::{ALICE, BOB, PASSWORD},
    },
    user::{caller, commit, edit, rules, secret, user},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![sqlite:
        states_of_a_sign_in_with_factors,
        states_of_a_factor_that_is_sent,
        states_of_a_password,
        states_of_a_recovery,
        states_of_a_new_account,
        the_state_of_a_lock,
    ]
}

/// Members that are secret, or times.
const VARYING: [&str; 7] = [
    "stateToken",
    "sessionToken",
    "recoveryToken",
    "expiresAt",
    "passwordChanged",
    "sharedSecret",
    "credentialId",
];

/// Compares a state with what is kept of it.
fn show(app: &TestApp, name: &str, state: &Value) {
    let text = serde_json::to_string_pretty(state).unwrap().replace(&app.issuer, "[issuer]");
    let ids = [("user", "[user]"), ("factor", "[factor]")].map(|(member, shown)| {
        (state["_embedded"][member]["id"].as_str().unwrap_or("none").to_owned(), shown.to_owned())
    });
    let listed = state["_embedded"]["factors"].as_array().into_iter().flatten().enumerate();
    let listed = listed.map(|(index, factor)| {
        let kind = factor["factorType"].as_str().unwrap_or_default();
        let shown = if index == 0 { "[factor]".to_owned() } else { format!("[factor {kind}]") };
        (factor["id"].as_str().unwrap_or("none").to_owned(), shown)
    });
    let text = ids.into_iter().chain(listed).fold(text, |text, (from, to)| text.replace(&from, &to));
    let line = |line: &str| match VARYING.iter().find(|name| line.contains(&format!("\"{name}\": \""))) {
        Some(name) => format!("\"{name}\": […]"),
        None if line.contains("/qr/") => "\"href\": [qr]".to_owned(),
        None => line.to_owned(),
    };
    let text: Vec<String> = text.lines().map(line).collect();
    insta::assert_snapshot!(format!("state_{name}"), text.join("\n"));
}

/// authn.md §5.2, §6, §7: what is asked and offered, step by step.
async fn states_of_a_sign_in_with_factors(app: TestApp) {
    show(&app, "success", &app.password_of(ALICE).await);
    app.require_factor().await;
    let enroll = app.password_of(ALICE).await;
    show(&app, "mfa_enroll", &enroll);
    let body = json!({
        "stateToken": enroll["stateToken"], "factorType": "token:software:totp", "provider": "OKTA",
    });
    let activate = app.step("/factors", body).await;
    show(&app, "mfa_enroll_activate", &activate);
    let seed = activate["_embedded"]["factor"]["_embedded"]["activation"]["sharedSecret"].as_str().unwrap();
    let body = json!({ "stateToken": enroll["stateToken"], "passCode": app.totp(seed) });
    app.step(&path_of(&activate["_links"]["next"]), body).await;
    let asked = app.password_of(ALICE).await;
    show(&app, "mfa_required", &asked);
    let verify = path_of(&factor_of(&asked, "token:software:totp")["_links"]["verify"]);
    show(&app, "mfa_challenge", &app.step(&verify, json!({ "stateToken": asked["stateToken"] })).await);
    // With `multiOptionalFactorEnroll` more is offered, which can be left out.
    let options = json!({ "multiOptionalFactorEnroll": true });
    let body = json!({ "username": BOB, "password": PASSWORD, "options": options });
    let enroll = app.step("", body).await;
    let profile = json!({ "question": "disliked_food", "answer": "mayonnaise" });
    let body = json!({
        "stateToken": enroll["stateToken"], "factorType": "question", "provider": "OKTA", "profile": profile,
    });
    let more = app.step("/factors", body).await;
    assert_eq!(more["_links"]["skip"]["name"], "skip");
    show(&app, "mfa_enroll_more", &more);
}

/// authn.md §3, §5: phones and addresses are masked, `resend` is a list, the policy says whether the device can be remembered.
async fn states_of_a_factor_that_is_sent(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    alice.sent("sms", PHONE).await;
    alice.post("/recovery_codes", &json!({})).await;
    let mode = FactorPrompt::Session;
    app.sign_on(SignOnAction { require_factor: true, factor_prompt_mode: mode, ..SignOnAction::default() })
        .await;
    let asked = app.password_of(ALICE).await;
    show(&app, "mfa_required_sms", &asked);
    let verify = path_of(&factor_of(&asked, "sms")["_links"]["verify"]);
    show(&app, "mfa_challenge_sms", &app.step(&verify, json!({ "stateToken": asked["stateToken"] })).await);
    let enroll = app.password_of(BOB).await;
    let body = json!({
        "stateToken": enroll["stateToken"], "factorType": "call", "provider": "OKTA",
        "profile": { "phoneNumber": "+15554151338", "phoneExtension": "123" },
    });
    show(&app, "mfa_enroll_activate_call", &app.step("/factors", body).await);
}

/// authn.md §3, §5: PASSWORD_WARN and PASSWORD_EXPIRED tell the rules for the new one.
async fn states_of_a_password(app: TestApp) {
    let rules = PasswordRules { max_age_days: 30, expire_warn_days: 10, ..PasswordRules::default() };
    app.password_rules(rules, PasswordAction::default()).await;
    app.clock.advance(25 * 86_400);
    let options = json!({ "warnBeforePasswordExpired": true });
    let body = json!({
        "username": ALICE, "password": PASSWORD, "options": options, "relayState": "/deep/link",
    });
    show(&app, "password_warn", &app.step("", body).await);
    app.clock.advance(6 * 86_400);
    show(&app, "password_expired", &app.password_of(ALICE).await);
}

/// authn.md §5.2, §8: a recovery by mail, by phone and by a trusted application, with and without the question.
async fn states_of_a_recovery(app: TestApp) {
    let rules = PasswordRules { recovery_sms: true, ..PasswordRules::default() };
    app.password_rules(rules, PasswordAction::default()).await;
    let mail = json!({ "username": ALICE, "factorType": "email" });
    show(&app, "recovery_mailed", &app.step("/recovery/password", mail).await);
    app.factors_of(ALICE).await.sent("sms", PHONE).await;
    let sms = json!({ "username": ALICE, "factorType": "sms", "relayState": "/deep/link" });
    let challenge = app.step("/recovery/password", sms).await;
    show(&app, "recovery_challenge_sms", &challenge);
    let body = json!({
        "stateToken": challenge["stateToken"], "passCode": app.mailbox().code_for(PHONE).await,
    });
    let reset = app.step(&path_of(&challenge["_links"]["next"]), body).await;
    show(&app, "password_reset", &reset);
    let body = json!({ "stateToken": reset["stateToken"], "newPassword": "Blue-Giraffe-Lantern-42" });
    show(&app, "success_recovered", &app.step("/credentials/reset_password", body).await);
    let (alice, answer) = (user(&app, ALICE).await, secret("mayonnaise"));
    let unit = question::set(&app.app, &alice, "Which food?", &answer, &caller()).await.unwrap();
    assert!(commit(&app.app, unit).await);
    let ssws = app.api_token(Access::Manage).await;
    let begun =
        app.post("/api/v1/authn/recovery/password", &ssws, &json!({ "username": ALICE })).await.json();
    show(&app, "recovery_trusted", &begun);
    let asked = app.step("/recovery/token", json!({ "recoveryToken": begun["recoveryToken"] })).await;
    show(&app, "recovery", &asked);
}

/// authn.md §5.1: the token of a new account without a password leads to its first one.
async fn states_of_a_new_account(app: TestApp) {
    let bob = edit(&app, BOB, |user| {
        (user.status, user.password_hash, user.password_changed_at) = (UserStatus::Provisioned, None, None);
    })
    .await;
    let issued = token::issue(&app.app, &bob, RecoveryKind::AccountActivation, &rules());
    assert!(commit(&app.app, issued.unit).await);
    let reset = app.step("", json!({ "token": issued.token.expose() })).await;
    show(&app, "password_reset_activation", &reset);
}

/// authn.md §5.2: told only where policy says so, and only to whoever knows the password (security rule M6).
async fn the_state_of_a_lock(app: TestApp) {
    let action = PasswordAction { self_service_unlock: policy::Access::Allow, ..PasswordAction::default() };
    app.password_rules(PasswordRules { show_lockout_failures: true, ..PasswordRules::default() }, action)
        .await;
    for _ in 0..10 {
        app.authn("", &json!({ "username": ALICE, "password": "wrong" })).await;
    }
    show(&app, "locked_out", &app.password_of(ALICE).await);
    let unlock = json!({ "username": ALICE, "factorType": "EMAIL" });
    show(&app, "unlock_mailed", &app.step("/recovery/unlock", unlock).await);
    let link = app.mailbox().link_for(ALICE).await;
    let token = link.split_once("token=").unwrap().1;
    show(&app, "success_unlocked", &app.step("/recovery/token", json!({ "recoveryToken": token })).await);
}
