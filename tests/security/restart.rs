//! FT13, FT14: what was decided stays decided when the program is restarted, and when Redis loses everything, in the middle of
//! any flow. One row of the table is one test: it begins something, the application is interrupted, and what was spent is
//! spent, what was counted is counted on, and what was promised is kept. On SQLite and PostgreSQL the interruption is a
//! restart, with Redis an empty Redis. Locks (`throttling`), rotated refresh tokens (`refresh`) and client assertions
//! (`client_auth`) have their rows there.

use serde_json::{Value, json};
use stepgate::{
    model::{
        api_token::Access,
        policy::{FactorPrompt, PasswordRules},
        policy_set::{PasswordAction, SignOnAction},
        recovery::RecoveryKind,
        user::UserStatus,
    },
    secret::Secret,
    user::recovery::{question, token},
};

use super::{assert_refused, throttling::attempt_in};
use crate::{
    support::{
        Test, TestApp,
        authn::{factor_of, path_of},
        device::{TV, devices},
        dpop::ProofKey,
        factor::{PHONE, refusal, wrong},
        fixtures::{ALICE, BOB, MACHINE, PASSWORD, WEB},
        http::{Browser, Response},
        op::{answer, error_code, sign_in_on},
    },
    user::{caller, commit, edit, rules, user},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![storage:
        sec_n03_wrong_codes_are_counted_on,
        sec_n03_wrong_answers_are_counted_on,
        sec_n04_wrong_passwords_are_counted_on,
        sec_n05_the_budget_of_a_known_browser_is_counted_on,
        sec_o01_a_code_of_an_app_stays_used,
        sec_o06_a_code_that_was_sent_and_its_tries_are_kept,
        sec_o06_pauses_and_budgets_of_messages_are_kept,
        sec_o06_a_link_that_was_confirmed_counts_once,
        sec_s04_a_recovery_token_stays_used,
        sec_s04_a_code_of_a_recovery_and_its_tries_are_kept,
        sec_s04_an_activation_stays_used,
        sec_s06_recovery_codes_stay_used_and_guesses_are_counted_on,
        sec_s09_a_remembered_device_is_kept_and_a_forgotten_one_stays_forgotten,
        sec_t03_transactions_go_on_where_they_stood_and_stay_over,
        sec_t03_a_session_token_opens_one_session,
        sec_c01_a_redeemed_code_stays_redeemed,
        sec_f01_a_pushed_request_stays_spent,
        sec_h02_a_proof_stays_used,
        sec_j02_a_device_code_stays_redeemed_and_denied,
        sec_d12_what_was_revoked_stays_revoked,
        sec_l01_a_page_that_is_open_can_be_sent,
    ]
}

const NEW: &str = "Blue-Giraffe-Lantern-42";

fn locked() -> (u16, String) {
    (403, "E0000069".to_owned())
}

fn wrong_code() -> (u16, String) {
    (403, "E0000068".to_owned())
}

fn dead() -> (u16, String) {
    (401, "E0000011".to_owned())
}

/// A step with a code, in a transaction.
async fn give(app: &TestApp, state: &Value, path: &str, code: &str) -> Response {
    app.authn(path, &json!({ "stateToken": state["stateToken"], "passCode": code })).await
}

/// A sign-in that asks for a text message, up to the message; where the code goes then, and the code.
async fn asked_by_sms(app: &TestApp) -> (Value, String, String) {
    let asked = app.password_of(ALICE).await;
    let verify = path_of(&factor_of(&asked, "sms")["_links"]["verify"]);
    let challenge = app.step(&verify, json!({ "stateToken": asked["stateToken"] })).await;
    let code = app.mailbox().code_for(PHONE).await;
    (challenge, verify, code)
}

async fn with_sms(app: &TestApp) {
    app.factors_of(ALICE).await.sent("sms", PHONE).await;
    app.require_factor().await;
}

/// N3: ten wrong codes an hour, before and after.
async fn sec_n03_wrong_codes_are_counted_on(app: TestApp) {
    let authenticator = app.factors_of(ALICE).await.authenticator().await;
    let bad = wrong(&authenticator.code(&app, 0));
    let alice = app.factors_of(ALICE).await;
    for _ in 0..9 {
        assert_eq!(refusal(&alice.verify(&authenticator.id, &bad).await), wrong_code());
    }
    let app = app.interrupted().await;
    let alice = app.factors_of(ALICE).await;
    assert_eq!(refusal(&alice.verify(&authenticator.id, &bad).await), wrong_code());
    assert_eq!(refusal(&alice.verify(&authenticator.id, &authenticator.code(&app, 0)).await), locked());
    app.clock.advance(3601);
    assert_eq!(alice.verify(&authenticator.id, &authenticator.code(&app, 0)).await.status, 200);
}

/// N3: five wrong answers to the recovery question lock it.
async fn sec_n03_wrong_answers_are_counted_on(app: TestApp) {
    let alice = user(&app, ALICE).await;
    let right = Secret::new("mayonnaise".to_owned());
    assert!(
        commit(&app.app, question::set(&app.app, &alice, "Which food?", &right, &caller()).await.unwrap())
            .await
    );
    let ssws = app.api_token(Access::Manage).await;
    let begun =
        app.post("/api/v1/authn/recovery/password", &ssws, &json!({ "username": ALICE })).await.json();
    let asked = app.step("/recovery/token", json!({ "recoveryToken": begun["recoveryToken"] })).await;
    let reply = |text: &str| json!({ "stateToken": asked["stateToken"], "answer": text });
    for _ in 0..4 {
        let refused = app.authn("/recovery/answer", &reply("ketchup")).await;
        assert_eq!(refusal(&refused), (403, "E0000087".to_owned()));
    }
    let app = app.interrupted().await;
    app.authn("/recovery/answer", &reply("ketchup")).await;
    assert_eq!(refusal(&app.authn("/recovery/answer", &reply("mayonnaise")).await), locked());
}

/// N4: nine wrong passwords before and one after are ten.
async fn sec_n04_wrong_passwords_are_counted_on(app: TestApp) {
    let guess = async |app: &TestApp, password: &str| {
        app.authn("", &json!({ "username": ALICE, "password": password })).await.status
    };
    for _ in 0..9 {
        assert_eq!(guess(&app, "wrong").await, 401);
    }
    let app = app.interrupted().await;
    assert_eq!(guess(&app, "wrong").await, 401);
    assert_eq!(guess(&app, PASSWORD).await, 401, "the tenth locks");
    assert!(!attempt_in(&app, &mut Browser::new(), ALICE, PASSWORD).await, "on the page as well");
    let app = app.interrupted().await;
    assert_eq!(guess(&app, PASSWORD).await, 401, "the lock stays");
    app.clock.advance(15 * 60 + 1);
    assert_eq!(guess(&app, PASSWORD).await, 200);
}

/// N5: a known browser stays known, and its own ten guesses stay counted.
async fn sec_n05_the_budget_of_a_known_browser_is_counted_on(app: TestApp) {
    let mut known = Browser::new();
    assert!(attempt_in(&app, &mut known, ALICE, PASSWORD).await);
    for _ in 0..9 {
        assert!(!attempt_in(&app, &mut known, ALICE, "wrong").await);
    }
    let app = app.interrupted().await;
    assert!(!attempt_in(&app, &mut known, ALICE, "wrong").await);
    assert!(!attempt_in(&app, &mut known, ALICE, PASSWORD).await);
    assert!(attempt_in(&app, &mut Browser::new(), ALICE, PASSWORD).await, "nobody else is locked out");
}

/// O1, O4: neither the code of an enrolment nor that of a sign-in counts again, nor an older one after a newer.
async fn sec_o01_a_code_of_an_app_stays_used(app: TestApp) {
    app.require_factor().await;
    let enroll = app.password_of(ALICE).await;
    let body = json!({
        "stateToken": enroll["stateToken"], "factorType": "token:software:totp", "provider": "GOOGLE",
    });
    let begun = app.step("/factors", body).await;
    let seed =
        begun["_embedded"]["factor"]["_embedded"]["activation"]["sharedSecret"].as_str().unwrap().to_owned();
    let first = app.totp(&seed);
    assert_eq!(give(&app, &begun, &path_of(&begun["_links"]["next"]), &first).await.status, 200);
    let app = app.interrupted().await;
    let asked = app.password_of(ALICE).await;
    let verify = path_of(&factor_of(&asked, "token:software:totp")["_links"]["verify"]);
    assert_eq!(refusal(&give(&app, &asked, &verify, &first).await), wrong_code());
    app.clock.advance(30);
    let second = app.totp(&seed);
    assert_eq!(give(&app, &asked, &verify, &second).await.status, 200);
    let app = app.interrupted().await;
    let asked = app.password_of(ALICE).await;
    for used in [&second, &first] {
        assert_eq!(refusal(&give(&app, &asked, &verify, used).await), wrong_code());
    }
    app.clock.advance(30);
    assert_eq!(give(&app, &asked, &verify, &app.totp(&seed)).await.status, 200);
}

/// O6: five tries in all; and who got a code can use it.
async fn sec_o06_a_code_that_was_sent_and_its_tries_are_kept(app: TestApp) {
    with_sms(&app).await;
    let (state, verify, code) = asked_by_sms(&app).await;
    for _ in 0..4 {
        assert_eq!(refusal(&give(&app, &state, &verify, &wrong(&code)).await), wrong_code());
    }
    let app = app.interrupted().await;
    assert_eq!(refusal(&give(&app, &state, &verify, &wrong(&code)).await), wrong_code());
    assert_eq!(refusal(&give(&app, &state, &verify, &code).await), wrong_code(), "the sixth");
    app.clock.advance(31);
    let (state, verify, code) = asked_by_sms(&app).await;
    let app = app.interrupted().await;
    assert_eq!(give(&app, &state, &verify, &code).await.json()["status"], "SUCCESS");
    let app = app.interrupted().await;
    app.clock.advance(31);
    let (state, verify, fresh) = asked_by_sms(&app).await;
    if fresh != code {
        assert_eq!(refusal(&give(&app, &state, &verify, &code).await), wrong_code(), "used");
    }
}

/// O6: thirty seconds between two messages, and five an hour that nobody answers.
async fn sec_o06_pauses_and_budgets_of_messages_are_kept(app: TestApp) {
    with_sms(&app).await;
    let (state, verify, _) = asked_by_sms(&app).await;
    let resend = format!("{verify}/resend");
    let again = async |app: &TestApp| app.authn(&resend, &json!({ "stateToken": state["stateToken"] })).await;
    let app = app.interrupted().await;
    assert_eq!(refusal(&again(&app).await), (429, "E0000109".to_owned()));
    for _ in 0..4 {
        app.clock.advance(31);
        assert_eq!(again(&app).await.status, 200);
    }
    let app = app.interrupted().await;
    app.clock.advance(31);
    assert_eq!(refusal(&again(&app).await), (429, "E0000047".to_owned()));
}

/// O6: the link of a mail is confirmed once, and proves one sign-in.
async fn sec_o06_a_link_that_was_confirmed_counts_once(app: TestApp) {
    app.factors_of(ALICE).await.sent("email", ALICE).await;
    // What tells of the new factor arrives before what is asked for next.
    app.mailbox().unread(ALICE).await;
    app.require_factor().await;
    let asked = app.password_of(ALICE).await;
    let verify = path_of(&factor_of(&asked, "email")["_links"]["verify"]);
    let token = json!({ "stateToken": asked["stateToken"] });
    app.step(&verify, token.clone()).await;
    let link = app.mailbox().link_for(ALICE).await;
    let mut phone = Browser::new();
    let page = phone.open(&link).await;
    let app = app.interrupted().await;
    phone.submit(&page.form("step-form").press("continue")).await;
    let app = app.interrupted().await;
    let again = phone.open(&link).await;
    assert_eq!(phone.submit(&again.form("step-form").press("continue")).await.status, 400);
    assert_eq!(app.step(&verify, token.clone()).await["status"], "SUCCESS");
    assert_eq!(refusal(&app.authn(&verify, &token).await), dead());
}

async fn mailed_token(app: &TestApp) -> String {
    app.step("/recovery/password", json!({ "username": ALICE, "factorType": "EMAIL" })).await;
    let link = app.mailbox().link_for(ALICE).await;
    link.split_once("token=").unwrap().1.to_owned()
}

/// S4: one that waits still counts; one that was used, or set a password, does not.
async fn sec_s04_a_recovery_token_stays_used(app: TestApp) {
    let token = mailed_token(&app).await;
    let app = app.interrupted().await;
    let body = json!({ "recoveryToken": token });
    let reset = app.step("/recovery/token", body.clone()).await;
    let app = app.interrupted().await;
    let spent = (403, "E0000105".to_owned());
    assert_eq!(refusal(&app.authn("/recovery/token", &body).await), spent);
    let set = json!({ "stateToken": reset["stateToken"], "newPassword": NEW });
    assert_eq!(app.step("/credentials/reset_password", set.clone()).await["status"], "SUCCESS");
    let app = app.interrupted().await;
    assert_eq!(refusal(&app.authn("/credentials/reset_password", &set).await), dead());
    assert_eq!(refusal(&app.authn("/recovery/token", &body).await), spent);
}

/// S4: five tries of a code by phone, and a right one counts.
async fn sec_s04_a_code_of_a_recovery_and_its_tries_are_kept(app: TestApp) {
    let rules = PasswordRules { recovery_sms: true, ..PasswordRules::default() };
    app.password_rules(rules, PasswordAction::default()).await;
    app.factors_of(ALICE).await.sent("sms", PHONE).await;
    let begin = async |app: &TestApp| {
        let begun = app.step("/recovery/password", json!({ "username": ALICE, "factorType": "SMS" })).await;
        (begun, app.mailbox().code_for(PHONE).await)
    };
    const VERIFY: &str = "/recovery/factors/SMS/verify";
    let (state, code) = begin(&app).await;
    for _ in 0..4 {
        assert_eq!(refusal(&give(&app, &state, VERIFY, &wrong(&code)).await), wrong_code());
    }
    let app = app.interrupted().await;
    assert_eq!(refusal(&give(&app, &state, VERIFY, &wrong(&code)).await), wrong_code());
    assert_eq!(refusal(&give(&app, &state, VERIFY, &code).await), wrong_code(), "the sixth");
    let resend = json!({ "stateToken": state["stateToken"] });
    let early = app.authn("/recovery/factors/SMS/resend", &resend).await;
    assert_eq!(refusal(&early), (429, "E0000109".to_owned()), "the pause");
    app.clock.advance(31);
    let (state, code) = begin(&app).await;
    let app = app.interrupted().await;
    assert_eq!(give(&app, &state, VERIFY, &code).await.json()["status"], "PASSWORD_RESET");
    let app = app.interrupted().await;
    let again = give(&app, &state, VERIFY, &code).await;
    assert_eq!(refusal(&again), (403, "E0000079".to_owned()));
}

/// S4: an account is activated once.
async fn sec_s04_an_activation_stays_used(app: TestApp) {
    let bob = edit(&app, BOB, |user| {
        (user.status, user.password_hash, user.password_changed_at) = (UserStatus::Provisioned, None, None);
    })
    .await;
    let issued = token::issue(&app.app, &bob, RecoveryKind::AccountActivation, &rules());
    assert!(commit(&app.app, issued.unit).await);
    let body = json!({ "token": issued.token.expose() });
    let app = app.interrupted().await;
    let reset = app.step("", body.clone()).await;
    assert_eq!(reset["status"], "PASSWORD_RESET");
    let app = app.interrupted().await;
    assert_eq!(refusal(&app.authn("", &body).await), (401, "E0000004".to_owned()));
    let set = json!({ "stateToken": reset["stateToken"], "newPassword": NEW });
    assert_eq!(app.step("/credentials/reset_password", set).await["status"], "SUCCESS");
    let app = app.interrupted().await;
    assert_eq!(refusal(&app.authn("", &body).await), (401, "E0000004".to_owned()));
}

/// S6: each once; and ten guesses an hour.
async fn sec_s06_recovery_codes_stay_used_and_guesses_are_counted_on(app: TestApp) {
    app.enrol_totp().await;
    let issued = app.factors_of(ALICE).await.post("/recovery_codes", &json!({})).await.json();
    let codes: Vec<String> =
        issued["codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned()).collect();
    const VERIFY: &str = "/factors/recovery_code/verify";
    let asked = app.password_of(ALICE).await;
    assert_eq!(give(&app, &asked, VERIFY, &codes[0]).await.json()["status"], "SUCCESS");
    let app = app.interrupted().await;
    let asked = app.password_of(ALICE).await;
    for _ in 0..9 {
        assert_eq!(refusal(&give(&app, &asked, VERIFY, &codes[0]).await), wrong_code());
    }
    let app = app.interrupted().await;
    assert_eq!(refusal(&give(&app, &asked, VERIFY, &codes[0]).await), wrong_code());
    assert_eq!(refusal(&give(&app, &asked, VERIFY, &codes[1]).await), locked());
    app.clock.advance(3601);
    let asked = app.password_of(ALICE).await;
    assert_eq!(give(&app, &asked, VERIFY, &codes[1]).await.json()["status"], "SUCCESS");
}

/// S9: a device is remembered as long as policy says; what a reset forgot is not remembered again.
async fn sec_s09_a_remembered_device_is_kept_and_a_forgotten_one_stays_forgotten(app: TestApp) {
    let seed = app.enrol_totp().await;
    let mode = FactorPrompt::Device;
    app.sign_on(SignOnAction { require_factor: true, factor_prompt_mode: mode, ..SignOnAction::default() })
        .await;
    let ssws = app.api_token(Access::Manage).await;
    let context = json!({ "deviceToken": "tablet" });
    let begin = json!({ "username": ALICE, "password": PASSWORD, "context": context });
    let asked = app.post("/api/v1/authn", &ssws, &begin).await.json();
    let verify = path_of(&factor_of(&asked, "token:software:totp")["_links"]["verify"]);
    let body = json!({ "stateToken": asked["stateToken"], "passCode": app.totp(&seed), "context": context });
    let done = app.post(&format!("/api/v1/authn{verify}?rememberDevice=true"), &ssws, &body).await;
    assert_eq!(done.json()["status"], "SUCCESS", "{}", done.text());
    let app = app.interrupted().await;
    assert_eq!(app.post("/api/v1/authn", &ssws, &begin).await.json()["status"], "SUCCESS");
    let alice = app.factors_of(ALICE).await;
    let changed = json!({ "oldPassword": {"value": PASSWORD}, "newPassword": {"value": NEW} });
    let changed = alice.post("/credentials/change_password", &changed).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let app = app.interrupted().await;
    let begin = json!({ "username": ALICE, "password": NEW, "context": context });
    assert_eq!(app.post("/api/v1/authn", &ssws, &begin).await.json()["status"], "MFA_REQUIRED");
}

/// T3: half a sign-in is half a sign-in afterwards, and one that is over is over.
async fn sec_t03_transactions_go_on_where_they_stood_and_stay_over(app: TestApp) {
    let seed = app.enrol_totp().await;
    let [half, whole, cancelled] =
        [app.password_of(ALICE).await, app.password_of(ALICE).await, app.password_of(ALICE).await];
    let verify = path_of(&factor_of(&half, "token:software:totp")["_links"]["verify"]);
    assert_eq!(give(&app, &whole, &verify, &app.totp(&seed)).await.status, 200);
    app.step("/cancel", json!({ "stateToken": cancelled["stateToken"] })).await;
    let app = app.interrupted().await;
    for over in [&whole, &cancelled] {
        assert_eq!(refusal(&app.authn("", &json!({ "stateToken": over["stateToken"] })).await), dead());
    }
    let looked = app.step("", json!({ "stateToken": half["stateToken"] })).await;
    assert_eq!(looked["status"], "MFA_REQUIRED");
    let skip = app.authn("/skip", &json!({ "stateToken": half["stateToken"] })).await;
    assert_eq!(refusal(&skip), (403, "E0000079".to_owned()));
    app.clock.advance(30);
    assert_eq!(give(&app, &half, &verify, &app.totp(&seed)).await.json()["status"], "SUCCESS");
}

/// T3: a session token opens a session once.
async fn sec_t03_a_session_token_opens_one_session(app: TestApp) {
    let [used, kept] = [app.password_of(ALICE).await, app.password_of(ALICE).await];
    let open = async |app: &TestApp, done: &Value| {
        let body = json!({ "sessionToken": done["sessionToken"] });
        app.client().post_json("/api/v1/sessions", &body).await.status
    };
    assert_eq!(open(&app, &used).await, 200);
    let app = app.interrupted().await;
    assert_eq!(open(&app, &used).await, 401);
    assert_eq!(open(&app, &kept).await, 200);
}

/// C1: a replay is a replay, and revokes what the code bought.
async fn sec_c01_a_redeemed_code_stays_redeemed(app: TestApp) {
    let (used, kept) =
        (app.code(WEB, "openid offline_access", ALICE).await, app.code(WEB, "openid", ALICE).await);
    let tokens = app.redeem(WEB, &used).await.json();
    let app = app.interrupted().await;
    assert_eq!(app.redeem(WEB, &kept).await.status, 200);
    app.clock.advance(31);
    assert_refused(&app.redeem(WEB, &used).await, 400, "invalid_grant");
    let app = app.interrupted().await;
    assert_eq!(app.introspect(tokens["access_token"].as_str().unwrap()).await, json!({ "active": false }));
    assert_refused(&app.refresh(WEB, tokens["refresh_token"].as_str().unwrap()).await, 400, "invalid_grant");
}

/// F1: a pushed request completes one flow.
async fn sec_f01_a_pushed_request_stays_spent(app: TestApp) {
    let [used, kept] = [app.pushed(WEB, &[]).await, app.pushed(WEB, &[]).await];
    let complete = async |app: &TestApp, name: &str| {
        let mut browser = Browser::new();
        let page = browser.open(&app.pushed_url(WEB, name)).await;
        if page.body_contains("login-page") {
            sign_in_on(&mut browser, &page, ALICE, PASSWORD).await;
        }
        browser.url().as_str().contains("code=")
    };
    assert!(complete(&app, &used).await);
    let app = app.interrupted().await;
    assert!(!complete(&app, &used).await);
    assert!(complete(&app, &kept).await);
}

/// H2: a proof is used once within its time.
async fn sec_h02_a_proof_stays_used(app: TestApp) {
    const GRANT: [(&str, &str); 2] = [("grant_type", "client_credentials"), ("scope", "api")];
    let key = ProofKey::new();
    let proof = key.for_token(&app);
    assert_eq!(app.token_proving(MACHINE, &[&proof], &GRANT).await.status, 200);
    let app = app.interrupted().await;
    assert_refused(&app.token_proving(MACHINE, &[&proof], &GRANT).await, 400, "invalid_dpop_proof");
    assert_eq!(app.token_proving(MACHINE, &[&key.for_token(&app)], &GRANT).await.status, 200);
}

/// J1, J2: the interval, the decision and the redemption of a device are kept.
async fn sec_j02_a_device_code_stays_redeemed_and_denied(app: TestApp) {
    devices(&app).await;
    let [used, denied, waiting] = [(); 3].map(|()| app.device_codes(TV, "openid"));
    let [used, denied, waiting] = [used.await, denied.await, waiting.await];
    let code = |codes: &Value, name: &str| codes[name].as_str().unwrap().to_owned();
    app.decide(&code(&used, "user_code"), ALICE, "approve").await;
    app.decide(&code(&denied, "user_code"), ALICE, "deny").await;
    assert_refused(&app.poll(TV, &code(&waiting, "device_code")).await, 400, "authorization_pending");
    let app = app.interrupted().await;
    assert_refused(&app.poll(TV, &code(&waiting, "device_code")).await, 400, "slow_down");
    assert_refused(&app.poll(TV, &code(&denied, "device_code")).await, 400, "access_denied");
    assert_eq!(app.poll(TV, &code(&used, "device_code")).await.status, 200);
    let app = app.interrupted().await;
    app.clock.advance(30);
    assert_refused(&app.poll(TV, &code(&used, "device_code")).await, 400, "invalid_grant");
    app.decide(&code(&waiting, "user_code"), ALICE, "approve").await;
    assert_eq!(app.poll(TV, &code(&waiting, "device_code")).await.status, 200);
}

/// D12, U1: tokens that were revoked, sessions that were ended and users who were suspended stay that.
async fn sec_d12_what_was_revoked_stays_revoked(app: TestApp) {
    let [revoked, suspended] = [
        app.tokens(WEB, "openid offline_access", ALICE).await,
        app.tokens(WEB, "openid offline_access", BOB).await,
    ];
    let mut browser = Browser::new();
    app.sign_in_by(&mut browser, ALICE, &["pwd"]).await;
    let access = revoked["access_token"].as_str().unwrap();
    let revoke = app.client().request(http::Method::POST, "/oauth2/default/v1/revoke");
    let revoke = revoke.basic(WEB, crate::support::fixtures::SECRET).form(&[("token", access)]).send().await;
    assert_eq!(revoke.status, 200);
    let bob = app.factors_of(BOB).await;
    assert_eq!(bob.post("/lifecycle/suspend", &json!({})).await.status, 200);
    let ended = app.factors_of(ALICE).await.delete("/sessions").await;
    assert_eq!(ended.status, 204, "{}", ended.text());
    let app = app.interrupted().await;
    assert_eq!(app.introspect(access).await, json!({ "active": false }));
    assert_refused(
        &app.refresh(WEB, suspended["refresh_token"].as_str().unwrap()).await,
        400,
        "invalid_grant",
    );
    assert!(app.session(&mut browser).await.is_none());
    assert_eq!(app.authn("", &json!({ "username": BOB, "password": PASSWORD })).await.status, 401);
}

/// L1: forms are bound to browser and step, not to a process; and one that was sent is over.
async fn sec_l01_a_page_that_is_open_can_be_sent(app: TestApp) {
    let mut browser = Browser::new();
    let page = browser.open(&app.authorize_url(WEB, &[])).await;
    let app = app.interrupted().await;
    let form = page.form("login-form").fill("identifier", ALICE).fill("password", PASSWORD).press("sign_in");
    browser.submit(&form).await;
    assert!(answer(&browser).contains_key("code"), "{}", browser.url());
    let app = app.interrupted().await;
    browser.open(&app.url("/")).await;
    let over = browser.submit(&form).await;
    assert!(matches!(error_code(&over), "expired_flow" | "csrf_rejected"), "{}", over.words());
    let mut thief = Browser::new();
    thief.open(&app.authorize_url(WEB, &[])).await;
    assert_ne!(thief.submit(&form).await.status, 200);
}
