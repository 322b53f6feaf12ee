//! One-time passwords: once, in their time, so many guesses, so many messages, nothing at rest (group O); failures that count
//! apart (N3); resets by administrators (S7).

use http::Method;
use serde_json::{Value, json};
use stepgate::{
    factor::{Answer, FactorError, Purpose, service},
    id::ClientId,
    limit::rate::{Bucket, Rate},
    model::factor::FactorKind,
    secret::Secret,
    store::unit::Outcome,
    syslog::{Actor, Caller},
};

use crate::support::{
    Test, TestApp,
    app::Change,
    factor::{
        Authenticator, PHONE, Program, caller, challenge, enrolment, factor, refusal, transaction, wrong,
    },
    fixtures::{ALICE, BOB, PASSWORD, WEB},
    http::Browser,
    op::sign_in_on,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            sec_o01_a_code_counts_once_on_all_nodes,
            sec_o02_of_32_who_use_one_code_one_gets_in,
            sec_o02_of_32_who_activate_with_one_code_one_does,
            sec_o06_a_burst_of_wrong_codes_gets_five_tries,
            sec_o06_a_burst_of_messages_is_one,
            sec_n03_ten_wrong_codes_an_hour_and_fifty_in_all;
        sqlite:
            sec_o01_a_used_code_does_not_count_in_another_sign_in,
            sec_o03_a_code_two_steps_old_is_late,
            sec_o04_an_enrolment_is_no_factor_and_its_code_is_used_up,
            sec_o05_a_code_is_written_in_one_way,
            sec_o06_a_code_belongs_to_its_sign_in_and_factor,
            sec_o06_a_new_code_ends_the_old_one,
            sec_o06_a_code_takes_five_answers_and_lives_for_minutes,
            sec_o06_messages_are_counted_by_destination_and_address,
            sec_o06_messages_are_counted_by_country,
            sec_o07_codes_and_seeds_are_nowhere,
            sec_n03_failures_of_factors_and_passwords_count_apart,
            sec_s07_an_administrator_who_resets_ends_what_was_proved,
            sec_s07_a_removed_factor_ends_the_sessions,
            sec_s07_a_phone_that_an_administrator_replaces_is_reset;
    ]
}

fn replayed() -> (u16, String) {
    (403, "E0000082".to_owned())
}

fn refused() -> (u16, String) {
    (403, "E0000068".to_owned())
}

fn pass_code(code: &str) -> Answer {
    Answer::PassCode(Secret::new(code.to_owned()))
}

/// RFC 6238 §5.2: the second attempt with a code fails, on another node too, and an older code after a newer one.
async fn sec_o01_a_code_counts_once_on_all_nodes(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let authenticator = alice.authenticator().await;
    let id = &authenticator.id;
    let node = app.second_node().await;
    let there = async |code: &str| {
        let address = format!("http://{}{}", node.address, alice.path(&format!("/factors/{id}/verify")));
        let client = crate::support::http::Client::new(&format!("http://{}", node.address));
        let host = app.issuer.strip_prefix("http://").unwrap();
        let request = client.request(Method::POST, &address).header("host", host);
        let request = request.header("authorization", &format!("SSWS {}", alice.token));
        request.json(&json!({ "passCode": code })).send().await
    };
    let (now, next) = (authenticator.code(&app, 0), authenticator.code(&app, 1));
    assert_eq!(alice.verify(id, &now).await.status, 200);
    assert_eq!(refusal(&alice.verify(id, &now).await), replayed());
    assert_eq!(refusal(&there(&now).await), replayed());
    assert_eq!(there(&next).await.status, 200);
    assert_eq!(refusal(&alice.verify(id, &next).await), replayed());
    assert_eq!(refusal(&there(&now).await), replayed());
    assert!(app.logged("user.authentication.auth_via_mfa", Some("passcode_replayed")).await);
}

/// FreeIPA#4410: what was used in one sign-in does not count in another, nor for a step-up.
async fn sec_o01_a_used_code_does_not_count_in_another_sign_in(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let authenticator = alice.authenticator().await;
    let factor = factor(&app, &alice.user, &authenticator.id).await;
    let (one, two, caller) = (transaction("1"), transaction("2"), caller("192.0.2.1"));
    let answer = pass_code(&authenticator.code(&app, 0));
    let how = (Purpose::Transaction(&one), &caller);
    let proof = service::verify(&app.app, &alice.user, &factor, &answer, how).await.unwrap();
    assert_eq!(proof.verified.amr, ["google_otp"]);
    assert_eq!(app.app.db.writer().commit(proof.unit).await.unwrap(), Outcome::Won);
    let how = (Purpose::Transaction(&two), &caller);
    let again = service::verify(&app.app, &alice.user, &factor, &answer, how).await;
    assert!(matches!(again, Err(FactorError::Replayed)), "{again:?}");
}

/// 32 submits of one right code at the same moment: one success, no fault.
async fn sec_o02_of_32_who_use_one_code_one_gets_in(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let authenticator = alice.authenticator().await;
    let phone = alice.sent("sms", PHONE).await;
    let path = format!("/factors/{phone}/verify");
    assert_eq!(alice.post(&path, &json!({})).await.status, 200);
    let sent = app.mailbox().code_for(PHONE).await;
    for (id, code) in [(&authenticator.id, authenticator.code(&app, 0)), (&phone, sent)] {
        let answers = futures_util::future::join_all((0..32).map(|_| alice.verify(id, &code))).await;
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses.iter().filter(|&&status| status == 200).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|&&status| status == 403).count(), 31, "{statuses:?}");
    }
}

/// The code of an enrolment counts once as well.
async fn sec_o02_of_32_who_activate_with_one_code_one_does(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let enrolled = alice.enroll(&json!({"factorType": "token:software:totp", "provider": "OKTA"})).await;
    let authenticator = Authenticator::new(&enrolled);
    let code = authenticator.code(&app, 0);
    let answers =
        futures_util::future::join_all((0..32).map(|_| alice.activate(&authenticator.id, &code))).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses.iter().filter(|&&status| status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 403, 423, 429].contains(status)), "{statuses:?}");
}

/// CVE-2024-7318: one step either way, no more; what the client says about the time is not asked.
async fn sec_o03_a_code_two_steps_old_is_late(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let authenticator = alice.authenticator().await;
    let id = &authenticator.id;
    // In the middle of a step, so that none ends meanwhile.
    let second = app.app.now().unix_timestamp().rem_euclid(30);
    app.clock.advance(90 + 10 - second);
    for steps in [-3, -2] {
        let late = alice.verify(id, &authenticator.code(&app, steps)).await;
        assert_eq!(refusal(&late), (403, "E0000083".to_owned()), "{steps}");
    }
    // Whoever guesses must not learn which code is going to be right.
    for steps in [2, 3] {
        let early = alice.verify(id, &authenticator.code(&app, steps)).await;
        assert_eq!(refusal(&early), refused(), "{steps}");
    }
    let body =
        json!({ "passCode": authenticator.code(&app, -2), "time": app.app.now().unix_timestamp() - 60 });
    let told = alice.post(&format!("/factors/{id}/verify"), &body).await;
    assert_eq!(refusal(&told), (403, "E0000083".to_owned()));
    assert_eq!(refusal(&alice.verify(id, &authenticator.code(&app, -200)).await), refused());
    for steps in [-1, 0, 1] {
        assert_eq!(alice.verify(id, &authenticator.code(&app, steps)).await.status, 200, "{steps}");
    }
}

/// Until it is activated it proves nothing and its secret is not told again; the code that activates it is used up by that.
async fn sec_o04_an_enrolment_is_no_factor_and_its_code_is_used_up(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let enrolled = alice.enroll(&json!({"factorType": "token:software:totp", "provider": "OKTA"})).await;
    let authenticator = Authenticator::new(&enrolled);
    let secret = enrolled["_embedded"]["activation"]["sharedSecret"].as_str().unwrap();
    let code = authenticator.code(&app, 0);
    assert_eq!(refusal(&alice.verify(&authenticator.id, &code).await), (423, "E0000180".to_owned()));
    for path in ["/factors".to_owned(), format!("/factors/{}", authenticator.id)] {
        assert!(!alice.get(&path).await.body_contains(secret));
    }
    let activated = alice.activate(&authenticator.id, &code).await;
    assert_eq!(activated.status, 200);
    assert!(!activated.body_contains(secret));
    assert_eq!(refusal(&alice.verify(&authenticator.id, &code).await), replayed());
    let next = authenticator.code(&app, 1);
    assert_eq!(alice.verify(&authenticator.id, &next).await.status, 200);
}

/// Digits of other scripts, blanks inside, other lengths are no code, and no second spelling of a used one.
async fn sec_o05_a_code_is_written_in_one_way(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let authenticator = alice.authenticator().await;
    let code = authenticator.code(&app, 0);
    let wide: String = code
        .chars()
        .map(|digit| char::from_u32(u32::from(digit) - u32::from('0') + 0xff10).unwrap())
        .collect();
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    for typed in
        [wide, spaced, format!("{code}0"), code[1..].to_owned(), format!("+{}", &code[1..]), String::new()]
    {
        assert_eq!(refusal(&alice.verify(&authenticator.id, &typed).await), refused(), "{typed}");
    }
    assert_eq!(alice.verify(&authenticator.id, &format!(" {code}\n")).await.status, 200);
    assert_eq!(refusal(&alice.verify(&authenticator.id, &code).await), replayed());
}

/// A code counts for the factor and the sign-in that it was sent for, and for the user whose they are.
async fn sec_o06_a_code_belongs_to_its_sign_in_and_factor(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let bob = app.factors_of(BOB).await;
    let (sms, call) = (alice.sent("sms", PHONE).await, alice.sent("call", PHONE).await);
    let foreign = bob.sent("sms", "+4930123456").await;
    let (one, two, caller) = (transaction("1"), transaction("2"), caller("192.0.2.1"));
    challenge(&app, &alice.user, &sms, (&one, &caller)).await.unwrap();
    let code = app.mailbox().code_for(PHONE).await;
    for transaction in [&one, &two] {
        app.clock.advance(31);
        challenge(&app, &alice.user, &call, (transaction, &caller)).await.unwrap();
        challenge(&app, &bob.user, &foreign, (transaction, &caller)).await.unwrap();
    }
    let verify = async |program: &Program<'_>, id: &str, purpose: Purpose<'_>| {
        let factor = factor(&app, &program.user, id).await;
        service::verify(&app.app, &program.user, &factor, &pass_code(&code), (purpose, &caller)).await
    };
    for (program, id, purpose) in [
        (&alice, &sms, Purpose::Transaction(&two)),
        (&alice, &sms, Purpose::Api),
        (&alice, &call, Purpose::Transaction(&one)),
        (&bob, &foreign, Purpose::Transaction(&one)),
    ] {
        let wrong = verify(program, id, purpose).await;
        assert!(matches!(wrong, Err(FactorError::Wrong)), "{id} {purpose:?}");
    }
    verify(&alice, &sms, Purpose::Transaction(&one)).await.unwrap();
}

async fn sec_o06_a_new_code_ends_the_old_one(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let id = alice.sent("sms", PHONE).await;
    let path = format!("/factors/{id}/verify");
    alice.post(&path, &json!({})).await;
    let old = app.mailbox().code_for(PHONE).await;
    app.clock.advance(30);
    alice.post(&path, &json!({})).await;
    let new = app.mailbox().code_for(PHONE).await;
    assert_ne!(old, new, "one in a million");
    assert_eq!(refusal(&alice.verify(&id, &old).await), refused());
    assert_eq!(alice.verify(&id, &new).await.status, 200);
}

/// NIST SP 800-63B-4 §3.1.3.2: ten minutes at most, whatever the caller asks for, and five tries.
async fn sec_o06_a_code_takes_five_answers_and_lives_for_minutes(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let id = alice.sent("sms", PHONE).await;
    let path = format!("/factors/{id}/verify");
    alice.post(&path, &json!({})).await;
    let code = app.mailbox().code_for(PHONE).await;
    for _ in 0..5 {
        assert_eq!(refusal(&alice.verify(&id, &wrong(&code)).await), refused());
    }
    assert_eq!(refusal(&alice.verify(&id, &code).await), refused(), "the sixth");

    app.clock.advance(3600);
    for (path, lives, dies) in
        [(path.clone(), 299, 2), (format!("{path}?tokenLifetimeSeconds=86400"), 599, 2)]
    {
        alice.post(&path, &json!({})).await;
        let code = app.mailbox().code_for(PHONE).await;
        app.clock.advance(lives + dies);
        assert_eq!(refusal(&alice.verify(&id, &code).await), refused(), "{path}");
        alice.post(&path, &json!({})).await;
        let code = app.mailbox().code_for(PHONE).await;
        app.clock.advance(lives - 5);
        assert_eq!(alice.verify(&id, &code).await.status, 200, "{path}");
        app.clock.advance(3600);
    }
}

/// Tries are charged before they are looked at: of 32 at once no more than five were.
async fn sec_o06_a_burst_of_wrong_codes_gets_five_tries(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let id = alice.sent("sms", PHONE).await;
    alice.post(&format!("/factors/{id}/verify"), &json!({})).await;
    let code = app.mailbox().code_for(PHONE).await;
    let bad = wrong(&code);
    let answers = futures_util::future::join_all((0..32).map(|_| alice.verify(&id, &bad))).await;
    assert!(answers.iter().all(|answer| answer.status == 403));
    assert_eq!(refusal(&alice.verify(&id, &code).await), refused());
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    use sea_orm::EntityTrait;
    let challenge = entity::factor_challenge::Entity::find().all(&database).await.unwrap();
    assert!(challenge.iter().all(|challenge| challenge.tries <= 5), "{challenge:?}");
    let failures = entity::factor::Entity::find().one(&database).await.unwrap().unwrap().failures;
    assert_eq!(failures, 5, "answers that were not looked at cost the factor nothing");
}

async fn sec_o06_a_burst_of_messages_is_one(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let id = alice.sent("sms", PHONE).await;
    let path = format!("/factors/{id}/verify");
    let none = json!({});
    let answers = futures_util::future::join_all((0..16).map(|_| alice.post(&path, &none))).await;
    let sent = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(sent, 1);
    let limited = answers.iter().filter(|answer| answer.status == 429);
    assert!(
        limited.clone().count() == 15
            && limited.clone().all(|answer| answer.json()["errorCode"] == "E0000109")
    );
    assert_eq!(app.mailbox().unread(PHONE).await.len(), 1);
}

/// Five in an hour that nobody answered, to one destination, and from one address whoever it is about.
async fn sec_o06_messages_are_counted_by_destination_and_address(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let id = alice.sent("sms", PHONE).await;
    let path = format!("/factors/{id}/verify");
    for _ in 0..5 {
        assert_eq!(alice.post(&path, &json!({})).await.status, 200);
        app.clock.advance(31);
    }
    let refused = alice.post(&path, &json!({})).await;
    assert_eq!(refusal(&refused), (429, "E0000047".to_owned()));
    // It says when the hour of the first one is over, and so it is.
    assert_eq!(refused.header("x-rate-limit-remaining"), Some("0"));
    let wait: i64 = refused.header("retry-after").unwrap().parse().unwrap();
    app.clock.advance(wait - 2);
    assert_eq!(refusal(&alice.post(&path, &json!({})).await), (429, "E0000047".to_owned()));
    app.clock.advance(2);
    assert_eq!(alice.post(&path, &json!({})).await.status, 200);
    app.clock.advance(3600);
    // What is answered is given back.
    for _ in 0..7 {
        assert_eq!(alice.post(&path, &json!({})).await.status, 200);
        let code = app.mailbox().code_for(PHONE).await;
        assert_eq!(alice.verify(&id, &code).await.status, 200);
        app.clock.advance(31);
    }

    // Enrolling ever other phones from one address: the sixth is refused, from another address it is not.
    app.clock.advance(3600);
    let bob = app.user(BOB).await;
    let (transaction, here, elsewhere) = (transaction("1"), caller("192.0.2.1"), caller("192.0.2.2"));
    let enroll = async |number: &str, caller| {
        let enrolment = enrolment(FactorKind::Sms, &json!({ "phoneNumber": number }));
        let purpose = Purpose::Transaction(&transaction);
        let enrolled = service::enroll(&app.app, &bob, enrolment, purpose, caller).await?;
        app.app.db.writer().commit(enrolled.unit).await.unwrap();
        Ok::<(), FactorError>(())
    };
    for last in 0..5 {
        enroll(&format!("+1555415900{last}"), &here).await.unwrap();
    }
    let sixth = enroll("+15554159005", &here).await;
    assert!(matches!(sixth, Err(FactorError::TooManyMessages(_))), "{sixth:?}");
    assert!(app.logged("system.org.rate_limit.violation", Some("factor_messages")).await);
    enroll("+15554159005", &elsewhere).await.unwrap();
    // A trusted application asks for all its users from one address.
    let trusted = Caller { actor: Some(Actor::Client(ClientId::new("app"))), ..here.clone() };
    enroll("+15554159006", &trusted).await.unwrap();
}

/// Toll fraud: so many messages an hour to a country, answered or not; and countries that get none.
async fn sec_o06_messages_are_counted_by_country(app: TestApp) {
    let settings: fn(&mut stepgate::app::Settings) = |settings| {
        settings.phone.per_country_and_hour = 3;
        settings.phone.countries = vec!["1".to_owned(), "49".to_owned()];
    };
    let app = app.restart(Change { settings: Some(settings), ..Change::default() }).await;
    let alice = app.factors_of(ALICE).await;
    let id = alice.sent("sms", PHONE).await;
    let path = format!("/factors/{id}/verify");
    for _ in 0..2 {
        assert_eq!(alice.post(&path, &json!({})).await.status, 200);
        let code = app.mailbox().code_for(PHONE).await;
        assert_eq!(alice.verify(&id, &code).await.status, 200);
        app.clock.advance(31);
    }
    assert_eq!(refusal(&alice.post(&path, &json!({})).await), (429, "E0000047".to_owned()));
    let bob = app.factors_of(BOB).await;
    bob.sent("sms", "+4930123456").await;
    let body =
        json!({"factorType": "call", "provider": "OKTA", "profile": { "phoneNumber": "+882161234567" }});
    assert_eq!(refusal(&bob.post("/factors", &body).await), (403, "E0000099".to_owned()));
}

/// ASVS 6.5.2, 16.2.5: what is at rest, what is logged and what is answered holds no code and no seed.
async fn sec_o07_codes_and_seeds_are_nowhere(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let enrolled = alice.enroll(&json!({"factorType": "token:software:totp", "provider": "OKTA"})).await;
    let seed = enrolled["_embedded"]["activation"]["sharedSecret"].as_str().unwrap().to_owned();
    let authenticator = Authenticator::new(&enrolled);
    let totp = authenticator.code(&app, 0);
    assert_eq!(alice.activate(&authenticator.id, &totp).await.status, 200);
    let profile = json!({ "question": "disliked_food", "answer": "mayonnaise-and-more" });
    alice.enroll(&json!({"factorType": "question", "provider": "OKTA", "profile": profile})).await;
    let id = alice.sent("sms", PHONE).await;
    let challenged = alice.post(&format!("/factors/{id}/verify"), &json!({})).await;
    let sent = app.mailbox().code_for(PHONE).await;
    assert!(!challenged.body_contains(&sent));
    alice.verify(&id, &wrong(&sent)).await;
    let secrets = [seed.as_str(), totp.as_str(), sent.as_str(), "mayonnaise-and-more"];
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    use sea_orm::EntityTrait;
    let rows = format!(
        "{:?} {:?} {:?} {:?}",
        entity::factor::Entity::find().all(&database).await.unwrap(),
        entity::factor_challenge::Entity::find().all(&database).await.unwrap(),
        entity::factor_budget::Entity::find().all(&database).await.unwrap(),
        entity::outbox::Entity::find().all(&database).await.unwrap(),
    );
    assert!(rows.contains("PENDING") || rows.contains("ACTIVE"));
    let events =
        stepgate::store::log_event::list(&app.app.db, time::OffsetDateTime::UNIX_EPOCH, 1000).await.unwrap();
    // Of an event, what is told of it: ids and times may happen to hold any six digits.
    let events: Vec<String> = events.into_iter().filter_map(|(_, event)| event.detail).collect();
    for secret in secrets {
        assert!(
            !rows.split(|c: char| !c.is_alphanumeric() && c != '-').any(|word| word == secret),
            "{secret}"
        );
        assert!(!events.iter().any(|event| event.contains(secret)), "{secret}");
    }
    // Whom messages went to is not told by the budgets, either.
    assert!(
        !format!("{:?}", entity::factor_budget::Entity::find().all(&database).await.unwrap())
            .contains("5554151337")
    );
}

/// limits.md: ten wrong codes an hour lock, fifty in all suspend until an administrator helps. A burst gets no more.
async fn sec_n03_ten_wrong_codes_an_hour_and_fifty_in_all(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let authenticator = alice.authenticator().await;
    let id = &authenticator.id;
    // No code of any near step.
    let bad = "000000".to_owned();
    let bad = if (-12..=12).any(|steps| authenticator.code(&app, steps) == bad) {
        "000001".to_owned()
    } else {
        bad
    };
    for hour in 0..5 {
        let burst = futures_util::future::join_all((0..20).map(|_| alice.verify(id, &bad))).await;
        let count = |code: &str| burst.iter().filter(|answer| answer.json()["errorCode"] == code).count();
        assert_eq!((count("E0000068"), count("E0000069")), (10, 10), "{hour}");
        let right = alice.verify(id, &authenticator.code(&app, 0)).await;
        assert_eq!(refusal(&right), (403, "E0000069".to_owned()));
        app.clock.advance(3601);
    }
    let suspended = alice.get(&format!("/factors/{id}")).await.json();
    assert_eq!(suspended["status"], "INACTIVE", "{suspended}");
    assert!(suspended["_links"].get("verify").is_none());
    assert!(app.logged("user.mfa.factor.suspend", Some("too_many_failures")).await);
    assert_eq!(refusal(&alice.verify(id, &authenticator.code(&app, 0)).await), (403, "E0000069".to_owned()));
    // Whoever knows the password does not get rid of it by enrolling another.
    let again =
        alice.post("/factors", &json!({"factorType": "token:software:totp", "provider": "GOOGLE"})).await;
    assert_eq!(refusal(&again), (400, "E0000001".to_owned()));
    let caller = caller("192.0.2.1");
    assert!(stepgate::user::unlock::is_needed(&app.app, &alice.user).await.unwrap());
    let unit = service::unlock(&app.app, &alice.user.id, &caller).await.unwrap();
    app.app.db.writer().commit(unit).await.unwrap();
    assert_eq!(alice.verify(id, &authenticator.code(&app, 0)).await.status, 200);
    assert!(app.logged("user.mfa.factor.unsuspend", None).await);
    assert!(!stepgate::user::unlock::is_needed(&app.app, &alice.user).await.unwrap());
}

/// keycloak#46164, CVE-2024-32868: wrong passwords lock no factor, wrong codes lock no password, and the success of one
/// factor forgives another nothing.
async fn sec_n03_failures_of_factors_and_passwords_count_apart(app: TestApp) {
    let rates = vec![(Bucket::SignInFailure, Rate::per_minute(100_000))];
    let app = app.restart(Change { rates, ..Change::default() }).await;
    let alice = app.factors_of(ALICE).await;
    let authenticator = alice.authenticator().await;
    let profile = json!({ "question": "first_award", "answer": "swimming" });
    let question =
        alice.enroll(&json!({"factorType": "question", "provider": "OKTA", "profile": profile})).await;
    let question = format!("/factors/{}/verify", question["id"].as_str().unwrap());
    let bad = wrong(&authenticator.code(&app, 0));
    for _ in 0..9 {
        alice.verify(&authenticator.id, &bad).await;
    }
    // The right password and the right answer forgive the authenticator nothing.
    assert!(!app.code(WEB, "openid", ALICE).await.is_empty());
    assert_eq!(alice.post(&question, &json!({ "answer": "swimming" })).await.status, 200);
    alice.verify(&authenticator.id, &bad).await;
    let locked = alice.verify(&authenticator.id, &authenticator.code(&app, 0)).await;
    assert_eq!(refusal(&locked), (403, "E0000069".to_owned()));
    // The password and the question are not locked by that.
    assert!(!app.code(WEB, "openid", ALICE).await.is_empty());
    assert_eq!(alice.post(&question, &json!({ "answer": "swimming" })).await.status, 200);
    // Ten wrong passwords lock the password, and the factor is not locked by that.
    app.clock.advance(3601);
    for _ in 0..10 {
        let mut browser = Browser::new();
        let page = browser.open(&app.authorize_url(WEB, &[])).await;
        sign_in_on(&mut browser, &page, ALICE, "wrong").await;
    }
    let mut browser = Browser::new();
    let page = browser.open(&app.authorize_url(WEB, &[])).await;
    let locked = sign_in_on(&mut browser, &page, ALICE, PASSWORD).await;
    assert!(locked.body_contains("login-form"), "{}", locked.words());
    assert_eq!(alice.verify(&authenticator.id, &authenticator.code(&app, 0)).await.status, 200);
}

/// NIST SP 800-63B-4 §4.2: sessions, grants, factors and codes end, the user hears of it, the administrator sees no secret.
async fn sec_s07_an_administrator_who_resets_ends_what_was_proved(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let authenticator = alice.authenticator().await;
    let codes = alice.post("/recovery_codes", &json!({})).await.json();
    assert_eq!(codes["codes"].as_array().map(Vec::len), Some(10));
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    let before = app.mailbox().all(ALICE).await.len();
    app.clock.advance(1);
    let unit = service::reset_all(&app.app, &alice.user, &caller("192.0.2.1")).await.unwrap();
    assert_eq!(app.app.db.writer().commit(unit).await.unwrap(), Outcome::Won);
    assert_eq!(alice.get("/factors").await.json(), json!([]));
    assert_eq!(alice.get("/recovery_codes").await.json()["count"], 0);
    assert_eq!(refusal(&alice.verify(&authenticator.id, &authenticator.code(&app, 0)).await).0, 404);
    let refreshed = app.refresh(WEB, tokens["refresh_token"].as_str().unwrap()).await;
    assert_eq!(refreshed.json()["error"], "invalid_grant");
    assert_eq!(app.introspect(tokens["access_token"].as_str().unwrap()).await["active"], false);
    assert!(app.logged("user.mfa.factor.reset_all", None).await);
    assert_eq!(app.mailbox().all(ALICE).await.len(), before + 1);
}

/// A phone that takes the place of another one is a reset of that one.
async fn sec_s07_a_phone_that_an_administrator_replaces_is_reset(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    alice.sent("sms", PHONE).await;
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    let before = app.mailbox().all(ALICE).await.len();
    app.clock.advance(1);
    let body = json!({"factorType": "sms", "provider": "OKTA", "profile": { "phoneNumber": "+4930123456" }});
    assert_eq!(alice.post("/factors?updatePhone=true", &body).await.status, 200);
    assert_eq!(app.introspect(tokens["access_token"].as_str().unwrap()).await["active"], false);
    assert!(app.logged("user.mfa.factor.deactivate", None).await);
    assert_eq!(app.mailbox().all(ALICE).await.len(), before + 1);
    // What was not completed ends nothing.
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    app.clock.advance(31);
    assert_eq!(alice.post("/factors?updatePhone=true", &body).await.status, 200);
    assert_eq!(app.introspect(tokens["access_token"].as_str().unwrap()).await["active"], true);
    assert_eq!(app.mailbox().all(ALICE).await.len(), before + 1);
}

/// The same for one factor; an enrolment that was not completed ends nothing.
async fn sec_s07_a_removed_factor_ends_the_sessions(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let authenticator = alice.authenticator().await;
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    let active = async || -> Value {
        app.introspect(tokens["access_token"].as_str().unwrap()).await["active"].clone()
    };
    let pending = alice.enroll(&json!({"factorType": "token:software:totp", "provider": "OKTA"})).await;
    let pending = format!("/factors/{}", pending["id"].as_str().unwrap());
    assert_eq!(alice.delete(&pending).await.status, 204);
    assert_eq!(active().await, true);
    let before = app.mailbox().all(ALICE).await.len();
    app.clock.advance(1);
    assert_eq!(alice.delete(&format!("/factors/{}", authenticator.id)).await.status, 204);
    assert_eq!(active().await, false);
    assert_eq!(app.mailbox().all(ALICE).await.len(), before + 1);
}
