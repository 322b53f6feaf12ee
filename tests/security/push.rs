//! Approvals on another device (group P): one question at a time, a number that must be known, a signature of the device's
//! own, and an end that stays.

use futures_util::future::join_all;
use serde_json::{Value, json};
use stepgate::factor::push::TYPE;

use crate::support::{
    Test, TestApp,
    authn::{factor_of, path_of},
    factor::{Program, refusal},
    fixtures::{ALICE, BOB, WEB},
    http::{Browser, Response},
    push::{Device, correct, transaction_of, wrong_number},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            sec_p01_of_many_questions_at_once_one_waits,
            sec_p03_a_token_enrols_one_device,
            sec_p04_of_many_answers_at_once_one_counts,
            sec_p04_an_approval_opens_one_session;
        sqlite:
            sec_p01_a_device_that_does_not_approve_rests_and_another_factor_is_offered,
            sec_p01_denials_do_not_buy_more_questions,
            sec_p01_a_device_at_rest_still_guards_the_account,
            sec_p02_the_number_is_known_where_the_sign_in_is_and_nowhere_else,
            sec_p02_a_wrong_number_rejects_and_is_counted,
            sec_p03_an_approval_is_signed_by_the_device_for_this_question,
            sec_p03_a_question_is_told_to_whoever_asked,
            sec_p03_a_device_with_a_wrong_clock_is_told_the_time,
            sec_s01_who_may_not_add_a_factor_is_not_shown_how_to_activate_one,
            sec_s01_a_factor_that_came_first_ends_the_enrolment_of_a_device,
            sec_p04_an_approval_is_nothing_once_its_device_is_suspended,
            sec_p04_who_leaves_a_question_takes_it_from_the_device,
            sec_p04_what_was_denied_taken_back_or_late_is_never_approved,
            sec_p04_an_approval_counts_once_and_for_one_sign_in;
    ]
}

async fn ask(user: &Program<'_>, device: &Device) -> Response {
    user.post(&format!("/factors/{}/verify", device.factor), &json!({})).await
}

fn unauthorized() -> (u16, String) {
    (401, "E0000011".to_owned())
}

/// Security checklist P1: a burst leaves one question, the last; no more than five are asked.
async fn sec_p01_of_many_questions_at_once_one_waits(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let device = alice.device(&app).await;
    let answers = join_all((0..9).map(|_| ask(&alice, &device))).await;
    let asked: Vec<Value> = answers.iter().filter(|a| a.status == 201).map(Response::json).collect();
    let refused = answers.iter().filter(|answer| answer.status == 429).count();
    assert_eq!((asked.len(), refused), (5, 4), "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    let mut waiting = Vec::new();
    for asked in &asked {
        let id = transaction_of(asked);
        match alice.poll(&device, &id).await.json()["factorResult"].as_str().unwrap() {
            "WAITING" => waiting.push(id),
            other => assert_eq!(other, "CANCELLED"),
        }
    }
    assert_eq!(waiting.len(), 1);
    assert_eq!(device.wait(&app, (None, 0)).await["id"], waiting[0]);
}

/// Security checklist P1: five unanswered within the hour, then the device is left alone and another factor is offered.
async fn sec_p01_a_device_that_does_not_approve_rests_and_another_factor_is_offered(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    alice.authenticator().await;
    let device = alice.device(&app).await;
    app.require_factor().await;
    let offers = |asked: &Value| {
        let factors = asked["_embedded"]["factors"].as_array().unwrap().clone();
        factors.iter().map(|factor| factor["factorType"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let mut last = Value::Null;
    for _ in 0..5 {
        let asked = app.password_of(ALICE).await;
        assert!(offers(&asked).contains(&"push".to_owned()), "{asked}");
        let verify = path_of(&factor_of(&asked, "push")["_links"]["verify"]);
        last = app.step(&verify, json!({ "stateToken": asked["stateToken"] })).await;
    }
    let resting = app.password_of(ALICE).await;
    assert_eq!(offers(&resting), ["token:software:totp"], "{resting}");
    assert_eq!(refusal(&ask(&alice, &device).await), (429, "E0000047".to_owned()));
    // What was asked before may still be answered.
    device.approve(&app, correct(&last["_embedded"]["factor"])).await;
    let state = json!({ "stateToken": last["stateToken"] });
    let done = app.step(&path_of(&last["_links"]["next"]), state).await;
    assert_eq!(done["status"], "SUCCESS", "{done}");
    app.clock.advance(3600);
    assert!(offers(&app.password_of(ALICE).await).contains(&"push".to_owned()));
}

/// Security checklist P1: whoever knows the password does not go on asking somebody who denies.
async fn sec_p01_denials_do_not_buy_more_questions(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let device = alice.device(&app).await;
    for _ in 0..5 {
        let id = transaction_of(&alice.ask(&device).await);
        assert_eq!(device.answer(&app, &id, ("deny", None)).await.status, 200);
    }
    assert_eq!(refusal(&ask(&alice, &device).await), (429, "E0000047".to_owned()));
    app.clock.advance(3600);
    for _ in 0..9 {
        let asked = alice.ask(&device).await;
        assert_eq!(device.approve(&app, correct(&asked)).await.status, 200, "approvals cost nothing");
    }
}

/// Security checklist P1, S1: five questions are no way to enrol a factor with the password alone.
async fn sec_p01_a_device_at_rest_still_guards_the_account(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let device = alice.device(&app).await;
    for _ in 0..5 {
        alice.ask(&device).await;
    }
    app.require_factor().await;
    let asked = app.password_of(ALICE).await;
    assert_eq!(asked["status"], "MFA_REQUIRED", "{asked}");
    let body = json!({ "stateToken": asked["stateToken"], "factorType": "token:software:totp", "provider": "GOOGLE" });
    assert_eq!(refusal(&app.authn("/factors", &body).await).0, 403);
}

/// Security checklist P2: the device is told three numbers and not which; whoever signs in is told one.
async fn sec_p02_the_number_is_known_where_the_sign_in_is_and_nowhere_else(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let device = alice.device(&app).await;
    let asked = alice.ask(&device).await;
    let number = correct(&asked);
    let challenge = device.wait(&app, (None, 0)).await;
    let numbers: Vec<u64> =
        challenge["numbers"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
    assert_eq!(numbers.len(), 3);
    assert!(numbers.contains(&number), "{numbers:?} {number}");
    let mut members: Vec<&str> = challenge.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    let told =
        ["address", "application", "created", "expiresAt", "id", "login", "numbers", "user", "userAgent"];
    assert_eq!(members, told);
    device.approve(&app, number).await;
    let done = alice.poll(&device, &transaction_of(&asked)).await.json();
    assert!(done["_embedded"].is_null(), "{done}");
}

/// Security checklist P2: a wrong number rejects, for ever, and suspends the factor in the end like any wrong answer.
async fn sec_p02_a_wrong_number_rejects_and_is_counted(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let device = alice.device(&app).await;
    let asked = alice.ask(&device).await;
    let (id, number) = (transaction_of(&asked), correct(&asked));
    let wrong = wrong_number(&device.wait(&app, (None, 0)).await, number);
    let answer = device.answer(&app, &id, ("approve", Some(wrong))).await;
    assert_eq!((answer.status, &answer.json()["result"]), (200, &json!("REJECTED")));
    assert_eq!(device.answer(&app, &id, ("approve", Some(number))).await.status, 409);
    assert_eq!(alice.poll(&device, &id).await.json()["factorResult"], "REJECTED");
    // Without a number it is as wrong.
    let unseen = transaction_of(&alice.ask(&device).await);
    let answer = device.answer(&app, &unseen, ("approve", None)).await;
    assert_eq!(answer.json()["result"], "REJECTED");
    for _ in 0..24 {
        app.clock.advance(3601);
        for _ in 0..2 {
            let id = transaction_of(&alice.ask(&device).await);
            assert_eq!(device.answer(&app, &id, ("approve", None)).await.status, 200);
        }
    }
    let factor = alice.get(&format!("/factors/{}", device.factor)).await.json();
    assert_eq!(factor["status"], "INACTIVE", "50 wrong answers");
    assert!(app.logged("user.mfa.factor.suspend", Some("too_many_failures")).await);
    assert_eq!(refusal(&ask(&alice, &device).await), (403, "E0000069".to_owned()));
}

/// Security checklist P3: another key, another device of the user, another user, another server or purpose, a replay.
async fn sec_p03_an_approval_is_signed_by_the_device_for_this_question(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let bob = app.factors_of(BOB).await;
    let (device, other) = (alice.device(&app).await, alice.device(&app).await);
    let foreign = bob.device(&app).await;
    let asked = alice.ask(&device).await;
    let (id, number) = (transaction_of(&asked), Some(correct(&asked)));
    let thief = Device::pretending(&app, &device.factor, &device.user);
    assert_eq!(refusal(&thief.answer(&app, &id, ("approve", number)).await), unauthorized());
    assert_eq!(refusal(&thief.send(&app, "wait", &json!({})).await), unauthorized());
    // Its own key, somebody else's question.
    for device in [&other, &foreign] {
        assert_eq!(device.answer(&app, &id, ("approve", number)).await.status, 409);
    }
    let said = |change: fn(&mut Value)| {
        let mut claims = device.claims(&app, "answer");
        let more = json!({ "challenge": id, "user": device.user, "answer": "approve", "number": number });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        change(&mut claims);
        claims
    };
    for (typ, claims) in [
        (TYPE, said(|claims| claims["user"] = "00u00000000000000000".into())),
        (TYPE, said(|claims| claims["aud"] = "https://id.example.com".into())),
        (TYPE, said(|claims| claims["act"] = "wait".into())),
        ("JWT", said(|_| ())),
    ] {
        let answer = app.device("answer", &device.sign(typ, &claims)).await;
        assert_eq!(refusal(&answer), unauthorized(), "{claims}");
    }
    for unread in ["", "a.b.c", "{}"] {
        assert_eq!(app.device("answer", unread).await.status, 400, "{unread}");
    }
    assert_eq!(alice.poll(&device, &id).await.json()["factorResult"], "WAITING", "nothing has changed");
    let right = device.sign(TYPE, &said(|_| ()));
    assert_eq!(app.device("answer", &right).await.status, 200);
    assert_eq!(app.device("answer", &right).await.status, 409, "a replay");
}

/// Security checklist P3: the token of an enrolment works once, also when many try at the same moment.
async fn sec_p03_a_token_enrols_one_device(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let begun = alice.enroll(&json!({ "factorType": "push", "provider": "OKTA" })).await;
    let address = alice.address(&app, begun["id"].as_str().unwrap()).await;
    let forged = format!("{}x", &address[..address.len() - 1]);
    assert_eq!(refusal(&Device::enroll(&app, &forged).await.1), unauthorized());
    let answers = join_all((0..5).map(|_| Device::enroll(&app, &address))).await;
    assert_eq!(answers.iter().filter(|(_, answer)| answer.status == 201).count(), 1);
    assert_eq!(refusal(&Device::enroll(&app, &address).await.1), unauthorized());
}

/// Security checklist P3: a question of one session, or of a program, is nobody else's.
async fn sec_p03_a_question_is_told_to_whoever_asked(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let device = alice.device(&app).await;
    let id = transaction_of(&alice.ask(&device).await);
    let mut browser = Browser::new();
    app.code_in(&mut browser, "default", WEB, &[], ALICE).await;
    browser.open(&app.url("/")).await;
    let name = format!("sid_{}", app.app.settings.port());
    let cookie = format!("{name}={}", browser.cookie(&name).unwrap().value);
    let path = format!("/api/v1/users/me/factors/{}/transactions/{id}", device.factor);
    let request = app.client().request(http::Method::GET, &path).header("cookie", &cookie);
    let asked = request.header("origin", &app.issuer).send().await;
    assert_eq!(refusal(&asked), (403, "E0000006".to_owned()));
    let bob = app.factors_of(BOB).await;
    assert_eq!(bob.poll(&device, &id).await.status, 404);
    assert_eq!(alice.poll(&device, &id).await.status, 200);
}

/// Security checklist P4: of a burst of approvals and denials one counts, and what it said stays.
async fn sec_p04_of_many_answers_at_once_one_counts(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let device = alice.device(&app).await;
    let asked = alice.ask(&device).await;
    let (id, number) = (transaction_of(&asked), correct(&asked));
    let answers = (0..8).map(|turn| {
        let said = if turn % 2 == 0 { ("approve", Some(number)) } else { ("deny", None) };
        device.answer(&app, &id, said)
    });
    let answers = join_all(answers).await;
    let counted: Vec<Value> = answers.iter().filter(|a| a.status == 200).map(Response::json).collect();
    assert_eq!(counted.len(), 1, "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    assert!(answers.iter().all(|answer| [200, 409].contains(&answer.status)));
    let told = alice.poll(&device, &id).await.json();
    assert_eq!(told["factorResult"], counted[0]["result"]);
}

/// Security checklist P4: of many who poll at the moment of an approval one gets the session.
async fn sec_p04_an_approval_opens_one_session(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let device = alice.device(&app).await;
    app.require_factor().await;
    let asked = app.password_of(ALICE).await;
    let state = json!({ "stateToken": asked["stateToken"] });
    let verify = path_of(&factor_of(&asked, "push")["_links"]["verify"]);
    let begun = app.step(&verify, state.clone()).await;
    device.approve(&app, correct(&begun["_embedded"]["factor"])).await;
    let answers = join_all((0..6).map(|_| app.authn(&verify, &state))).await;
    let won = answers.iter().filter(|answer| answer.json()["status"] == "SUCCESS").count();
    assert_eq!(won, 1, "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
}

/// Security checklist P4: a denial, a cancellation and the end of five minutes are the end.
async fn sec_p04_what_was_denied_taken_back_or_late_is_never_approved(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let device = alice.device(&app).await;
    let ask = async || {
        let asked = alice.ask(&device).await;
        (transaction_of(&asked), correct(&asked))
    };
    let (denied, number) = ask().await;
    device.answer(&app, &denied, ("deny", None)).await;
    assert_eq!(device.answer(&app, &denied, ("approve", Some(number))).await.status, 409);
    let (replaced, old) = ask().await;
    let (taken_back, number) = ask().await;
    assert_eq!(device.answer(&app, &replaced, ("approve", Some(old))).await.status, 409);
    alice.delete(&format!("/factors/{}/transactions/{taken_back}", device.factor)).await;
    assert_eq!(device.answer(&app, &taken_back, ("approve", Some(number))).await.status, 409);
    let (late, number) = ask().await;
    app.clock.advance(300);
    assert_eq!(device.answer(&app, &late, ("approve", Some(number))).await.status, 409);
    for (id, result) in
        [(&denied, "REJECTED"), (&replaced, "CANCELLED"), (&taken_back, "CANCELLED"), (&late, "TIMEOUT")]
    {
        assert_eq!(alice.poll(&device, id).await.json()["factorResult"], result);
    }
}

/// Security checklist P3, P4: an approval for one sign-in is nothing in another one, and nothing a minute after its time.
async fn sec_p04_an_approval_counts_once_and_for_one_sign_in(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let device = alice.device(&app).await;
    app.require_factor().await;
    let begin = async || {
        let asked = app.password_of(ALICE).await;
        let verify = path_of(&factor_of(&asked, "push")["_links"]["verify"]);
        let state = json!({ "stateToken": asked["stateToken"] });
        let begun = app.step(&verify, state.clone()).await;
        (verify, state, begun)
    };
    let (verify, mine, _) = begin().await;
    let (_, theirs, begun) = begin().await;
    device.approve(&app, correct(&begun["_embedded"]["factor"])).await;
    let elsewhere = app.step(&verify, mine).await;
    assert_eq!(elsewhere["factorResult"], "CANCELLED", "{elsewhere}");
    assert_eq!(app.step(&verify, theirs.clone()).await["status"], "SUCCESS");
    assert_eq!(app.authn(&verify, &theirs).await.status, 401);
    let (verify, state, begun) = begin().await;
    app.clock.advance(200);
    app.step("", state.clone()).await;
    app.clock.advance(90);
    device.approve(&app, correct(&begun["_embedded"]["factor"])).await;
    app.clock.advance(71);
    let late = app.step(&verify, state).await;
    assert_eq!(late["factorResult"], "TIMEOUT", "{late}");
}

/// Security checklist P3: a statement counts for five minutes; only the device itself is told that its clock is off.
async fn sec_p03_a_device_with_a_wrong_clock_is_told_the_time(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let device = alice.device(&app).await;
    let asked = alice.ask(&device).await;
    let answer = json!({ "challenge": transaction_of(&asked), "user": device.user, "answer": "approve",
        "number": correct(&asked) });
    for off in [-301, 301] {
        let mut late = answer.clone();
        late["iat"] = (app.app.now().unix_timestamp() + off).into();
        let refused = device.send(&app, "answer", &late).await;
        assert_eq!(refusal(&refused), (400, "E0000001".to_owned()));
        assert!(refused.text().contains("iat: "), "{}", refused.text());
        let told = stepgate::protocol::timestamp::http_date(app.app.now());
        assert_eq!(refused.header("date"), Some(told.as_str()));
        let thief = Device::pretending(&app, &device.factor, &device.user);
        assert_eq!(refusal(&thief.send(&app, "answer", &late).await), unauthorized());
    }
    assert_eq!(device.send(&app, "answer", &answer).await.status, 200, "nothing has changed");
}

/// Security checklist S1: the picture of an enrolment that was begun elsewhere makes a factor, so the password alone is not
/// shown it.
async fn sec_s01_who_may_not_add_a_factor_is_not_shown_how_to_activate_one(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    alice.authenticator().await;
    let begun = alice.enroll(&json!({ "factorType": "push", "provider": "OKTA" })).await;
    let mut thief = Browser::new();
    app.code_in(&mut thief, "default", WEB, &[], ALICE).await;
    thief.open(&app.url("/")).await;
    let name = format!("sid_{}", app.app.settings.port());
    let cookie = format!("{name}={}", thief.cookie(&name).unwrap().value);
    let id = begun["id"].as_str().unwrap();
    for step in ["activate", "activate/poll", "activate/email"] {
        let path = format!("/api/v1/users/me/factors/{id}/lifecycle/{step}");
        let request = app.client().request(http::Method::POST, &path).header("cookie", &cookie);
        let answer = request.header("origin", &app.issuer).json(&json!({})).send().await;
        assert_eq!(refusal(&answer), (403, "E0000006".to_owned()), "{step}");
    }
    let own = alice.post(&format!("/factors/{id}/lifecycle/activate/poll"), &json!({})).await;
    assert_eq!((own.status, &own.json()["factorResult"]), (200, &json!("WAITING")));
}

/// Security checklist S1: whoever began an enrolment before the account had anything to lose does not end it afterwards.
async fn sec_s01_a_factor_that_came_first_ends_the_enrolment_of_a_device(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let begun = alice.enroll(&json!({ "factorType": "push", "provider": "OKTA" })).await;
    let id = begun["id"].as_str().unwrap();
    let address = alice.address(&app, id).await;
    app.clock.advance(1);
    alice.authenticator().await;
    assert_eq!(refusal(&Device::enroll(&app, &address).await.1), unauthorized());
    let pending = alice.get(&format!("/factors/{id}")).await.json();
    assert_eq!(pending["status"], "PENDING_ACTIVATION");
    // Begun anew by whoever may.
    app.clock.advance(600);
    assert_eq!(alice.post(&format!("/factors/{id}/lifecycle/activate"), &json!({})).await.status, 200);
    let (_, enrolled) = Device::enroll(&app, &alice.address(&app, id).await).await;
    assert_eq!(enrolled.status, 201, "{}", enrolled.text());
}

/// Security checklist P4: what was approved counts while the factor does.
async fn sec_p04_an_approval_is_nothing_once_its_device_is_suspended(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let device = alice.device(&app).await;
    let asked = alice.ask(&device).await;
    device.approve(&app, correct(&asked)).await;
    let factor = stepgate::id::FactorId::new(device.factor.clone());
    let suspend = stepgate::store::factor::claim_suspend_cloned(&factor, app.app.now());
    app.app.db.writer().commit(stepgate::store::unit::Unit::new().claim(suspend)).await.unwrap();
    let told = alice.poll(&device, &transaction_of(&asked)).await;
    assert_eq!(refusal(&told), (403, "E0000069".to_owned()));
}

/// Security checklist P4: going back, giving up, or proving something else takes the question back, and the device is told at
/// once.
async fn sec_p04_who_leaves_a_question_takes_it_from_the_device(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    alice.authenticator().await;
    let device = alice.device(&app).await;
    let codes = alice.post("/recovery_codes", &json!({})).await.json();
    app.require_factor().await;
    for way in ["/previous", "/cancel", "/factors/recovery_code/verify"] {
        let asked = app.password_of(ALICE).await;
        let verify = path_of(&factor_of(&asked, "push")["_links"]["verify"]);
        app.step(&verify, json!({ "stateToken": asked["stateToken"] })).await;
        let shown = device.wait(&app, (None, 0)).await;
        let begun = std::time::Instant::now();
        let body = json!({ "stateToken": asked["stateToken"], "passCode": codes["codes"][0] });
        let waits = device.wait(&app, (Some(shown["id"].as_str().unwrap()), 25));
        let (after, _) = futures_util::future::join(waits, app.step(way, body)).await;
        assert_eq!(after, Value::Null, "{way}");
        assert!(begun.elapsed().as_secs() < 20, "{way}: {:?}", begun.elapsed());
        app.clock.advance(3600);
    }
}
