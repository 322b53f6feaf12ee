//! The transitions of Okta's Authentication API, over HTTP.

use http::Method;
use serde_json::{Value, json};
use stepgate::{
    id::TransactionId,
    model::{
        api_token::Access,
        policy::{FactorPrompt, PasswordRules},
        policy_set::{PasswordAction, SignOnAction},
    },
    store,
};

use crate::support::{
    Test, TestApp,
    authn::{factor_of, path_of},
    fixtures::{ALICE, BOB, OTHER, PASSWORD, WEB},
    http::Response,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            of_two_answers_to_one_state_one_wins,
            a_transaction_survives_a_restart;
        sqlite:
            a_right_password_alone_succeeds,
            what_is_wrong_with_a_sign_in_is_not_told,
            a_factor_is_enrolled_and_asked_for_from_then_on,
            a_wrong_or_used_code_is_refused,
            a_code_by_text_message_is_sent_and_not_sent_again_at_once,
            going_back_leads_to_the_choice,
            a_transaction_that_is_cancelled_is_over,
            a_state_token_dies_when_it_is_not_used,
            an_expired_password_must_be_changed,
            a_password_that_will_expire_can_be_changed_later,
            a_trusted_application_gets_the_recovery_token,
            a_user_who_is_reactivated_sets_a_password_and_gets_in,
            the_policy_of_the_audience_holds_for_every_beginning,
            a_trusted_application_names_a_device_that_is_remembered,
            a_session_token_of_a_program_is_for_programs,
            every_published_link_works_and_no_other,
    ]
}

#[track_caller]
fn refused(answer: &Response, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.json()["errorCode"], code, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

/// authn.md §5.1: nothing else is required.
async fn a_right_password_alone_succeeds(app: TestApp) {
    let done = app.password_of(ALICE).await;
    assert_eq!(done["status"], "SUCCESS");
    assert!(done.get("stateToken").is_none());
    assert_eq!(done["_embedded"]["user"]["profile"]["login"], ALICE);
    assert!(done["expiresAt"].as_str().unwrap().ends_with('Z'));
    let session =
        app.client().post_json("/api/v1/sessions", &json!({ "sessionToken": done["sessionToken"] })).await;
    assert_eq!(session.status, 200, "{}", session.text());
    assert_eq!(session.json()["login"], ALICE);
}

/// authn.md §5.1: a wrong password and an unknown user are one; a member that is missing is named.
async fn what_is_wrong_with_a_sign_in_is_not_told(app: TestApp) {
    for login in [ALICE, "nobody@example.com"] {
        let answer = app.authn("", &json!({ "username": login, "password": "wrong" })).await;
        refused(&answer, 401, "E0000004");
    }
    refused(&app.authn("", &json!({ "username": ALICE })).await, 400, "E0000001");
    refused(&app.authn("", &json!({ "password": PASSWORD })).await, 400, "E0000001");
    refused(&app.authn("", &json!({ "token": "none" })).await, 401, "E0000004");
    refused(&app.authn("", &json!({ "stateToken": "none" })).await, 401, "E0000011");
    let client = app.client();
    let broken = client.request(Method::POST, "/api/v1/authn").body("application/json", "{").send().await;
    refused(&broken, 400, "E0000003");
}

/// authn.md §5.1, §6, §7: enrolment is inline; then the factor is asked for, and its code succeeds.
async fn a_factor_is_enrolled_and_asked_for_from_then_on(app: TestApp) {
    let seed = app.enrol_totp().await;
    let asked = app.password_of(ALICE).await;
    assert_eq!(asked["status"], "MFA_REQUIRED");
    let factor = factor_of(&asked, "token:software:totp");
    let verify = path_of(&factor["_links"]["verify"]);
    let body = json!({ "stateToken": asked["stateToken"], "passCode": app.totp(&seed) });
    let done = app.step(&verify, body).await;
    assert_eq!(done["status"], "SUCCESS");
    let session =
        app.client().post_json("/api/v1/sessions", &json!({ "sessionToken": done["sessionToken"] })).await;
    let amr = session.json()["amr"].as_array().unwrap().clone();
    assert!(amr.contains(&json!("pwd")) && amr.contains(&json!("mfa")), "{amr:?}");
    // The state token is over with its transaction.
    let again = app.authn(&verify, &json!({ "stateToken": asked["stateToken"], "passCode": "000000" })).await;
    refused(&again, 401, "E0000011");
}

/// authn.md §5.1: a wrong code is E0000068 and leaves the state; one that was used is wrong, too.
async fn a_wrong_or_used_code_is_refused(app: TestApp) {
    let seed = app.enrol_totp().await;
    let asked = app.password_of(ALICE).await;
    let verify = path_of(&factor_of(&asked, "token:software:totp")["_links"]["verify"]);
    let code = app.totp(&seed);
    let wrong = app.authn(&verify, &json!({ "stateToken": asked["stateToken"], "passCode": "12345" })).await;
    refused(&wrong, 403, "E0000068");
    let looked = app.step("", json!({ "stateToken": asked["stateToken"] })).await;
    assert_eq!(looked["status"], "MFA_REQUIRED");
    app.step(&verify, json!({ "stateToken": asked["stateToken"], "passCode": code })).await;
    let asked = app.password_of(ALICE).await;
    let used = app.authn(&verify, &json!({ "stateToken": asked["stateToken"], "passCode": code })).await;
    refused(&used, 403, "E0000068");
}

const PHONE: &str = "+15555551337";

async fn enrol_sms(app: &TestApp) {
    app.require_factor().await;
    let asked = app.password_of(ALICE).await;
    let body = json!({
        "stateToken": asked["stateToken"], "factorType": "sms", "provider": "OKTA",
        "profile": { "phoneNumber": PHONE },
    });
    let begun = app.step("/factors", body).await;
    assert_eq!(begun["_embedded"]["factor"]["profile"]["phoneNumber"], "+1 XXX-XXX-1337", "{begun}");
    assert_eq!(begun["_links"]["resend"][0]["name"], "sms");
    let code = app.mailbox().code_for(PHONE).await;
    let next = path_of(&begun["_links"]["next"]);
    let done = app.step(&next, json!({ "stateToken": begun["stateToken"], "passCode": code })).await;
    assert_eq!(done["status"], "SUCCESS");
    app.clock.advance(31);
}

/// authn.md §5.1: verify without a code sends one; E0000109 within 30 seconds.
async fn a_code_by_text_message_is_sent_and_not_sent_again_at_once(app: TestApp) {
    enrol_sms(&app).await;
    let asked = app.password_of(ALICE).await;
    let verify = path_of(&factor_of(&asked, "sms")["_links"]["verify"]);
    let challenge = app.step(&verify, json!({ "stateToken": asked["stateToken"] })).await;
    assert_eq!(challenge["status"], "MFA_CHALLENGE", "{challenge}");
    let first = app.mailbox().code_for(PHONE).await;
    let resend = path_of(&challenge["_links"]["resend"][0]);
    let early = app.authn(&resend, &json!({ "stateToken": asked["stateToken"] })).await;
    refused(&early, 429, "E0000109");
    app.clock.advance(31);
    app.step(&resend, json!({ "stateToken": asked["stateToken"] })).await;
    let second = app.mailbox().code_for(PHONE).await;
    let body = |code: &str| json!({ "stateToken": asked["stateToken"], "passCode": code });
    if first != second {
        refused(&app.authn(&verify, &body(&first)).await, 403, "E0000068");
    }
    assert_eq!(app.step(&verify, body(&second)).await["status"], "SUCCESS");
}

/// authn.md §5.1: `previous` leads from a challenge to the choice.
async fn going_back_leads_to_the_choice(app: TestApp) {
    app.enrol_totp().await;
    let asked = app.password_of(ALICE).await;
    let token = json!({ "stateToken": asked["stateToken"] });
    refused(&app.authn("/previous", &token).await, 403, "E0000079");
    refused(&app.authn("/skip", &token).await, 403, "E0000079");
    let verify = path_of(&factor_of(&asked, "token:software:totp")["_links"]["verify"]);
    assert_eq!(app.step(&verify, token.clone()).await["status"], "MFA_CHALLENGE");
    assert_eq!(app.step("/previous", token).await["status"], "MFA_REQUIRED");
}

/// authn.md §5.1: cancelling answers 200 with `relayState`, and the state token is dead.
async fn a_transaction_that_is_cancelled_is_over(app: TestApp) {
    app.enrol_totp().await;
    let body = json!({ "username": ALICE, "password": PASSWORD, "relayState": "/deep/link" });
    let asked = app.step("", body).await;
    assert_eq!(asked["relayState"], "/deep/link");
    let token = json!({ "stateToken": asked["stateToken"] });
    assert_eq!(app.step("/cancel", token.clone()).await, json!({ "relayState": "/deep/link" }));
    refused(&app.authn("", &token).await, 401, "E0000011");
    refused(&app.authn("/cancel", &token).await, 401, "E0000011");
}

/// authn.md §4: sliding, and an hour at most.
async fn a_state_token_dies_when_it_is_not_used(app: TestApp) {
    app.enrol_totp().await;
    let asked = app.password_of(ALICE).await;
    let token = json!({ "stateToken": asked["stateToken"] });
    for _ in 0..14 {
        app.clock.advance(4 * 60 + 15);
        app.step("", token.clone()).await;
    }
    app.clock.advance(60);
    refused(&app.authn("", &token).await, 401, "E0000011");
    let asked = app.password_of(ALICE).await;
    app.clock.advance(5 * 60);
    refused(&app.authn("", &json!({ "stateToken": asked["stateToken"] })).await, 401, "E0000011");
}

const NEW: &str = "Blue-Giraffe-Lantern-42";

/// authn.md §5.1: PASSWORD_EXPIRED until the password is changed; the old one must be right.
async fn an_expired_password_must_be_changed(app: TestApp) {
    let rules = PasswordRules { max_age_days: 30, ..PasswordRules::default() };
    app.password_rules(rules, PasswordAction::default()).await;
    app.clock.advance(31 * 86_400);
    let asked = app.password_of(ALICE).await;
    assert_eq!(asked["status"], "PASSWORD_EXPIRED", "{asked}");
    assert_eq!(asked["_embedded"]["policy"]["complexity"]["minLength"], 8);
    let change = path_of(&asked["_links"]["next"]);
    let body = |old: &str, new: &str| json!({ "stateToken": asked["stateToken"], "oldPassword": old, "newPassword": new });
    refused(&app.authn(&change, &body("wrong", NEW)).await, 403, "E0000014");
    refused(&app.authn(&change, &body(PASSWORD, "short")).await, 403, "E0000014");
    assert_eq!(app.step(&change, body(PASSWORD, NEW)).await["status"], "SUCCESS");
    let done = app.step("", json!({ "username": ALICE, "password": NEW })).await;
    assert_eq!(done["status"], "SUCCESS");
}

/// authn.md §5.1: PASSWORD_WARN only for callers that can show it; `skip` leads on.
async fn a_password_that_will_expire_can_be_changed_later(app: TestApp) {
    let rules = PasswordRules { max_age_days: 30, expire_warn_days: 10, ..PasswordRules::default() };
    app.password_rules(rules, PasswordAction::default()).await;
    app.clock.advance(25 * 86_400);
    assert_eq!(app.password_of(ALICE).await["status"], "SUCCESS");
    let options = json!({ "warnBeforePasswordExpired": true });
    let body = json!({ "username": ALICE, "password": PASSWORD, "options": options });
    let warned = app.step("", body).await;
    assert_eq!(warned["status"], "PASSWORD_WARN");
    assert_eq!(warned["_links"]["skip"]["name"], "skip");
    let done = app.step("/skip", json!({ "stateToken": warned["stateToken"] })).await;
    assert_eq!(done["status"], "SUCCESS");
}

/// authn.md §2, §5.2: only a trusted application may leave `factorType` out.
async fn a_trusted_application_gets_the_recovery_token(app: TestApp) {
    let begin = json!({ "username": ALICE });
    refused(&app.authn("/recovery/password", &begin).await, 400, "E0000001");
    let token = app.api_token(Access::Manage).await;
    let told = app.post("/api/v1/authn/recovery/password", &token, &begin).await;
    assert_eq!(told.status, 200, "{}", told.text());
    let told = told.json();
    assert_eq!(told["status"], "RECOVERY");
    let unknown = json!({ "username": "nobody@example.com" });
    refused(&app.post("/api/v1/authn/recovery/password", &token, &unknown).await, 403, "E0000095");
    let wrong = app.post("/api/v1/authn/recovery/password", "none", &begin).await;
    refused(&wrong, 401, "E0000011");
    let reset = app.step("/recovery/token", json!({ "recoveryToken": told["recoveryToken"] })).await;
    assert_eq!(reset["status"], "PASSWORD_RESET", "{reset}");
    app.clock.advance(60);
    let body = json!({ "stateToken": reset["stateToken"], "newPassword": NEW });
    let done = app.step("/credentials/reset_password", body).await;
    assert_eq!(done["status"], "SUCCESS");
    let changed = |answer: &Value| answer["_embedded"]["user"]["passwordChanged"].clone();
    assert_ne!(changed(&done), changed(&reset));
    let user = app.read(&format!("/api/v1/users/{ALICE}"), &token).await.json();
    assert_eq!(changed(&done), user["passwordChanged"]);
    let again = app.authn("/recovery/token", &json!({ "recoveryToken": told["recoveryToken"] })).await;
    refused(&again, 403, "E0000105");
}

/// authn.md §5.1, activation token: an account that has been used before begins anew as well.
async fn a_user_who_is_reactivated_sets_a_password_and_gets_in(app: TestApp) {
    let ssws = app.api_token(Access::Manage).await;
    let id = app.id_of(ALICE).await;
    let turn = async |step: &str| {
        let turned = app.post(&format!("/api/v1/users/{id}/lifecycle/{step}"), &ssws, &json!({})).await;
        assert_eq!(turned.status, 200, "{step}: {}", turned.text());
        turned.json()
    };
    app.clock.advance(1);
    turn("deactivate").await;
    let token = turn("activate?sendEmail=false").await["activationToken"].clone();
    let begun = app.step("", json!({ "token": token })).await;
    assert_eq!(
        (&begun["status"], &begun["recoveryType"]),
        (&json!("PASSWORD_RESET"), &json!("ACCOUNT_ACTIVATION"))
    );
    app.clock.advance(1);
    let body = json!({ "stateToken": begun["stateToken"], "newPassword": NEW });
    let done = app.step(&path_of(&begun["_links"]["next"]), body).await;
    assert_eq!(done["status"], "SUCCESS", "{done}");
    assert_eq!(app.step("", json!({ "username": ALICE, "password": NEW })).await["status"], "SUCCESS");
    refused(&app.authn("", &json!({ "token": token })).await, 401, "E0000004");
}

/// `audience`: what the policy of an application wants is asked of whoever proved something, however that began.
async fn the_policy_of_the_audience_holds_for_every_beginning(app: TestApp) {
    app.seed(
        "authentication_policies:\n  - {name: Web, clients: [web], rules: [{name: All, factor_mode: 2FA}]}\n",
    )
    .await;
    let begin = |audience: &str| json!({ "username": ALICE, "password": PASSWORD, "audience": audience });
    assert_eq!(app.step("", begin(OTHER)).await["status"], "SUCCESS");
    assert_eq!(app.step("", begin(WEB)).await["status"], "MFA_ENROLL");
    refused(&app.authn("", &begin("nobody")).await, 400, "E0000001");
    let ssws = app.api_token(Access::Manage).await;
    let id = app.id_of(BOB).await;
    let path = |step: &str| format!("/api/v1/users/{id}/lifecycle/{step}");
    app.clock.advance(1);
    app.post(&path("deactivate"), &ssws, &json!({})).await;
    let activated = app.post(&path("activate?sendEmail=false"), &ssws, &json!({})).await.json();
    let begun = app.step("", json!({ "token": activated["activationToken"], "audience": WEB })).await;
    app.clock.advance(1);
    let body = json!({ "stateToken": begun["stateToken"], "newPassword": NEW });
    assert_eq!(app.step(&path_of(&begun["_links"]["next"]), body).await["status"], "MFA_ENROLL");
}

/// authn.md §2, §7; S9: a remembered device stands for the policy's prompt, for its user alone, and adds nothing to `amr`.
async fn a_trusted_application_names_a_device_that_is_remembered(app: TestApp) {
    let seed = app.enrol_totp().await;
    let prompt = FactorPrompt::Device;
    app.sign_on(SignOnAction { require_factor: true, factor_prompt_mode: prompt, ..SignOnAction::default() })
        .await;
    let ssws = app.api_token(Access::Manage).await;
    let body = |device: &str| json!({ "username": ALICE, "password": PASSWORD, "context": { "deviceToken": device } });
    let asked = app.post("/api/v1/authn", &ssws, &body("tablet")).await.json();
    assert_eq!(asked["_embedded"]["policy"]["allowRememberDevice"], true, "{asked}");
    let verify = path_of(&factor_of(&asked, "token:software:totp")["_links"]["verify"]);
    // As Okta's libraries do: the device is named once.
    let answer = json!({ "stateToken": asked["stateToken"], "passCode": app.totp(&seed) });
    let done = app.post(&format!("/api/v1/authn{verify}?rememberDevice=true"), &ssws, &answer).await;
    assert_eq!(done.json()["status"], "SUCCESS", "{}", done.text());
    let session = app
        .client()
        .post_json("/api/v1/sessions", &json!({ "sessionToken": done.json()["sessionToken"] }))
        .await;
    assert_eq!(session.json()["amr"], json!(["pwd", "otp", "mfa"]));
    assert_eq!(session.json()["mfaActive"], true);
    let known = app.post("/api/v1/authn", &ssws, &body("tablet")).await.json();
    assert_eq!(known["status"], "SUCCESS");
    let session =
        app.client().post_json("/api/v1/sessions", &json!({ "sessionToken": known["sessionToken"] })).await;
    assert_eq!(session.json()["amr"], json!(["pwd"]));
    let other = app.post("/api/v1/authn", &ssws, &body("phone")).await.json();
    assert_eq!(other["status"], "MFA_REQUIRED");
    // Public applications name no devices.
    let public = app.step("", body("tablet")).await;
    assert_eq!(public["status"], "MFA_REQUIRED");
}

/// A token that no page and no application of ours was given opens nothing in a browser (RFC 9700 §4.7).
async fn a_session_token_of_a_program_is_for_programs(app: TestApp) {
    let token = |done: Value| done["sessionToken"].as_str().unwrap().to_owned();
    let exchange = async |token: &str, origin: Option<&str>| {
        let request = app.client().request(Method::POST, "/api/v1/sessions");
        let request = match origin {
            Some(origin) => request.header("origin", origin),
            None => request,
        };
        request.json(&json!({ "sessionToken": token })).send().await.status
    };
    let program = token(app.password_of(ALICE).await);
    assert_eq!(exchange(&program, Some("https://portal.example.com")).await, 401);
    let credentials = json!({ "username": ALICE, "password": PASSWORD });
    let paged = app.authn_from("https://portal.example.com", "", &credentials).await.json();
    let paged = token(paged);
    assert_eq!(exchange(&paged, Some("https://other.example.com")).await, 401);
    assert_eq!(exchange(&paged, Some("https://portal.example.com")).await, 200);
    let ssws = app.api_token(Access::Manage).await;
    let trusted = token(app.post("/api/v1/authn", &ssws, &credentials).await.json());
    assert_eq!(exchange(&trusted, Some("https://portal.example.com")).await, 200);
}

/// Everything that has an address.
const STEPS: [&str; 8] = [
    "/previous",
    "/skip",
    "/credentials/change_password",
    "/credentials/reset_password",
    "/recovery/answer",
    "/recovery/factors/SMS/verify",
    "/recovery/factors/sms/resend",
    "/factors",
];

/// authn.md §4: a state token is good for the published transitions and for nothing else (403 E0000079).
async fn every_published_link_works_and_no_other(app: TestApp) {
    app.enrol_totp().await;
    let rules = PasswordRules { max_age_days: 30, ..PasswordRules::default() };
    for status in ["MFA_REQUIRED", "MFA_CHALLENGE", "PASSWORD_EXPIRED", "MFA_ENROLL", "MFA_ENROLL_ACTIVATE"] {
        let mut state = match status {
            "PASSWORD_EXPIRED" => {
                app.password_rules(rules.clone(), PasswordAction::default()).await;
                app.sign_on(SignOnAction::default()).await;
                app.clock.advance(31 * 86_400);
                app.password_of(ALICE).await
            }
            "MFA_ENROLL" | "MFA_ENROLL_ACTIVATE" => {
                app.password_rules(PasswordRules::default(), PasswordAction::default()).await;
                app.require_factor().await;
                app.password_of(BOB).await
            }
            _ => app.password_of(ALICE).await,
        };
        let token = json!({ "stateToken": state["stateToken"] });
        if status == "MFA_CHALLENGE" {
            let verify = path_of(&factor_of(&state, "token:software:totp")["_links"]["verify"]);
            state = app.step(&verify, token.clone()).await;
        }
        if status == "MFA_ENROLL_ACTIVATE" {
            let mut body = token.clone();
            body["factorType"] = "token:software:totp".into();
            body["provider"] = "OKTA".into();
            state = app.step("/factors", body).await;
        }
        assert_eq!(state["status"], status, "{state}");
        let published = state["_links"].to_string();
        let mut body = token.clone();
        for (name, value) in [
            ("oldPassword", "x"),
            ("newPassword", "x"),
            ("answer", "x"),
            ("passCode", "x"),
            ("factorType", "question"),
        ] {
            body[name] = value.into();
        }
        for path in STEPS {
            let offered = published.contains(path) || path == "/factors" && status == "MFA_ENROLL";
            let answer = app.authn(path, if offered { &token } else { &body }).await;
            if offered {
                assert_ne!(answer.json()["errorCode"], "E0000079", "{status} {path}");
                if path == "/previous" {
                    assert_eq!(answer.status, 200, "{status} {path}: {}", answer.text());
                    break;
                }
            } else {
                refused(&answer, 403, "E0000079");
            }
        }
        let foreign = app.authn("/factors/ostnone/verify", &body).await;
        refused(&foreign, 403, "E0000079");
        assert_eq!(app.step("/cancel", token).await, json!({}));
    }
}

/// ARCHITECTURE §6: of two requests that take a step from the same state, one does.
async fn of_two_answers_to_one_state_one_wins(app: TestApp) {
    let seed = app.enrol_totp().await;
    let asked = app.password_of(ALICE).await;
    let verify = path_of(&factor_of(&asked, "token:software:totp")["_links"]["verify"]);
    let body = json!({ "stateToken": asked["stateToken"], "passCode": app.totp(&seed) });
    let answers = futures_util::future::join_all((0..16).map(|_| app.authn(&verify, &body))).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(won, 1, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
}

/// A transaction is a row: nothing about it is kept in memory.
async fn a_transaction_survives_a_restart(app: TestApp) {
    let seed = app.enrol_totp().await;
    let asked = app.password_of(ALICE).await;
    let verify = path_of(&factor_of(&asked, "token:software:totp")["_links"]["verify"]);
    let app = app.restart(crate::support::app::Change::default()).await;
    app.clock.advance(30);
    let body = json!({ "stateToken": asked["stateToken"], "passCode": app.totp(&seed) });
    assert_eq!(app.step(&verify, body).await["status"], "SUCCESS");
    let none = stepgate::secret::TokenHash::of(asked["stateToken"].as_str().unwrap());
    let row = store::authn_transaction::find(&app.app.db, &none, app.app.now()).await.unwrap();
    assert!(row.is_none());
    assert!(TransactionId::PREFIX == "txn");
}
