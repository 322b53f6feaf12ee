//! Attacks, by the ids of the security checklist: a test `sec_c02_…` proves C2.
//!
//! Each test states its rule with the section of the specification, tries what an attacker would, and looks at what the
//! attacker sees and at what was left behind. What cannot be attacked yet is listed in [`LATER`], clause by clause in
//! [`PARTLY_LATER`]: an id moves out of there with its first test.

mod browser_surface;
mod client_auth;
mod clock;
mod code;
mod connections;
mod input;
mod issuer;
mod keys;
mod logout_token;
mod pkce;
mod redirect_uri;
mod refresh;
mod sign_in;
mod throttling;
mod traps;

use std::collections::BTreeSet;

use crate::support::{Test, TestApp, http::Response};

pub(crate) fn trials() -> Vec<Test> {
    [
        own_trials(),
        browser_surface::trials(),
        client_auth::trials(),
        clock::trials(),
        code::trials(),
        connections::trials(),
        input::trials(),
        issuer::trials(),
        keys::trials(),
        logout_token::trials(),
        pkce::trials(),
        redirect_uri::trials(),
        refresh::trials(),
        sign_in::trials(),
        throttling::trials(),
        traps::trials(),
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
    ("A8", "redirect URIs with a wildcard subdomain"),
    ("A11", "clients that registered themselves, whose errors stop at a page of ours"),
    ("B7", "pushed authorization requests and request objects"),
    ("C10", "codes bound to a DPoP key"),
    ("D11", "refresh tokens bound to a DPoP key or a certificate"),
    ("F1", "pushed authorization requests"),
    ("F2", "pushed authorization requests"),
    ("F3", "pushed authorization requests"),
    ("F4", "pushed authorization requests"),
    ("F5", "pushed authorization requests"),
    ("F6", "pushed authorization requests"),
    ("F7", "request objects"),
    ("F8", "encrypted request objects"),
    ("F9", "request objects by reference"),
    ("H1", "DPoP proofs"),
    ("H2", "DPoP proofs"),
    ("H3", "DPoP nonces"),
    ("H4", "DPoP at resource endpoints"),
    ("H5", "codes bound to a DPoP key"),
    ("H6", "refresh tokens bound to a DPoP key"),
    ("H7", "access tokens bound to a DPoP key"),
    ("I1", "client certificates behind a proxy"),
    ("I2", "client authentication by certificate"),
    ("I3", "self-signed client certificates"),
    ("I4", "access tokens bound to a certificate"),
    ("J1", "the device grant"),
    ("J2", "the device grant"),
    ("J3", "user codes"),
    ("J4", "the device page"),
    ("J5", "the device page"),
    ("J6", "the device grant"),
    ("J7", "the device grant"),
    ("K3", "introspection answers as JWTs"),
    ("K5", "token exchange"),
    ("K7", "the management API"),
    ("K9", "pairwise subjects"),
    ("M2", "identity-first sign-in and routing to identity providers"),
    ("M3", "account recovery, unlocking and self-registration"),
    ("M4", "the Authentication API"),
    ("M5", "token exchange, the password grant and the device grant"),
    ("O1", "one-time passwords"),
    ("O2", "one-time passwords"),
    ("O3", "one-time passwords"),
    ("O4", "enrolment of one-time passwords"),
    ("O5", "one-time passwords"),
    ("O6", "one-time passwords by mail, message and call"),
    ("O7", "one-time passwords at rest"),
    ("P1", "the push factor"),
    ("P2", "number matching"),
    ("P3", "the push factor"),
    ("P4", "the push factor"),
    ("R1", "WebAuthn"),
    ("R2", "WebAuthn"),
    ("R3", "WebAuthn"),
    ("R4", "WebAuthn"),
    ("R5", "WebAuthn"),
    ("R6", "WebAuthn"),
    ("R7", "WebAuthn attestation"),
    ("R8", "enrolment links"),
    ("R9", "WebAuthn"),
    ("S1", "enrolment of factors"),
    ("S2", "enrolment of factors during sign-in"),
    ("S3", "account recovery"),
    ("S4", "account recovery"),
    ("S5", "links in mails"),
    ("S6", "recovery codes"),
    ("S7", "resets by administrators"),
    ("S8", "changes of password, mail address and phone number"),
    ("S9", "remembered devices that stand for a factor"),
    ("S10", "passwords that users choose"),
    ("T3", "sign-on policies with two factors"),
    ("T5", "step-up"),
    ("T8", "step-up asked for by a resource server"),
    ("T9", "sign-on policies that change"),
    ("T10", "organisations without passwords"),
    ("W3", "addresses made from templates"),
    ("W4", "webhooks"),
    ("X3", "filters and searches"),
    ("X11", "the expression language"),
    ("Y1", "the management API"),
    ("Y2", "the management API"),
    ("Y3", "the management API"),
    ("Y4", "the management API"),
    ("Y5", "the management API"),
    ("Y6", "dynamic client registration"),
    ("Y7", "API tokens"),
    ("Y8", "sessions and linked identities of users"),
    ("Y9", "the setup page"),
    ("Z1", "the search for secrets in all logs and rows, after all flows"),
    ("Z3", "rotation of the master key"),
    ("Z4", "imported password hashes"),
    ("Z5", "the search for forged log lines"),
    ("Z6", "the protected audit trail"),
    ("Z7", "restoring a backup"),
];

/// Ids with tests, of which a clause has no subject yet.
pub(crate) const PARTLY_LATER: &[(&str, &str)] = &[
    ("A12", "targets other than post_logout_redirect_uri: fromURI, RelayState, links in mails"),
    ("A14", "response modes that are JWTs"),
    ("B8", "updates by dynamic client registration"),
    ("C4", "a request_uri, device code, state token or recovery token presented as a code"),
    ("C6", "withdrawal of consent by the user; it revokes the grant, which is what is tested"),
    ("G1", "iss inside a JWT response"),
    ("X1", "user codes, organisation names and templates of operators"),
    ("X2", "mails and directories"),
    ("X5", "JSON bodies"),
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
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src"), root.join("tests"), root.join("keys/src")];
    let mut ids = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(path).unwrap();
                ids.extend(text.split("fn sec_").skip(1).filter_map(id_of));
            }
        }
    }
    ids
}

/// `c02_a_code…` is of C2.
fn id_of(name: &str) -> Option<String> {
    let id = name.split('_').next()?.to_ascii_uppercase();
    let (group, number) = id.split_at_checked(1)?;
    Some(format!("{group}{}", number.parse::<u8>().ok()?))
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
