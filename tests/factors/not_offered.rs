//! `signed_nonce` and `password`: Okta's clients know these kinds; here nobody enrols one, and whoever tries is told why.

use serde_json::{Value, json};

use crate::support::{
    Test, TestApp,
    authn::factor_of,
    factor::refusal,
    fixtures::{ALICE, PASSWORD},
    http::Response,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![sqlite:
        what_nobody_enrols_is_in_no_list,
        what_nobody_enrols_is_refused_by_the_factors_api,
        what_nobody_enrols_is_refused_in_a_sign_in,
        the_password_is_not_asked_as_a_factor,
    ]
}

/// Both kinds, with the only provider that they have.
fn kinds() -> [(&'static str, Value); 2] {
    ["signed_nonce", "password"].map(|kind| (kind, json!({ "factorType": kind, "provider": "OKTA" })))
}

fn types(listed: &Value) -> Vec<&str> {
    let listed = listed.as_array().unwrap_or_else(|| panic!("{listed}"));
    listed.iter().map(|entry| entry["factorType"].as_str().unwrap()).collect()
}

/// Okta's error for what cannot be enrolled, with the reason.
#[track_caller]
fn assert_refused(answer: &Response, kind: &str) {
    assert_eq!(refusal(answer), (400, "E0000001".to_owned()), "{kind}: {}", answer.text());
    let told = answer.json();
    assert_eq!(told["errorSummary"], "Api validation failed: factorEnrollRequest", "{kind}");
    let reason = if kind == "password" { "set with the credentials" } else { "enrolled by its device only" };
    let cause = told["errorCauses"][0]["errorSummary"].as_str().unwrap_or_default().to_owned();
    assert!(cause.contains(reason), "{kind}: {told}");
}

/// Okta: the catalog is computed from policy; a device with a push factor has no other of its own here.
async fn what_nobody_enrols_is_in_no_list(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    alice.device(&app).await;
    let catalog = alice.get("/factors/catalog").await.json();
    let factors = alice.get("/factors").await.json();
    assert_eq!(types(&factors), ["push"]);
    app.require_factor().await;
    let asked = app.password_of(ALICE).await;
    let begun = app.password_of(crate::support::fixtures::BOB).await;
    assert_eq!((&asked["status"], &begun["status"]), (&json!("MFA_REQUIRED"), &json!("MFA_ENROLL")));
    for list in [&catalog, &factors, &asked["_embedded"]["factors"], &begun["_embedded"]["factors"]] {
        for (kind, _) in kinds() {
            assert!(!types(list).contains(&kind), "{list}");
        }
    }
    assert!(types(&begun["_embedded"]["factors"]).contains(&"push"), "{begun}");
}

/// Okta Factors API: E0000001, whoever asks and however; nothing is enrolled.
async fn what_nobody_enrols_is_refused_by_the_factors_api(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    for (kind, document) in kinds() {
        for path in ["/factors", "/factors?activate=true"] {
            assert_refused(&alice.post(path, &document).await, kind);
        }
        let bare = json!({ "factorType": kind });
        assert_refused(&alice.post("/factors", &bare).await, kind);
        let verify = alice.post(&format!("/factors/{kind}/verify"), &json!({ "password": PASSWORD })).await;
        assert_eq!(refusal(&verify), (404, "E0000007".to_owned()), "{kind}");
    }
    assert_eq!(alice.get("/factors").await.json(), json!([]));
    assert!(!app.logged("user.mfa.factor.activate", None).await);
}

/// Okta Authentication API: E0000001 in `MFA_ENROLL`, and the transaction stands where it stood.
async fn what_nobody_enrols_is_refused_in_a_sign_in(app: TestApp) {
    app.require_factor().await;
    let begun = app.password_of(ALICE).await;
    let with_token = |mut document: Value| {
        document["stateToken"] = begun["stateToken"].clone();
        document
    };
    for (kind, document) in kinds() {
        assert_refused(&app.authn("/factors", &with_token(document)).await, kind);
        let verify = with_token(json!({ "password": PASSWORD }));
        let verify = app.authn(&format!("/factors/{kind}/verify"), &verify).await;
        assert_eq!(refusal(&verify), (403, "E0000079".to_owned()), "{kind}");
    }
    let still = app.step("", json!({ "stateToken": begun["stateToken"] })).await;
    assert_eq!(still["status"], "MFA_ENROLL");
}

/// Okta asks for a password as a factor only where a sign-in begins with another; here every one of programs begins with it.
async fn the_password_is_not_asked_as_a_factor(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let authenticator = alice.authenticator().await;
    app.require_factor().await;
    let asked = app.password_of(ALICE).await;
    let token = &asked["stateToken"];
    for body in [
        json!({ "stateToken": token, "password": PASSWORD }),
        json!({ "stateToken": token, "passCode": PASSWORD }),
    ] {
        let answer = app.authn("/factors/password/verify", &body).await;
        assert_eq!(refusal(&answer), (403, "E0000079".to_owned()));
    }
    // The right code is right as before: nothing was counted.
    let verify =
        crate::support::authn::path_of(&factor_of(&asked, "token:software:totp")["_links"]["verify"]);
    let body = json!({ "stateToken": token, "passCode": authenticator.code(&app, 0) });
    assert_eq!(app.step(&verify, body).await["status"], "SUCCESS");
}
