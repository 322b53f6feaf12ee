//! `sms`, `call` and `email`: codes, and a link, that are sent.

use serde_json::json;
use stepgate::factor::{FactorError, service};

use crate::support::{
    Test, TestApp,
    factor::{PHONE, caller, challenge, factor, refusal, transaction, wrong},
    fixtures::{ALICE, BOB},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            a_phone_is_enrolled_activated_challenged_and_verified,
            a_link_is_confirmed_once_and_ends_only_its_own_sign_in;
        sqlite:
            a_call_has_an_extension,
            a_mail_goes_to_an_address_of_the_user,
            a_phone_is_activated_on_the_word_of_an_administrator,
            a_phone_is_replaced_by_an_administrator_only,
            messages_have_gaps_of_their_kind,
            a_user_has_one_phone_for_text_messages;
    ]
}

/// Okta Factors API: CHALLENGE with the links that verify, and E.164 without dashes in answers (Okta's Python client).
async fn a_phone_is_enrolled_activated_challenged_and_verified(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let body =
        json!({"factorType": "sms", "provider": "OKTA", "profile": {"phoneNumber": "+1-555-415-1337"}});
    let enrolled = alice.enroll(&body).await;
    let id = enrolled["id"].as_str().unwrap().to_owned();
    let base = app.url(&alice.path(&format!("/factors/{id}")));
    assert!(id.starts_with("mbl"));
    assert_eq!(enrolled["profile"], json!({ "phoneNumber": PHONE }));
    let resend = json!({ "name": "sms", "href": format!("{base}/resend"), "hints": { "allow": ["POST"] } });
    assert_eq!(enrolled["_links"]["resend"], resend);
    let code = app.mailbox().code_for(PHONE).await;
    assert_eq!(refusal(&alice.activate(&id, &wrong(&code)).await), (403, "E0000068".to_owned()));
    assert_eq!(alice.activate(&id, &code).await.json()["status"], "ACTIVE");
    app.clock.advance(31);

    let challenged = alice.post(&format!("/factors/{id}/verify"), &json!({})).await;
    assert_eq!(challenged.status, 200, "{}", challenged.text());
    assert_eq!(
        challenged.json(),
        json!({
            "factorResult": "CHALLENGE",
            "_links": {
                "verify": { "href": format!("{base}/verify"), "hints": { "allow": ["POST"] } },
                "factor": { "href": base, "hints": { "allow": ["GET", "DELETE"] } },
            },
        })
    );
    let code = app.mailbox().code_for(PHONE).await;
    assert_eq!(refusal(&alice.verify(&id, &wrong(&code)).await), (403, "E0000068".to_owned()));
    assert_eq!(alice.verify(&id, &code).await.json(), json!({ "factorResult": "SUCCESS" }));
    assert!(app.logged("system.sms.send_phone_verification_message", None).await);
    assert!(app.logged("system.sms.send_factor_verify_message", None).await);
}

async fn a_call_has_an_extension(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let profile = json!({ "phoneNumber": PHONE, "phoneExtension": "1234" });
    let enrolled = alice.enroll(&json!({"factorType": "call", "provider": "OKTA", "profile": profile})).await;
    assert_eq!(enrolled["profile"], profile);
    assert_eq!(enrolled["_links"]["resend"]["name"], "call");
    let id = enrolled["id"].as_str().unwrap();
    assert!(id.starts_with("clf"));
    assert_eq!(alice.activate(id, &app.mailbox().code_for(PHONE).await).await.status, 200);
    for (profile, code) in [
        (json!({ "phoneNumber": "12345" }), "E0000098"),
        (json!({ "phoneNumber": 12345 }), "E0000098"),
        (json!({}), "E0000098"),
        (json!({ "phoneNumber": PHONE, "phoneExtension": "1234567890123456" }), "E0000121"),
    ] {
        let bob = app.factors_of(BOB).await;
        let body = json!({"factorType": "call", "provider": "OKTA", "profile": profile});
        assert_eq!(refusal(&bob.post("/factors", &body).await), (400, code.to_owned()), "{profile}");
    }
}

async fn a_mail_goes_to_an_address_of_the_user(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let body =
        |email: &str| json!({"factorType": "email", "provider": "OKTA", "profile": { "email": email }});
    for foreign in ["mallory@example.com", "", "x", &"a".repeat(101)] {
        let refused = alice.post("/factors", &body(foreign)).await;
        assert_eq!(refusal(&refused), (400, "E0000001".to_owned()), "{foreign}");
    }
    let enrolled = alice.enroll(&body(ALICE)).await;
    let id = enrolled["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("emf"));
    assert_eq!(alice.activate(&id, &app.mailbox().code_for(ALICE).await).await.status, 200);
    app.clock.advance(6);
    let path = format!("/factors/{id}/verify?tokenLifetimeSeconds=60");
    let challenged = alice.post(&path, &json!({})).await.json();
    assert!(challenged.get("profile").is_none(), "{challenged}");
    let code = app.mailbox().code_for(ALICE).await;
    app.clock.advance(61);
    assert_eq!(
        refusal(&alice.verify(&id, &code).await),
        (403, "E0000068".to_owned()),
        "it lived for a minute"
    );
    for seconds in ["0", "86401", "-5"] {
        let path = format!("/factors/{id}/verify?tokenLifetimeSeconds={seconds}");
        assert_eq!(alice.post(&path, &json!({})).await.status, 400, "{seconds}");
    }
    let removed = alice.delete(&format!("/factors/{id}")).await;
    assert_eq!(removed.status, 204);
}

async fn a_phone_is_activated_on_the_word_of_an_administrator(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let body = json!({"factorType": "sms", "provider": "OKTA", "profile": { "phoneNumber": PHONE }});
    let enrolled = alice.post("/factors?activate=true", &body).await.json();
    assert_eq!(enrolled["status"], "ACTIVE");
    assert!(app.mailbox().unread(PHONE).await.is_empty());
    assert!(app.logged("user.mfa.factor.activate", None).await);
}

/// `updatePhone`: the new number counts when it was proved; until then there is no phone.
async fn a_phone_is_replaced_by_an_administrator_only(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let id = alice.sent("sms", PHONE).await;
    let body = json!({"factorType": "sms", "provider": "OKTA", "profile": { "phoneNumber": "+4930123456" }});
    assert_eq!(refusal(&alice.post("/factors", &body).await), (400, "E0000001".to_owned()));
    let replaced = alice.post("/factors?updatePhone=true", &body).await.json();
    assert_eq!(replaced["status"], "PENDING_ACTIVATION", "{replaced}");
    assert_eq!(refusal(&alice.get(&format!("/factors/{id}")).await).0, 404);
    let new = replaced["id"].as_str().unwrap();
    assert_eq!(alice.activate(new, &app.mailbox().code_for("+4930123456").await).await.status, 200);
    assert_eq!(alice.get("/factors").await.json().as_array().unwrap().len(), 1);
}

/// Okta: 30 s for text messages and calls, 5 s for mails, each with its own code; a resend is a message.
async fn messages_have_gaps_of_their_kind(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    for (factor_type, profile, gap, code) in [
        ("sms", json!({ "phoneNumber": PHONE }), 30, "E0000109"),
        ("call", json!({ "phoneNumber": PHONE }), 30, "E0000133"),
        ("email", json!({ "email": ALICE }), 5, "E0000118"),
    ] {
        let body = json!({"factorType": factor_type, "provider": "OKTA", "profile": profile});
        let id = alice.enroll(&body).await["id"].as_str().unwrap().to_owned();
        let resend = format!("/factors/{id}/resend");
        assert_eq!(refusal(&alice.post(&resend, &body).await), (429, code.to_owned()), "{factor_type}");
        app.clock.advance(gap);
        assert_eq!(alice.post(&resend, &body).await.status, 200, "{factor_type}");
        assert_eq!(app.mailbox().unread(if factor_type == "email" { ALICE } else { PHONE }).await.len(), {
            // The two of this kind, and for the call those of the text message.
            if factor_type == "call" { 4 } else { 2 }
        });
    }
}

async fn a_user_has_one_phone_for_text_messages(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    alice.sent("sms", PHONE).await;
    let other =
        json!({"factorType": "sms", "provider": "OKTA", "profile": { "phoneNumber": "+15554150000" }});
    assert_eq!(refusal(&alice.post("/factors", &other).await), (400, "E0000001".to_owned()));
    // A call reuses the number when none is named.
    let call = alice.enroll(&json!({"factorType": "call", "provider": "OKTA"})).await;
    assert_eq!(call["profile"]["phoneNumber"], PHONE);
}

/// Security rule S5: looking at a link changes nothing; confirming it counts once, for the sign-in that sent it.
async fn a_link_is_confirmed_once_and_ends_only_its_own_sign_in(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let id = alice.sent("email", ALICE).await;
    let user = alice.user.clone();
    let (here, elsewhere) = (transaction("here"), transaction("elsewhere"));
    let caller = caller("192.0.2.1");
    for transaction in [&here, &elsewhere] {
        challenge(&app, &user, &id, (transaction, &caller)).await.unwrap();
        app.clock.advance(6);
    }
    let factor = factor(&app, &user, &id).await;
    let mails = app.mailbox().unread(ALICE).await;
    let links: Vec<String> =
        mails.iter().filter(|mail| mail.text.contains("token=")).map(|mail| mail.link()).collect();
    assert_eq!(links.len(), 2, "{mails:?}");
    let start = format!("{}{}?token=", app.issuer, service::LINK);
    let mut token = String::new();
    // They may arrive in any order.
    for link in &links {
        let found = link.strip_prefix(&start).unwrap();
        let linked = service::find_link(&app.app, found).await.unwrap().unwrap();
        if linked.transaction_id == here {
            found.clone_into(&mut token);
        }
    }

    for _ in 0..3 {
        let linked = service::find_link(&app.app, &token).await.unwrap().unwrap();
        assert_eq!(linked.transaction_id, here);
        assert_eq!(linked.user_id, user.id);
    }
    assert!(service::verify_link(&app.app, &user, &factor, (&here, &caller)).await.unwrap().is_none());
    service::confirm_link(&app.app, &token, &caller).await.unwrap();
    let again = service::confirm_link(&app.app, &token, &caller).await;
    assert!(matches!(again, Err(FactorError::Wrong)), "{again:?}");
    assert!(service::find_link(&app.app, &token).await.unwrap().is_none());
    assert!(service::verify_link(&app.app, &user, &factor, (&elsewhere, &caller)).await.unwrap().is_none());
    let one = service::verify_link(&app.app, &user, &factor, (&here, &caller)).await.unwrap().unwrap();
    let two = service::verify_link(&app.app, &user, &factor, (&here, &caller)).await.unwrap().unwrap();
    assert_eq!(one.verified.amr, ["email"]);
    let writer = app.app.db.writer();
    assert_eq!(writer.commit(one.unit).await.unwrap(), stepgate::store::unit::Outcome::Won);
    assert!(matches!(writer.commit(two.unit).await.unwrap(), stepgate::store::unit::Outcome::Lost(_)));
    assert!(service::verify_link(&app.app, &user, &factor, (&here, &caller)).await.unwrap().is_none());
    assert!(app.logged("system.email.challenge_factor_redeemed", None).await);
    assert!(app.logged("user.authentication.auth_via_mfa", Some("passcode_replayed")).await);
}
