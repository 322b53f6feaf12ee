//! `webauthn`: several of a user, through the Factors API and in a sign-in, by id and by type.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use stepgate::app::Settings;
use webauthn_authenticator_rs::{AuthenticatorBackendHashedClientData, softpasskey::SoftPasskey};

use crate::support::{
    Test, TestApp,
    app::Change,
    authenticator::Authenticator,
    authn::path_of,
    factor::{Program, refusal},
    fixtures::ALICE,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage: an_authenticator_is_enrolled_and_proved_in_okta_s_form, a_user_has_several_and_no_more_than_ten;
        sqlite: any_of_several_answers_a_challenge_by_type, one_is_enrolled_in_a_sign_in,
            half_of_what_an_authenticator_made_is_named_as_such,
            a_passkey_of_another_make_is_enrolled_and_proved,
            passkey_endpoints_lead_to_the_account_page, related_origins_are_published_and_count;
    ]
}

async fn enrol(user: &Program<'_>, authenticator: &mut Authenticator) -> Value {
    let begun = user.enroll(&json!({ "factorType": "webauthn", "provider": "FIDO" })).await;
    let body = authenticator.create(&begun["_embedded"]["activation"]);
    let path = format!("/factors/{}/lifecycle/activate", begun["id"].as_str().unwrap());
    let activated = user.post(&path, &body).await;
    assert_eq!(activated.status, 200, "{}", activated.text());
    activated.json()
}

/// Okta Factors API: activation object, 200 `CHALLENGE` with `_embedded.challenge`, `SUCCESS`.
async fn an_authenticator_is_enrolled_and_proved_in_okta_s_form(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let begun = alice.enroll(&json!({ "factorType": "webauthn", "provider": "FIDO" })).await;
    let id = begun["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("fwf") && begun["status"] == "PENDING_ACTIVATION", "{begun}");
    let activation = &begun["_embedded"]["activation"];
    assert_eq!(activation["rp"]["id"], "localhost");
    assert_eq!(activation["user"]["name"], ALICE);
    assert_eq!(activation["user"]["id"], alice.user.id.as_str());
    assert_eq!(activation["attestation"], "none");
    assert_eq!(activation["pubKeyCredParams"][0], json!({ "type": "public-key", "alg": -7 }));
    let path = format!("/factors/{id}/lifecycle/activate");
    assert_eq!(alice.post(&path, &json!({})).await.status, 400);
    let mut authenticator = Authenticator::at(&app.issuer);
    let activated = alice.post(&path, &authenticator.create(activation)).await;
    assert_eq!(activated.status, 200, "{}", activated.text());
    let activated = activated.json();
    assert_eq!(activated["status"], "ACTIVE");
    assert_eq!(activated["profile"]["credentialId"], authenticator.credential_id());
    assert!(activated["profile"]["authenticatorName"].is_string());
    let verify = format!("/factors/{id}/verify");
    let asked = alice.post(&verify, &json!({})).await.json();
    assert_eq!(asked["factorResult"], "CHALLENGE");
    let challenge = &asked["_embedded"]["challenge"];
    assert_eq!(challenge["allowCredentials"][0]["id"], authenticator.credential_id());
    assert_eq!(challenge["userVerification"], "preferred");
    let done = alice.post(&verify, &authenticator.get(challenge)).await.json();
    // Okta's generated clients take objects only in `profile`.
    assert_eq!(done, json!({ "factorResult": "SUCCESS" }));
    assert!(asked.get("profile").is_none());
    assert_eq!(refusal(&alice.post(&verify, &json!({ "passCode": "123456" })).await).0, 403);
}

/// Web Authentication Level 3 §6: an authenticator that knows nothing of this server reads what it is asked and is understood,
/// with the browser of this test around it.
async fn a_passkey_of_another_make_is_enrolled_and_proved(app: TestApp) {
    let mut passkey = SoftPasskey::new(true);
    let alice = app.factors_of(ALICE).await;
    let begun = alice.enroll(&json!({ "factorType": "webauthn", "provider": "FIDO" })).await;
    let activation = &begun["_embedded"]["activation"];
    let browser = Authenticator::at(&app.issuer);
    let client_data =
        browser.client_data("webauthn.create", activation["challenge"].as_str().unwrap()).to_string();
    let options = serde_json::from_value(activation.clone()).unwrap();
    let made = passkey.perform_register(Sha256::digest(&client_data).to_vec(), options, 60_000).unwrap();
    let made = serde_json::to_value(made).unwrap();
    let body = json!({
        "attestation": made["response"]["attestationObject"], "clientData": URL_SAFE_NO_PAD.encode(client_data),
    });
    let factor = format!("/factors/{}", begun["id"].as_str().unwrap());
    let activated = alice.post(&format!("{factor}/lifecycle/activate"), &body).await;
    assert_eq!(activated.status, 200, "{}", activated.text());
    for (origin, status) in [(app.issuer.as_str(), 200), ("https://localhost.example", 403)] {
        let asked = alice.post(&format!("{factor}/verify"), &json!({})).await.json();
        let challenge = &asked["_embedded"]["challenge"];
        let browser = Authenticator::at(origin);
        let client_data =
            browser.client_data("webauthn.get", challenge["challenge"].as_str().unwrap()).to_string();
        let options = serde_json::from_value(challenge.clone()).unwrap();
        let signed = passkey.perform_auth(Sha256::digest(&client_data).to_vec(), options, 60_000).unwrap();
        let signed = serde_json::to_value(signed).unwrap();
        let body = json!({
            "clientData": URL_SAFE_NO_PAD.encode(client_data),
            "authenticatorData": signed["response"]["authenticatorData"],
            "signatureData": signed["response"]["signature"],
        });
        let answer = alice.post(&format!("{factor}/verify"), &body).await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
}

/// Okta's envelope names what is missing; half an answer is no request for another challenge, and no passcode.
async fn half_of_what_an_authenticator_made_is_named_as_such(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let mut authenticator = Authenticator::at(&app.issuer);
    let factor = enrol(&alice, &mut authenticator).await;
    let verify = format!("/factors/{}/verify", factor["id"].as_str().unwrap());
    let begun = alice.enroll(&json!({ "factorType": "webauthn", "provider": "FIDO" })).await;
    let activate = format!("/factors/{}/lifecycle/activate", begun["id"].as_str().unwrap());
    app.require_factor().await;
    let asked = app.password_of(ALICE).await;
    for (path, given, missing) in [
        (&verify, "clientData", "signatureData"),
        (&verify, "authenticatorData", "clientData"),
        (&verify, "signatureData", "clientData"),
        (&activate, "clientData", "attestation"),
        (&activate, "attestation", "clientData"),
    ] {
        let told = [
            alice.post(path, &json!({ given: "AAAA" })).await,
            app.authn(path, &json!({ given: "AAAA", "stateToken": asked["stateToken"] })).await,
        ];
        for refused in &told {
            assert_eq!(refusal(refused), (400, "E0000001".to_owned()), "{given}");
            let named = format!("{missing}: is required");
            assert!(refused.text().contains(&named), "{given}: {}", refused.text());
        }
    }
}

/// Password managers lead people to where passkeys are added and looked after.
async fn passkey_endpoints_lead_to_the_account_page(app: TestApp) {
    let told = app.client().get("/.well-known/passkey-endpoints").await;
    let account = format!("{}/account", app.issuer);
    assert_eq!((told.status, told.json()), (200, json!({ "enroll": account, "manage": account })));
    let page = app.client().get("/account").await;
    assert_eq!(page.status, 303, "{}", page.text());
}

/// Web Authentication Level 3 §5.11: what is configured is published, and ceremonies there count; elsewhere nothing changes.
async fn related_origins_are_published_and_count(app: TestApp) {
    let own = app.client().get("/.well-known/webauthn").await.json();
    assert_eq!(own, json!({ "origins": [app.issuer] }));
    let settings =
        |settings: &mut Settings| settings.related_origins = vec!["https://app.example.org".to_owned()];
    let app = app.restart(Change { settings: Some(settings), ..Change::default() }).await;
    let published = app.client().get("/.well-known/webauthn").await;
    assert_eq!(
        (published.status, published.json()),
        (200, json!({ "origins": [app.issuer, "https://app.example.org"] }))
    );
    let alice = app.factors_of(ALICE).await;
    enrol(&alice, &mut Authenticator::at("https://app.example.org")).await;
    let begun = alice.enroll(&json!({ "factorType": "webauthn", "provider": "FIDO" })).await;
    let mut elsewhere = Authenticator::at("https://app.example.org.evil.example");
    let path = format!("/factors/{}/lifecycle/activate", begun["id"].as_str().unwrap());
    let refused = alice.post(&path, &elsewhere.create(&begun["_embedded"]["activation"])).await;
    assert_eq!(refusal(&refused), (403, "E0000068".to_owned()));
}

/// Ten, each with an entry of its own; the catalog has the kind once.
async fn a_user_has_several_and_no_more_than_ten(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    for _ in 0..10 {
        enrol(&alice, &mut Authenticator::at(&app.issuer)).await;
    }
    assert_eq!(alice.get("/factors").await.json().as_array().unwrap().len(), 10);
    let more = alice.post("/factors", &json!({ "factorType": "webauthn", "provider": "FIDO" })).await;
    assert_eq!(refusal(&more), (400, "E0000001".to_owned()));
    let catalog = alice.get("/factors/catalog").await.json();
    let kinds = catalog.as_array().unwrap().iter().filter(|kind| kind["factorType"] == "webauthn");
    assert_eq!(kinds.count(), 1);
}

/// Okta Authentication API: `/factors/webauthn/verify`; the answer names no credential.
async fn any_of_several_answers_a_challenge_by_type(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let (mut one, mut two) = (Authenticator::at(&app.issuer), Authenticator::at(&app.issuer));
    enrol(&alice, &mut one).await;
    enrol(&alice, &mut two).await;
    app.require_factor().await;
    for authenticator in [&mut one, &mut two] {
        let asked = app.password_of(ALICE).await;
        assert_eq!(asked["status"], "MFA_REQUIRED", "{asked}");
        let next = path_of(&asked["_embedded"]["factorTypes"][0]["_links"]["next"]);
        let begun = app.step(&next, json!({ "stateToken": asked["stateToken"] })).await;
        assert_eq!(begun["challengeType"], "FACTOR_TYPE", "{begun}");
        assert_eq!(begun["_embedded"]["factors"].as_array().unwrap().len(), 2);
        assert_eq!(path_of(&begun["_links"]["next"]), "/factors/webauthn/verify");
        let mut body = authenticator.get(&begun["_embedded"]["challenge"]);
        body["stateToken"] = asked["stateToken"].clone();
        let done = app.step(&next, body).await;
        assert_eq!(done["status"], "SUCCESS", "{done}");
    }
}

/// Okta Authentication API: `MFA_ENROLL`, `MFA_ENROLL_ACTIVATE`, `SUCCESS`.
async fn one_is_enrolled_in_a_sign_in(app: TestApp) {
    app.require_factor().await;
    let asked = app.password_of(ALICE).await;
    assert_eq!(asked["status"], "MFA_ENROLL", "{asked}");
    let body = json!({ "stateToken": asked["stateToken"], "factorType": "webauthn", "provider": "FIDO" });
    let begun = app.step("/factors", body).await;
    assert_eq!(begun["status"], "MFA_ENROLL_ACTIVATE", "{begun}");
    let factor = &begun["_embedded"]["factor"];
    let mut authenticator = Authenticator::at(&app.issuer);
    let mut body = authenticator.create(&factor["_embedded"]["activation"]);
    body["stateToken"] = begun["stateToken"].clone();
    let done = app.step(&path_of(&begun["_links"]["next"]), body).await;
    assert_eq!(done["status"], "SUCCESS", "{done}");
}
