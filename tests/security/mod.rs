//! Attacks, by the ids of the security checklist: a test `sec_c02_…` proves C2.
//!
//! Each test states its rule with the section of the specification, tries what an attacker would, and looks at what the
//! attacker sees and at what was left behind. What cannot be attacked yet is listed in [`LATER`], clause by clause in
//! [`PARTLY_LATER`]: an id moves out of there with its first test.

mod account;
mod account_end;
mod assurance;
mod browser_surface;
mod certificate;
mod client_auth;
mod clock;
mod code;
mod connections;
mod device;
mod dpop;
mod enrolment;
mod enumeration;
mod factor_lifecycle;
mod framing;
mod imported_password;
mod input;
mod issuer;
mod keys;
mod limits;
mod logout_token;
mod management;
mod no_way_round;
mod otp;
mod passkey_alone;
mod pkce;
mod push;
mod pushed;
mod recovery;
mod redirect_uri;
mod refresh;
mod registration;
mod removed_factor;
mod request_object;
mod restart;
mod sign_in;
mod sign_in_race;
mod step_up;
mod throttling;
mod token_exchange;
mod traps;
mod webauthn;
mod webauthn_input;
mod wildcard_redirect;
mod yubikey;

use std::collections::BTreeSet;

use crate::support::{Test, TestApp, checklist::tested, http::Response};

pub(crate) fn trials() -> Vec<Test> {
    [
        own_trials(),
        account::trials(),
        account_end::trials(),
        assurance::trials(),
        browser_surface::trials(),
        certificate::trials(),
        client_auth::trials(),
        clock::trials(),
        code::trials(),
        connections::trials(),
        device::trials(),
        dpop::trials(),
        framing::trials(),
        enrolment::trials(),
        enumeration::trials(),
        factor_lifecycle::trials(),
        imported_password::trials(),
        input::trials(),
        issuer::trials(),
        keys::trials(),
        limits::trials(),
        logout_token::trials(),
        management::trials(),
        no_way_round::trials(),
        otp::trials(),
        passkey_alone::trials(),
        pkce::trials(),
        push::trials(),
        pushed::trials(),
        recovery::trials(),
        removed_factor::trials(),
        redirect_uri::trials(),
        refresh::trials(),
        request_object::trials(),
        registration::trials(),
        restart::trials(),
        sign_in::trials(),
        sign_in_race::trials(),
        step_up::trials(),
        throttling::trials(),
        token_exchange::trials(),
        traps::trials(),
        webauthn::trials(),
        webauthn_input::trials(),
        wildcard_redirect::trials(),
        yubikey::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn own_trials() -> Vec<Test> {
    trials![plain: what_comes_later_has_an_id_and_a_reason_and_no_test, what_comes_later_in_part_has_a_test]
}

/// Ids whose subject does not exist yet, and which subject that is.
pub(crate) const LATER: &[(&str, &str)] = &[
    ("M2", "identity-first sign-in and routing to identity providers"),
    ("W4", "webhooks"),
    ("X11", "the expression language"),
    ("Y9", "the setup page"),
    ("Z1", "the search for secrets in all logs and rows, after all flows"),
    ("Z3", "rotation of the master key"),
    ("Z5", "the search for forged log lines"),
    ("Z6", "the protected audit trail"),
    ("Z7", "restoring a backup"),
];

/// Ids with tests, of which a clause has no subject yet.
pub(crate) const PARTLY_LATER: &[(&str, &str)] = &[
    ("R8", "enrolment links"),
    ("T10", "organisations without passwords"),
    ("W3", "addresses made from templates"),
    ("X1", "organisation names and templates of operators"),
];

/// A table that is wrong hides an attack that nobody tries.
fn what_comes_later_has_an_id_and_a_reason_and_no_test() {
    let tested = tested_ids();
    assert!(tested.contains("C2") && tested.contains("X6"), "the tests are not found: {tested:?}");
    let mut seen = BTreeSet::new();
    for (id, reason) in LATER {
        assert!(is_id(id) && !reason.is_empty() && seen.insert(id), "{id}: {reason}");
        assert!(!tested.contains(*id), "{id} has a test: take it out of the list");
    }
}

/// What is partly tested is tested.
fn what_comes_later_in_part_has_a_test() {
    let tested = tested_ids();
    for (id, clause) in PARTLY_LATER {
        assert!(is_id(id) && !clause.is_empty(), "{id}: {clause}");
        assert!(tested.contains(*id), "{id} has no test");
        assert!(LATER.iter().all(|(later, _)| later != id), "{id} is in both lists");
    }
}

/// A group and a number from one, as the checklist has them.
fn is_id(id: &str) -> bool {
    let mut characters = id.chars();
    let group = characters.next().is_some_and(|group| group.is_ascii_uppercase() && !matches!(group, 'Q'));
    let number = characters.as_str();
    group && !number.starts_with('0') && number.parse::<u8>().is_ok_and(|number| (1..=17).contains(&number))
}

/// The ids that functions of this repository are named after.
fn tested_ids() -> BTreeSet<String> {
    tested("sec_").into_iter().map(|id| id.to_ascii_uppercase()).collect()
}

/// A page of ours that tells what was wrong and sends the browser nowhere (RFC 6749 §4.1.2.1).
#[track_caller]
pub(crate) fn assert_page(response: &Response, code: &str) {
    assert_eq!(response.status, 400, "{} {:?}", response.url, response.headers);
    assert_eq!(response.header("location"), None);
    assert_eq!(response.header("refresh"), None);
    assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(response.body_contains("error-page") && response.body_contains(code), "{}", response.words());
    assert!(!response.body_contains("http-equiv"));
    assert!(!response.body_contains("<form"), "{}", response.words());
}

/// A refusal of the token endpoint (RFC 6749 §5.2).
#[track_caller]
pub(crate) fn assert_refused(response: &Response, status: u16, error: &str) {
    assert_eq!(response.status, status, "{}", response.text());
    let body = response.json();
    assert_eq!(body["error"], error, "{body}");
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert!(body.get("access_token").is_none() && body.get("id_token").is_none(), "{body}");
}

/// What a refused authorization request must not change: what has succeeded, and how many requests are pending.
pub(crate) async fn traces(app: &TestApp) -> (Vec<(String, Option<String>)>, u64) {
    let address = stepgate::limit::rate::address(std::net::Ipv4Addr::LOCALHOST.into());
    let pending =
        stepgate::store::flow::pending_from(&app.app.db, &address, app.app.now(), 1000).await.unwrap();
    let succeeded = app.log().await.into_iter().filter(|(_, reason)| reason.is_none()).collect();
    (succeeded, pending)
}
