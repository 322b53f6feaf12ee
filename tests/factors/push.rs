//! `push`: a device is enrolled and asked through the Factors API and in a sign-in, in Okta's form.

use serde_json::{Value, json};
use stepgate::{
    factor::{push::TYPE, service},
    model::policy_set::MfaEnrollSettings,
};

use crate::support::{
    Test, TestApp,
    authn::{factor_of, path_of},
    factor::{PHONE, refusal},
    fixtures::ALICE,
    push::{Device, correct, transaction_of},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            a_device_is_enrolled_and_approves_in_okta_s_form,
            a_device_waits_until_it_is_asked,
            a_device_that_waits_at_another_node_is_told;
        sqlite:
            an_enrolment_times_out_and_begins_anew,
            the_address_is_mailed_and_texted,
            what_was_asked_is_cancelled_denied_or_too_late,
            a_user_has_several_devices_and_no_more_than_five,
            a_device_is_enrolled_in_a_sign_in,
            a_sign_in_polls_until_the_device_approved,
            a_sign_in_is_denied_and_asks_again,
            a_browser_asks_by_itself_where_it_was_told_to,
            a_device_is_remembered_by_one_word_before_the_polls,
            an_approval_is_enough_where_policy_says_so,
            who_is_asked_elsewhere_is_found_by_one_look,
            a_device_that_was_removed_is_told_so;
    ]
}

fn push() -> Value {
    json!({ "factorType": "push", "provider": "OKTA" })
}

/// Okta Factors API: the activation object, 201 with `Location`, WAITING with links and the number, SUCCESS.
async fn a_device_is_enrolled_and_approves_in_okta_s_form(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let begun = alice.enroll(&push()).await;
    let id = begun["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("opf") && begun["status"] == "PENDING_ACTIVATION", "{begun}");
    let path = format!("/api/v1/users/{}/factors/{id}", alice.user.id);
    let activation = &begun["_embedded"]["activation"];
    assert_eq!(activation["factorResult"], "WAITING");
    assert!(activation["expiresAt"].is_string(), "{begun}");
    assert_eq!(activation["_links"]["qrcode"]["type"], "image/png");
    let sent: Vec<&Value> = activation["_links"]["send"].as_array().unwrap().iter().collect();
    assert_eq!((&sent[0]["name"], &sent[1]["name"]), (&json!("email"), &json!("sms")));
    let poll = format!("{path}/lifecycle/activate/poll");
    assert_eq!(begun["_links"]["poll"]["href"], app.url(&poll));
    let picture = activation["_links"]["qrcode"]["href"].as_str().unwrap().strip_prefix(&app.issuer).unwrap();
    let picture = app.client().get(picture).await;
    assert_eq!((picture.status, picture.header("content-type")), (200, Some("image/png")));
    assert_eq!(app.client().get(&format!("{path}/qr/invented")).await.status, 404);
    let waiting = alice.post(&format!("/factors/{id}/lifecycle/activate/poll"), &json!({})).await;
    assert_eq!((waiting.status, &waiting.json()["factorResult"]), (200, &json!("WAITING")));
    let (device, enrolled) = Device::enroll(&app, &alice.address(&app, &id).await).await;
    let told = enrolled.json();
    assert_eq!(enrolled.status, 201, "{told}");
    assert_eq!((&told["login"], &told["issuer"]), (&json!(ALICE), &json!(app.issuer)));
    let active = alice.post(&format!("/factors/{id}/lifecycle/activate/poll"), &json!({})).await.json();
    assert_eq!((&active["status"], &active["profile"]["name"]), (&json!("ACTIVE"), &json!("Anna’s phone")));
    assert_eq!(active["profile"]["credentialId"], ALICE);
    assert!(!active.to_string().contains("jwk"), "the key stays inside: {active}");

    let asked = alice.post(&format!("/factors/{id}/verify"), &json!({})).await;
    assert_eq!(asked.status, 201, "{}", asked.text());
    let told = asked.json();
    assert_eq!(told["factorResult"], "WAITING");
    let transaction = transaction_of(&told);
    assert!(transaction.starts_with("mst"));
    let location = app.url(&format!("{path}/transactions/{transaction}"));
    assert_eq!(asked.header("location"), Some(location.as_str()));
    assert_eq!(told["_links"]["cancel"]["hints"]["allow"], json!(["DELETE"]));
    let challenge = device.wait(&app, (None, 0)).await;
    assert_eq!((&challenge["id"], &challenge["login"]), (&json!(transaction), &json!(ALICE)));
    assert_eq!(alice.poll(&device, &transaction).await.json()["factorResult"], "WAITING");
    assert_eq!(device.approve(&app, correct(&told)).await.json()["result"], "SUCCESS");
    let done = alice.poll(&device, &transaction).await;
    assert_eq!((done.status, done.json()), (200, json!({ "factorResult": "SUCCESS" })));
    let verified = alice.get(&format!("/factors/{id}")).await.json();
    assert!(verified["lastVerified"].is_string(), "{verified}");
}

/// The protocol of devices: an answer as soon as there is something else than what is shown.
async fn a_device_waits_until_it_is_asked(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let device = alice.device(&app).await;
    let begun = std::time::Instant::now();
    let waits = device.wait(&app, (None, 25));
    let asks = async {
        // Whichever comes first, the device is told.
        alice.ask(&device).await
    };
    let (challenge, asked) = futures_util::future::join(waits, asks).await;
    assert_eq!(challenge["id"], transaction_of(&asked));
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
    let seen = challenge["id"].as_str().unwrap();
    let waits = device.wait(&app, (Some(seen), 25));
    let (after, again) = futures_util::future::join(waits, alice.ask(&device)).await;
    assert_eq!(after["id"], transaction_of(&again), "one question at a time: the new one");
    assert_ne!(after["id"], challenge["id"]);
    assert_eq!(app.app.push_waiters.count(), 0);
}

async fn an_enrolment_times_out_and_begins_anew(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let begun = alice.enroll(&push()).await;
    let id = begun["id"].as_str().unwrap().to_owned();
    let late = alice.address(&app, &id).await;
    app.clock.advance(601);
    assert_eq!(Device::enroll(&app, &late).await.1.status, 401);
    let path = format!("/factors/{id}/lifecycle/activate");
    let over = alice.post(&format!("{path}/poll"), &json!({})).await.json();
    assert_eq!(over["factorResult"], "TIMEOUT");
    assert!(over["_links"]["activate"]["href"].as_str().unwrap().ends_with("/lifecycle/activate"));
    let renewed = alice.post(&path, &json!({})).await;
    assert_eq!((renewed.status, &renewed.json()["factorResult"]), (200, &json!("WAITING")));
    assert!(renewed.json()["_links"]["poll"].is_object());
    assert_eq!(Device::enroll(&app, &late).await.1.status, 401, "the old picture opens nothing");
    assert_eq!(Device::enroll(&app, &alice.address(&app, &id).await).await.1.status, 201);
}

async fn the_address_is_mailed_and_texted(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let begun = alice.enroll(&push()).await;
    let id = begun["id"].as_str().unwrap().to_owned();
    let path = format!("/factors/{id}/lifecycle/activate");
    let mailed = alice.post(&format!("{path}/email"), &json!({})).await;
    assert_eq!(mailed.status, 200, "{}", mailed.text());
    let address = alice.address(&app, &id).await;
    assert_eq!(app.mailbox().link_for(ALICE).await, address);
    let texted = alice.post(&format!("{path}/sms"), &json!({ "profile": { "phoneNumber": PHONE } })).await;
    assert_eq!(texted.status, 200, "{}", texted.text());
    let nobody = alice.post(&format!("{path}/sms"), &json!({ "profile": { "phoneNumber": "1" } })).await;
    assert_eq!(refusal(&nobody), (400, "E0000098".to_owned()));
}

/// Okta Factors API: CANCELLED after DELETE, REJECTED, TIMEOUT with links `verify` and `factor`.
async fn what_was_asked_is_cancelled_denied_or_too_late(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let device = alice.device(&app).await;
    let taken_back = transaction_of(&alice.ask(&device).await);
    let path = format!("/factors/{}/transactions/{taken_back}", device.factor);
    assert_eq!(alice.delete(&path).await.status, 204);
    assert_eq!(alice.poll(&device, &taken_back).await.json()["factorResult"], "CANCELLED");
    assert_eq!(device.wait(&app, (None, 0)).await, Value::Null);
    let denied = transaction_of(&alice.ask(&device).await);
    let answer = device.answer(&app, &denied, ("deny", None)).await;
    assert_eq!((answer.status, &answer.json()["result"]), (200, &json!("REJECTED")));
    let told = alice.poll(&device, &denied).await.json();
    assert_eq!(told["factorResult"], "REJECTED");
    assert!(told["_links"]["verify"].is_object() && told["_links"]["factor"].is_object(), "{told}");
    let late = transaction_of(&alice.ask(&device).await);
    app.clock.advance(300);
    assert_eq!(alice.poll(&device, &late).await.json()["factorResult"], "TIMEOUT");
    let unknown = alice.poll(&device, "mst1").await;
    assert_eq!(refusal(&unknown), (404, "E0000007".to_owned()));
}

async fn a_user_has_several_devices_and_no_more_than_five(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    for _ in 0..5 {
        alice.device(&app).await;
    }
    assert_eq!(alice.get("/factors").await.json().as_array().unwrap().len(), 5);
    assert_eq!(refusal(&alice.post("/factors", &push()).await), (400, "E0000001".to_owned()));
}

/// Okta Authentication API: `MFA_ENROLL_ACTIVATE` with `poll`, then `activate` after the timeout, then SUCCESS.
async fn a_device_is_enrolled_in_a_sign_in(app: TestApp) {
    app.require_factor().await;
    let alice = app.factors_of(ALICE).await;
    let asked = app.password_of(ALICE).await;
    let token = &asked["stateToken"];
    let body = json!({ "stateToken": token, "factorType": "push", "provider": "OKTA" });
    let begun = app.step("/factors", body).await;
    assert_eq!(
        (&begun["status"], &begun["factorResult"]),
        (&json!("MFA_ENROLL_ACTIVATE"), &json!("WAITING"))
    );
    assert_eq!(begun["_links"]["next"]["name"], "poll");
    let factor = &begun["_embedded"]["factor"];
    assert_eq!(factor["_embedded"]["activation"]["factorResult"], "WAITING");
    let id = factor["id"].as_str().unwrap();
    let poll = path_of(&begun["_links"]["next"]);
    let state = json!({ "stateToken": token });
    let still = app.step(&poll, state.clone()).await;
    assert_eq!((&still["status"], &still["factorResult"]), (&begun["status"], &json!("WAITING")));
    let send = path_of(&factor["_embedded"]["activation"]["_links"]["send"][0]);
    assert_eq!(app.step(&send, state.clone()).await["factorResult"], "WAITING");
    assert_eq!(app.mailbox().link_for(ALICE).await, alice.address(&app, id).await);
    let (_, enrolled) = Device::enroll(&app, &alice.address(&app, id).await).await;
    assert_eq!(enrolled.status, 201);
    let done = app.step(&poll, state).await;
    assert_eq!(done["status"], "SUCCESS", "{done}");
}

/// Okta Authentication API: `MFA_CHALLENGE` with `poll` and the number, then SUCCESS.
async fn a_sign_in_polls_until_the_device_approved(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let device = alice.device(&app).await;
    app.require_factor().await;
    let asked = app.password_of(ALICE).await;
    let factor = factor_of(&asked, "push");
    let state = json!({ "stateToken": asked["stateToken"] });
    let verify = path_of(&factor["_links"]["verify"]);
    let begun = app.step(&verify, state.clone()).await;
    assert_eq!((&begun["status"], &begun["factorResult"]), (&json!("MFA_CHALLENGE"), &json!("WAITING")));
    assert_eq!(
        (&begun["_links"]["next"]["name"], path_of(&begun["_links"]["next"])),
        (&json!("poll"), verify.clone())
    );
    assert_eq!(begun["_links"]["resend"][0]["name"], "push");
    let number = correct(&begun["_embedded"]["factor"]);
    let still = app.step(&verify, state.clone()).await;
    assert_eq!(correct(&still["_embedded"]["factor"]), number, "a poll asks nothing new");
    assert_eq!(device.approve(&app, number).await.json()["result"], "SUCCESS");
    let done = app.step(&verify, state).await;
    assert_eq!(done["status"], "SUCCESS", "{done}");
}

/// Okta Authentication API: REJECTED is told once with next `verify`, which asks again; `resend` asks anew.
async fn a_sign_in_is_denied_and_asks_again(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let device = alice.device(&app).await;
    app.require_factor().await;
    let asked = app.password_of(ALICE).await;
    let state = json!({ "stateToken": asked["stateToken"] });
    let verify = path_of(&factor_of(&asked, "push")["_links"]["verify"]);
    app.step(&verify, state.clone()).await;
    let first = device.wait(&app, (None, 0)).await["id"].as_str().unwrap().to_owned();
    device.answer(&app, &first, ("deny", None)).await;
    let told = app.step(&verify, state.clone()).await;
    assert_eq!(
        (&told["factorResult"], &told["_links"]["next"]["name"]),
        (&json!("REJECTED"), &json!("verify"))
    );
    assert!(told["_embedded"]["factor"]["_embedded"].is_null(), "{told}");
    let again = app.step(&verify, state.clone()).await;
    assert_eq!(again["factorResult"], "WAITING");
    let resent = app.step(&path_of(&again["_links"]["resend"][0]), state.clone()).await;
    assert_eq!(resent["factorResult"], "WAITING");
    app.clock.advance(299);
    app.step(&verify, state.clone()).await;
    app.clock.advance(1);
    let late = app.step(&verify, state.clone()).await;
    assert_eq!(late["factorResult"], "TIMEOUT", "{late}");
    // Whoever goes back is not asked any more.
    app.step(&verify, state.clone()).await;
    assert!(device.wait(&app, (None, 0)).await.is_object());
    app.step("/previous", state).await;
    assert_eq!(device.wait(&app, (None, 0)).await, Value::Null);
}

/// Okta Authentication API: `autoPush` is kept in a cookie when the device approved, and told in `factorsPolicyInfo`.
async fn a_browser_asks_by_itself_where_it_was_told_to(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let device = alice.device(&app).await;
    app.require_factor().await;
    let told = |asked: &Value| {
        asked["_embedded"]["policy"]["factorsPolicyInfo"][&device.factor]["autoPushEnabled"].clone()
    };
    let asked = app.password_of(ALICE).await;
    assert_eq!(told(&asked), json!(false), "{asked}");
    let state = json!({ "stateToken": asked["stateToken"] });
    let verify = format!("{}?autoPush=true", path_of(&factor_of(&asked, "push")["_links"]["verify"]));
    let begun = app.step(&verify, state.clone()).await;
    device.approve(&app, correct(&begun["_embedded"]["factor"])).await;
    let done = app.authn(&verify, &state).await;
    let cookie = done.header("set-cookie").unwrap_or_default();
    assert!(cookie.contains(&device.factor) && cookie.contains("HttpOnly"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let body = json!({ "username": ALICE, "password": crate::support::fixtures::PASSWORD });
    let request = app.client().request(http::Method::POST, "/api/v1/authn").header("cookie", &cookie);
    assert_eq!(told(&request.json(&body).send().await.json()), json!(true));
}

/// Okta Authentication API: `rememberDevice` of the call that asks the device stands while its answer is polled for, until
/// another call says otherwise.
async fn a_device_is_remembered_by_one_word_before_the_polls(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let device = alice.device(&app).await;
    let prompt = stepgate::model::policy::FactorPrompt::Device;
    let action = stepgate::model::policy_set::SignOnAction {
        require_factor: true,
        factor_prompt_mode: prompt,
        ..Default::default()
    };
    app.sign_on(action).await;
    let origin = app.issuer.clone();
    let signed_in = async |said: [&str; 2]| {
        let body = json!({ "username": ALICE, "password": crate::support::fixtures::PASSWORD });
        let asked = app.authn_from(&origin, "", &body).await.json();
        let state = json!({ "stateToken": asked["stateToken"] });
        let verify = path_of(&factor_of(&asked, "push")["_links"]["verify"]);
        let begun = app.authn_from(&origin, &format!("{verify}{}", said[0]), &state).await;
        // The browser is told its name when it asks to be remembered.
        let cookie =
            begun.header("set-cookie").unwrap_or_default().split(';').next().unwrap_or_default().to_owned();
        device.approve(&app, correct(&begun.json()["_embedded"]["factor"])).await;
        let path = format!("/api/v1/authn{verify}{}", said[1]);
        let poll = app.client().request(http::Method::POST, &path).header("origin", &origin);
        let done = poll.header("cookie", &cookie).json(&state).send().await;
        assert_eq!(done.json()["status"], "SUCCESS", "{}", done.text());
        let again = app.client().request(http::Method::POST, "/api/v1/authn").header("origin", &origin);
        again.header("cookie", &cookie).json(&body).send().await.json()["status"].clone()
    };
    assert_eq!(signed_in(["?rememberDevice=true", "?rememberDevice=false"]).await, "MFA_REQUIRED");
    assert_eq!(signed_in(["", ""]).await, "MFA_REQUIRED");
    assert_eq!(signed_in(["?rememberDevice=true", ""]).await, "SUCCESS");
}

async fn an_approval_is_enough_where_policy_says_so(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let device = alice.device(&app).await;
    let settings: MfaEnrollSettings = serde_json::from_value(
        json!({ "factors": { "okta_push": "OPTIONAL" }, "push": { "numberMatching": "off" } }),
    )
    .unwrap();
    app.enrolment_rules(settings, stepgate::model::policy_set::EnrollAction::default()).await;
    let asked = alice.ask(&device).await;
    assert!(asked["_embedded"].is_null(), "{asked}");
    let challenge = device.wait(&app, (None, 0)).await;
    assert_eq!(challenge["numbers"], Value::Null);
    let id = transaction_of(&asked);
    assert_eq!(device.answer(&app, &id, ("approve", None)).await.json()["result"], "SUCCESS");
    let path = format!("/factors/{}/verify", device.factor);
    let compared = alice.post(&path, &json!({ "useNumberMatchingChallenge": true })).await.json();
    assert!(correct(&compared) >= 10);
}

/// Other nodes: what was asked within the last seconds is found by one query, whoever waits.
async fn who_is_asked_elsewhere_is_found_by_one_look(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let device = alice.device(&app).await;
    let since = app.app.now();
    let find = |since| stepgate::store::push_transaction::asked_since(&app.app.db, since);
    assert!(find(since).await.unwrap().is_empty());
    let asked = transaction_of(&alice.ask(&device).await);
    let found = find(since).await.unwrap();
    let found: Vec<(&str, &str)> = found.iter().map(|(id, factor)| (id.as_str(), factor.as_str())).collect();
    assert_eq!(found, [(asked.as_str(), device.factor.as_str())]);
}

/// The same, as it happens: a device waits at one node and is asked at another.
async fn a_device_that_waits_at_another_node_is_told(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let device = alice.device(&app).await;
    let node = app.second_node().await;
    node.app.ready.store(true, std::sync::atomic::Ordering::SeqCst);
    let stop = tokio_util::sync::CancellationToken::new();
    let jobs = stepgate::jobs::spawn_all(&node.app, &stop);
    let mut claims = device.claims(&app, "wait");
    claims["hold"] = json!(25);
    let waits = service::device::wait(&node.app, device.sign(TYPE, &claims));
    let asks = async {
        while node.app.push_waiters.count() == 0 {
            tokio::task::yield_now().await;
        }
        (std::time::Instant::now(), transaction_of(&alice.ask(&device).await))
    };
    let (told, (asked_at, asked)) = futures_util::future::join(waits, asks).await;
    assert_eq!(told.unwrap().unwrap().asked.id.as_str(), asked);
    assert!(asked_at.elapsed().as_secs() < 10, "{:?}", asked_at.elapsed());
    stop.cancel();
    jobs.wait().await;
}

async fn a_device_that_was_removed_is_told_so(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let device = alice.device(&app).await;
    alice.ask(&device).await;
    assert_eq!(alice.delete(&format!("/factors/{}", device.factor)).await.status, 204);
    assert_eq!(refusal(&device.send(&app, "wait", &json!({})).await), (401, "E0000011".to_owned()));
}
