//! `stepgate authenticator`: a device in a terminal.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::{Outcome, Place};
use crate::support::{
    Test, TestApp,
    factor::refusal,
    fixtures::ALICE,
    push::{Device, correct, transaction_of},
};

pub(super) fn trials() -> Vec<Test> {
    trials![sqlite:
        a_terminal_is_enrolled_and_approves_and_denies,
        what_is_no_address_enrols_nothing,
        sec_p03_what_was_not_read_is_not_approved,
    ]
}

/// Runs a command beside the server, which this thread serves.
async fn run(place: Place, arguments: &[&str], input: &str) -> (Place, Outcome) {
    let arguments: Vec<String> =
        [&["authenticator"], arguments].concat().into_iter().map(Into::into).collect();
    let input = input.to_owned();
    let running = tokio::task::spawn_blocking(move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let outcome = place.run_with(&arguments, &input);
        (place, outcome)
    });
    running.await.unwrap()
}

async fn a_terminal_is_enrolled_and_approves_and_denies(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let begun = alice.enroll(&json!({ "factorType": "push", "provider": "OKTA" })).await;
    let factor = begun["id"].as_str().unwrap().to_owned();
    let address = alice.address(&app, &factor).await;
    let (place, enrolled) = run(Place::new(), &["enroll", "-", "--name", "Laptop"], &address).await;
    assert!(enrolled.succeeded().contains(ALICE));
    let file = place.path("stepgate-authenticator.json");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let (place, twice) = run(place, &["enroll", &address], "").await;
    assert!(twice.failed(1).contains("stepgate-authenticator.json"), "the key is not overwritten");
    let (place, other) = run(place, &["--file", "other.json", "enroll", &address], "").await;
    other.failed(2);
    assert!(!place.path("other.json").exists());
    let active = alice.get(&format!("/factors/{factor}")).await.json();
    assert_eq!((&active["status"], &active["profile"]["name"]), (&json!("ACTIVE"), &json!("Laptop")));

    // The commands know it by its file alone; what is asked is asked of the same factor.
    let device = Device::pretending(&app, &factor, alice.user.id.as_str());
    let asked = alice.ask(&device).await;
    let (place, shown) = run(place, &["listen", "--once"], "").await;
    let shown = shown.succeeded();
    assert!(shown.contains(ALICE) && shown.contains(&correct(&asked).to_string()), "{shown}");
    let (place, approved) = run(place, &["approve", &correct(&asked).to_string()], "").await;
    assert_eq!(approved.succeeded().trim(), "approved");
    let told = alice.poll(&device, &transaction_of(&asked)).await.json();
    assert_eq!(told["factorResult"], "SUCCESS");
    let asked = alice.ask(&device).await;
    let (place, denied) = run(place, &["deny"], "").await;
    assert_eq!(denied.succeeded().trim(), "denied");
    let told = alice.poll(&device, &transaction_of(&asked)).await.json();
    assert_eq!(told["factorResult"], "REJECTED");
    let (_, nothing) = run(place, &["deny"], "").await;
    assert!(nothing.failed(1).contains("nothing is asked"));
}

async fn what_is_no_address_enrols_nothing(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let begun = alice.enroll(&json!({ "factorType": "push", "provider": "OKTA" })).await;
    let address = alice.address(&app, begun["id"].as_str().unwrap()).await;
    let (place, unread) = run(Place::new(), &["enroll", &app.url("/authenticator")], "").await;
    unread.failed(2);
    let forged = format!("{address}x");
    let (place, refused) = run(place, &["enroll", &forged], "").await;
    assert!(refused.failed(2).contains("was used, or is too old"));
    let (place, missing) = run(place, &["listen", "--once"], "").await;
    missing.failed(1);
    assert!(std::fs::read_dir(place.path(".")).unwrap().all(|entry| entry.unwrap().file_name() == "tmp"));
    // A device that was removed is told so.
    let (place, enrolled) = run(place, &["enroll", &address], "").await;
    enrolled.succeeded();
    let path = format!("/factors/{}", begun["id"].as_str().unwrap());
    let removed = alice.delete(&path).await;
    assert_eq!(removed.status, 204, "{:?}", refusal(&removed));
    let (_, gone) = run(place, &["listen", "--once"], "").await;
    assert!(gone.failed(1).contains("no longer enrolled"));
}

/// Security checklist P3: where no numbers are compared another question may have taken the place of the one that was read.
async fn sec_p03_what_was_not_read_is_not_approved(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let begun = alice.enroll(&json!({ "factorType": "push", "provider": "OKTA" })).await;
    let factor = begun["id"].as_str().unwrap().to_owned();
    let (place, enrolled) = run(Place::new(), &["enroll", "-"], &alice.address(&app, &factor).await).await;
    enrolled.succeeded();
    let device = Device::pretending(&app, &factor, alice.user.id.as_str());
    let settings = serde_json::from_value(
        json!({ "factors": { "okta_push": "OPTIONAL" }, "push": { "numberMatching": "off" } }),
    );
    app.enrolment_rules(settings.unwrap(), stepgate::model::policy_set::EnrollAction::default()).await;
    let read = transaction_of(&alice.ask(&device).await);
    let (place, shown) = run(place, &["listen", "--once"], "").await;
    assert!(shown.succeeded().contains(&read));
    let another = transaction_of(&alice.ask(&device).await);
    let mut place = place;
    for arguments in [&["approve"][..], &["approve", "42"], &["approve", "--question", &read]] {
        let unread;
        (place, unread) = run(place, arguments, "").await;
        assert!(unread.failed(1).contains("read what is asked now"), "{arguments:?}");
    }
    assert_eq!(alice.poll(&device, &another).await.json()["factorResult"], "WAITING");
    let (_, approved) = run(place, &["approve", "--question", &another], "").await;
    assert_eq!(approved.succeeded().trim(), "approved");
}
