//! `u2f`, `FIDO`: registrations of another system, imported and proved.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use rcgen::{KeyPair, PublicKeyData, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{
    Test, TestApp,
    authn::{factor_of, path_of},
    factor::{Program, refusal},
    fixtures::{ALICE, BOB, PASSWORD, WEB},
    http::{Browser, Response, ok},
    op::{answer, claims, sign_in_on},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage: an_imported_key_is_proved_in_okta_s_form, sec_r01_a_challenge_of_a_u2f_key_counts_once,
            sec_r02_a_u2f_registration_is_one_user_s;
        sqlite:
            nobody_registers_a_u2f_key,
            a_registration_is_imported_with_the_signature_of_its_message,
            sec_r03_a_u2f_signature_is_made_here,
            sec_r05_a_u2f_key_was_touched,
            sec_r06_a_u2f_key_that_does_not_count_is_suspended,
            an_imported_key_signs_in,
            a_browser_is_asked_for_a_u2f_key_by_web_authentication;
    ]
}

const APP_ID: &str = "https://old.example.com";
const PRESENT: u8 = 1;

/// A security key with one registration, and the browser around it.
struct Key {
    pair: KeyPair,
    handle: Vec<u8>,
    origin: String,
    counter: u32,
    presence: u8,
}

impl Key {
    fn at(origin: &str) -> Self {
        let pair = KeyPair::generate().unwrap();
        let handle = Sha256::digest(pair.der_bytes()).to_vec();
        Self { pair, handle, origin: origin.to_owned(), counter: 0, presence: PRESENT }
    }

    fn profile(&self) -> Value {
        json!({
            "credentialId": STANDARD.encode(&self.handle),
            "publicKey": URL_SAFE_NO_PAD.encode(self.pair.der_bytes()),
            "version": "U2F_V2",
            "appId": APP_ID,
        })
    }

    /// `u2f.sign()`: over application parameter, presence, counter and challenge parameter.
    fn sign(&mut self, challenge: &Value) -> Value {
        let nonce = &challenge["nonce"];
        let client_data =
            json!({ "typ": "navigator.id.getAssertion", "challenge": nonce, "origin": self.origin });
        self.sign_with(&client_data.to_string())
    }

    fn head(&mut self) -> Vec<u8> {
        self.counter += 1;
        [&[self.presence][..], &self.counter.to_be_bytes()].concat()
    }

    fn signature(&self, app_id: &str, head: &[u8], client_data: &str) -> Vec<u8> {
        let parameter = |text: &str| Sha256::digest(text.as_bytes()).to_vec();
        self.pair.sign(&[&parameter(app_id), head, &parameter(client_data)].concat()).unwrap()
    }

    fn sign_with(&mut self, client_data: &str) -> Value {
        let head = self.head();
        let signature = self.signature(APP_ID, &head, client_data);
        json!({
            "clientData": URL_SAFE_NO_PAD.encode(client_data),
            "signatureData": STANDARD.encode([head, signature].concat()),
        })
    }

    /// `navigator.credentials.get()` with the extension `appid`.
    fn get(&mut self, options: &Value) -> Value {
        let challenge = &options["challenge"];
        let client_data =
            json!({ "type": "webauthn.get", "challenge": challenge, "origin": self.origin }).to_string();
        let app_id = options["extensions"]["appid"].as_str().unwrap().to_owned();
        let head = self.head();
        let signature = self.signature(&app_id, &head, &client_data);
        let data = [Sha256::digest(app_id.as_bytes()).to_vec(), head].concat();
        json!({
            "clientData": URL_SAFE_NO_PAD.encode(&client_data),
            "authenticatorData": URL_SAFE_NO_PAD.encode(data),
            "signatureData": URL_SAFE_NO_PAD.encode(signature),
        })
    }
}

async fn import(user: &Program<'_>, key: &Key) -> Value {
    user.enroll(&json!({ "factorType": "u2f", "provider": "FIDO", "profile": key.profile() })).await
}

async fn challenge(user: &Program<'_>, path: &str) -> Value {
    ok(&user.post(path, &json!({})).await)["_embedded"]["challenge"].clone()
}

#[track_caller]
fn assert_wrong(answer: &Response) {
    assert_eq!(refusal(answer), (403, "E0000068".to_owned()), "{}", answer.text());
}

/// Okta Factors API: 200 `CHALLENGE` with profile, `nonce` and `timeoutSeconds`; then `clientData` and `signatureData`.
async fn an_imported_key_is_proved_in_okta_s_form(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let mut key = Key::at(&app.issuer);
    let factor = import(&alice, &key).await;
    let id = factor["id"].as_str().unwrap();
    assert!(id.starts_with("fuf") && factor["status"] == "ACTIVE", "{factor}");
    let handle = URL_SAFE_NO_PAD.encode(&key.handle);
    assert_eq!(factor["profile"], json!({ "credentialId": handle, "version": "U2F_V2", "appId": APP_ID }));
    let path = format!("/factors/{id}/verify");
    let asked = ok(&alice.post(&path, &json!({})).await);
    assert_eq!(asked["factorResult"], "CHALLENGE");
    assert_eq!(asked["_embedded"]["challenge"]["timeoutSeconds"], 20);
    let done = ok(&alice.post(&path, &key.sign(&asked["_embedded"]["challenge"])).await);
    assert_eq!(done["factorResult"], "SUCCESS");
    assert_wrong(&alice.post(&path, &json!({ "passCode": "123456" })).await);
    let again = alice
        .post("/factors", &json!({ "factorType": "u2f", "provider": "FIDO", "profile": key.profile() }))
        .await;
    assert_eq!(refusal(&again), (400, "E0000001".to_owned()));
    assert_eq!(alice.delete(&format!("/factors/{id}")).await.status, 204);
}

/// Browsers removed the API: it is said so, to administrators and users, and nothing is begun.
async fn nobody_registers_a_u2f_key(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let refused = alice.post("/factors", &json!({ "factorType": "u2f", "provider": "FIDO" })).await;
    assert_eq!(refusal(&refused), (400, "E0000001".to_owned()));
    assert!(refused.text().contains("webauthn"), "{}", refused.text());
    let catalog = ok(&alice.get("/factors/catalog").await);
    assert!(catalog.as_array().unwrap().iter().all(|kind| kind["factorType"] != "u2f"), "{catalog}");
    app.require_factor().await;
    let asked = app.password_of(ALICE).await;
    assert!(!asked["_embedded"]["factors"].to_string().contains("u2f"), "{asked}");
    let key = Key::at(&app.issuer);
    for profile in [json!({}), key.profile()] {
        let body = json!({
            "stateToken": asked["stateToken"], "factorType": "u2f", "provider": "FIDO", "profile": profile,
        });
        let refused = app.authn("/factors", &body).await;
        assert_eq!(refusal(&refused), (400, "E0000001".to_owned()), "{}", refused.text());
        assert!(refused.text().contains("webauthn"), "{}", refused.text());
    }
    for (member, value) in [
        ("credentialId", json!("")),
        ("publicKey", json!("AAAA")),
        ("publicKey", json!(URL_SAFE_NO_PAD.encode([4; 65]))),
        ("appId", Value::Null),
        ("appId", json!("old.example.com")),
        ("version", json!("U2F_V1")),
        ("counter", json!(-1)),
    ] {
        let mut profile = key.profile();
        profile[member] = value;
        let refused = alice
            .post("/factors", &json!({ "factorType": "u2f", "provider": "FIDO", "profile": profile }))
            .await;
        assert_eq!(refusal(&refused), (400, "E0000001".to_owned()), "{member}");
        assert!(refused.text().contains(member), "{}", refused.text());
    }
    assert_eq!(ok(&alice.get("/factors").await), json!([]));
}

/// FIDO U2F Raw Message Formats §4.3: what the key made when it was registered, by its own certificate.
async fn a_registration_is_imported_with_the_signature_of_its_message(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let key = Key::at(&app.issuer);
    let certificate = rcgen::CertificateParams::new(Vec::new()).unwrap();
    let maker = KeyPair::generate().unwrap();
    let certificate = certificate.self_signed(&maker).unwrap();
    let client_data =
        json!({ "typ": "navigator.id.finishEnrollment", "challenge": "c", "origin": APP_ID }).to_string();
    let parameter = |text: &str| Sha256::digest(text.as_bytes()).to_vec();
    let point = key.pair.der_bytes();
    let signed = [&[0][..], &parameter(APP_ID), &parameter(&client_data), &key.handle, point].concat();
    let length = [u8::try_from(key.handle.len()).unwrap()];
    let message =
        [&[5][..], point, &length, &key.handle, certificate.der(), &maker.sign(&signed).unwrap()].concat();
    let body = |message: &[u8], app_id: &str| {
        let profile = json!({
            "registrationData": STANDARD.encode(message),
            "clientData": STANDARD.encode(&client_data),
            "appId": app_id,
        });
        json!({ "factorType": "u2f", "provider": "FIDO", "profile": profile })
    };
    let mut altered = message.clone();
    altered[70] ^= 1;
    for bad in [
        body(&message, "https://other.example.com"),
        body(&altered, APP_ID),
        body(&message[1..], APP_ID),
        body(&message[..100], APP_ID),
        body(&[], APP_ID),
    ] {
        assert_eq!(refusal(&alice.post("/factors", &bad).await), (400, "E0000001".to_owned()));
    }
    let imported = alice.enroll(&body(&message, APP_ID)).await;
    assert_eq!(imported["profile"]["credentialId"], URL_SAFE_NO_PAD.encode(&key.handle));
    let path = format!("/factors/{}/verify", imported["id"].as_str().unwrap());
    let mut key = key;
    let asked = challenge(&alice, &path).await;
    assert_eq!(alice.post(&path, &key.sign(&asked)).await.status, 200);
}

/// R1: once, also by eight at the same moment, and spent by a wrong answer; bound to the factor and its user.
async fn sec_r01_a_challenge_of_a_u2f_key_counts_once(app: TestApp) {
    let (alice, bob) = (app.factors_of(ALICE).await, app.factors_of(BOB).await);
    let (mut key, mut other) = (Key::at(&app.issuer), Key::at(&app.issuer));
    let path = format!("/factors/{}/verify", import(&alice, &key).await["id"].as_str().unwrap());
    let bobs = format!("/factors/{}/verify", import(&bob, &other).await["id"].as_str().unwrap());
    let asked = challenge(&alice, &path).await;
    let signed = key.sign(&asked);
    let answers = futures_util::future::join_all((0..3).map(|_| alice.post(&path, &signed))).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses.iter().filter(|&&status| status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 403].contains(status)), "{statuses:?}");
    let asked = challenge(&alice, &path).await;
    assert_wrong(&alice.post(&path, &other.sign(&asked)).await);
    assert_eq!(alice.post(&path, &key.sign(&asked)).await.status, 403, "the challenge was spent");
    let asked = challenge(&alice, &path).await;
    assert_wrong(&bob.post(&bobs, &other.sign(&asked)).await);
    let asked = challenge(&bob, &bobs).await;
    app.clock.advance(5 * 60);
    assert_wrong(&bob.post(&bobs, &other.sign(&asked)).await);
    assert_wrong(&bob.post(&bobs, &other.sign(&json!({ "nonce": "AAAA" }))).await);
}

/// R2: whoever holds a key signs for one user; of two who are given it at the same moment one has it, until it is removed.
async fn sec_r02_a_u2f_registration_is_one_user_s(app: TestApp) {
    let (alice, bob) = (app.factors_of(ALICE).await, app.factors_of(BOB).await);
    let body = |key: &Key| json!({ "factorType": "u2f", "provider": "FIDO", "profile": key.profile() });
    let key = Key::at(&app.issuer);
    let id = import(&alice, &key).await["id"].as_str().unwrap().to_owned();
    let mut same = key.profile();
    same["credentialId"] = STANDARD.encode([1; 32]).into();
    for profile in [key.profile(), same] {
        let refused = bob
            .post("/factors", &json!({ "factorType": "u2f", "provider": "FIDO", "profile": profile }))
            .await;
        assert_eq!(refusal(&refused), (400, "E0000001".to_owned()));
        assert!(refused.text().contains("set up already"), "{}", refused.text());
    }
    assert_eq!(ok(&bob.get("/factors").await), json!([]));
    assert_eq!(alice.delete(&format!("/factors/{id}")).await.status, 204);
    let id = import(&bob, &key).await["id"].as_str().unwrap().to_owned();
    assert_eq!(bob.delete(&format!("/factors/{id}")).await.status, 204);
    for _ in 0..4 {
        let contested = body(&Key::at(&app.issuer));
        let (one, two) = tokio::join!(alice.post("/factors", &contested), bob.post("/factors", &contested));
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400], "{} {}", one.text(), two.text());
        let (owner, won) = if one.status == 200 { (&alice, one) } else { (&bob, two) };
        let path = format!("/factors/{}", won.json()["id"].as_str().unwrap());
        assert_eq!(owner.delete(&path).await.status, 204);
    }
}

/// R3, R4: for this origin, this application and this ceremony.
async fn sec_r03_a_u2f_signature_is_made_here(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let mut key = Key::at(&app.issuer);
    let path = format!("/factors/{}/verify", import(&alice, &key).await["id"].as_str().unwrap());
    for origin in [APP_ID.to_owned(), format!("{}.evil.example", app.issuer), "https://localhost".to_owned()]
    {
        let asked = challenge(&alice, &path).await;
        key.origin = origin;
        assert_wrong(&alice.post(&path, &key.sign(&asked)).await);
    }
    key.origin = app.issuer.clone();
    for typ in ["navigator.id.finishEnrollment", "webauthn.get", ""] {
        let asked = challenge(&alice, &path).await;
        let data = json!({ "typ": typ, "challenge": asked["nonce"], "origin": key.origin });
        assert_wrong(&alice.post(&path, &key.sign_with(&data.to_string())).await);
    }
    let asked = challenge(&alice, &path).await;
    let options =
        json!({ "challenge": asked["nonce"], "extensions": { "appid": "https://other.example.com" } });
    assert_wrong(&alice.post(&path, &key.get(&options)).await);
    for bad in [json!({ "clientData": "!", "signatureData": "AAAA" }), json!({ "signatureData": "AAAA" })] {
        assert_eq!(refusal(&alice.post(&path, &bad).await), (400, "E0000001".to_owned()));
    }
}

/// R5: presence is a flag of what was signed.
async fn sec_r05_a_u2f_key_was_touched(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let mut key = Key::at(&app.issuer);
    let path = format!("/factors/{}/verify", import(&alice, &key).await["id"].as_str().unwrap());
    key.presence = 0;
    let asked = challenge(&alice, &path).await;
    assert_wrong(&alice.post(&path, &key.sign(&asked)).await);
}

/// R6: a counter that does not grow is another key's.
async fn sec_r06_a_u2f_key_that_does_not_count_is_suspended(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let mut key = Key::at(&app.issuer);
    key.counter = 41;
    let id = import(&alice, &key).await["id"].as_str().unwrap().to_owned();
    let path = format!("/factors/{id}/verify");
    let asked = challenge(&alice, &path).await;
    assert_eq!(alice.post(&path, &key.sign(&asked)).await.status, 200);
    let asked = challenge(&alice, &path).await;
    key.counter = 41;
    assert_eq!(refusal(&alice.post(&path, &key.sign(&asked)).await), (403, "E0000069".to_owned()));
    assert_eq!(ok(&alice.get(&format!("/factors/{id}")).await)["status"], "INACTIVE");
    assert!(app.logged("user.mfa.factor.suspend", Some("signature_counter")).await);
    assert_eq!(alice.post(&path, &json!({})).await.status, 403);
}

/// Okta Authentication API: `_embedded.factor._embedded.challenge`, `profile` with `appId` and `version`; tokens say how.
async fn an_imported_key_signs_in(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let mut key = Key::at(&app.issuer);
    import(&alice, &key).await;
    app.require_factor().await;
    let asked = app.password_of(ALICE).await;
    let factor = factor_of(&asked, "u2f");
    assert_eq!(factor["profile"]["appId"], APP_ID);
    let verify = path_of(&factor["_links"]["verify"]);
    let begun = app.step(&verify, json!({ "stateToken": asked["stateToken"] })).await;
    assert_eq!((&begun["status"], &begun["factorResult"]), (&json!("MFA_CHALLENGE"), &json!("CHALLENGE")));
    let mut body = key.sign(&begun["_embedded"]["factor"]["_embedded"]["challenge"]);
    body["stateToken"] = begun["stateToken"].clone();
    let done = app.step(&path_of(&begun["_links"]["next"]), body).await;
    assert_eq!(done["status"], "SUCCESS", "{done}");
}

/// Web Authentication Level 3 §10.1.1: a page asks by the extension `appid`, which browsers still have.
async fn a_browser_is_asked_for_a_u2f_key_by_web_authentication(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let mut key = Key::at(&app.issuer);
    import(&alice, &key).await;
    app.require_factor().await;
    let mut browser = Browser::new();
    let page = browser.open(&app.authorize_url(WEB, &[])).await;
    let page = sign_in_on(&mut browser, &page, ALICE, PASSWORD).await;
    let options = options(&page);
    assert_eq!(options["extensions"]["appid"], APP_ID);
    assert_eq!(options["allowCredentials"][0]["id"], URL_SAFE_NO_PAD.encode(&key.handle));
    let signed = key.get(&options);
    let mut form = page.form("step-form").smuggle("action", "verify");
    for name in ["clientData", "authenticatorData", "signatureData"] {
        form = form.smuggle(name, signed[name].as_str().unwrap());
    }
    browser.submit(&form).await;
    let tokens = app.redeem(WEB, &answer(&browser)["code"]).await;
    let token = claims(tokens.json()["id_token"].as_str().unwrap());
    assert_eq!(token["amr"], json!(["pwd", "hwk", "pop", "phr", "mfa"]));
}

/// What the page hands to the authenticator.
#[track_caller]
fn options(page: &Response) -> Value {
    let text = page.text();
    let begin = text.split_once("data-webauthn=\"").unwrap_or_else(|| panic!("{text}")).1;
    let quoted = begin.split_once('"').unwrap().0;
    serde_json::from_str(&quoted.replace("&quot;", "\"").replace("&amp;", "&")).unwrap()
}
