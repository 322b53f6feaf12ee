//! Devices that approve, as the protocol of [`stepgate::factor::push`] has them.

use keys::{Algorithm, SigningKey};
use serde_json::{Value, json};
use stepgate::factor::{push::TYPE, service};

use super::{
    TestApp,
    factor::{Program, factor},
    http::Response,
};

/// A device of one account.
pub(crate) struct Device {
    issuer: String,
    key: SigningKey,
    /// The factor that it is.
    pub(crate) factor: String,
    /// Whom it approves for.
    pub(crate) user: String,
}

impl Device {
    /// A device with a key of its own that says to be a factor.
    pub(crate) fn pretending(app: &TestApp, factor: &str, user: &str) -> Self {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        Self { issuer: app.issuer.clone(), key, factor: factor.to_owned(), user: user.to_owned() }
    }

    /// The claims that every statement has.
    pub(crate) fn claims(&self, app: &TestApp, act: &str) -> Value {
        let iat = app.app.now().unix_timestamp();
        json!({ "aud": self.issuer, "act": act, "factor": self.factor, "iat": iat })
    }

    /// Signs anything.
    pub(crate) fn sign(&self, typ: &str, claims: &Value) -> String {
        self.key.sign_jwt(Some(typ), claims).unwrap()
    }

    /// Sends a statement.
    pub(crate) async fn send(&self, app: &TestApp, act: &str, more: &Value) -> Response {
        let mut claims = self.claims(app, act);
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        app.device(act, &self.sign(TYPE, &claims)).await
    }

    /// Enrols itself with the address of a QR code.
    pub(crate) async fn enroll(app: &TestApp, address: &str) -> (Self, Response) {
        let (factor, token) = invitation(address);
        let device = Self::pretending(app, &factor, "");
        let jwk = device.key.public_jwk();
        let more = json!({ "token": token, "name": "Anna’s phone", "platform": "TEST", "jwk": jwk });
        let answer = device.send(app, "enroll", &more).await;
        let user = answer.json()["user"].as_str().unwrap_or_default().to_owned();
        (Self { user, ..device }, answer)
    }

    /// What it is asked now, or within so many seconds.
    pub(crate) async fn wait(&self, app: &TestApp, (seen, hold): (Option<&str>, u64)) -> Value {
        let mut more = json!({ "hold": hold });
        if let Some(seen) = seen {
            more["seen"] = seen.into();
        }
        let answer = self.send(app, "wait", &more).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["challenge"].clone()
    }

    /// Answers a challenge.
    pub(crate) async fn answer(
        &self,
        app: &TestApp,
        challenge: &str,
        (decision, number): (&str, Option<u64>),
    ) -> Response {
        let mut more = json!({ "challenge": challenge, "user": self.user, "answer": decision });
        if let Some(number) = number {
            more["number"] = number.into();
        }
        self.send(app, "answer", &more).await
    }

    /// Answers what it is asked now with a number; it must be asked something.
    pub(crate) async fn approve(&self, app: &TestApp, number: u64) -> Response {
        let challenge = self.wait(app, (None, 0)).await;
        let id = challenge["id"].as_str().unwrap_or_else(|| panic!("nothing is asked")).to_owned();
        self.answer(app, &id, ("approve", Some(number))).await
    }
}

/// The factor and token of an address.
pub(crate) fn invitation(address: &str) -> (String, String) {
    let (_, fragment) = address.split_once("#enroll=").expect("an address of an enrolment");
    let (factor, token) = fragment.split_once('.').unwrap();
    (factor.to_owned(), token.to_owned())
}

/// One of the three that is not the right one.
pub(crate) fn wrong_number(challenge: &Value, correct: u64) -> u64 {
    let numbers = challenge["numbers"].as_array().unwrap();
    numbers.iter().map(|number| number.as_u64().unwrap()).find(|number| *number != correct).unwrap()
}

impl TestApp {
    /// A statement of a device.
    pub(crate) async fn device(&self, act: &str, statement: &str) -> Response {
        let path = format!("/api/v1/authenticator/{act}");
        self.client().post_json(&path, &json!({ "statement": statement })).await
    }
}

impl Program<'_> {
    /// The address that a pending enrolment shows in its QR code.
    pub(crate) async fn address(&self, app: &TestApp, id: &str) -> String {
        service::push::address(&app.app, &factor(app, &self.user, id).await).expose().clone()
    }

    /// Enrols a device.
    pub(crate) async fn device(&self, app: &TestApp) -> Device {
        let begun = self.enroll(&json!({ "factorType": "push", "provider": "OKTA" })).await;
        let address = self.address(app, begun["id"].as_str().unwrap()).await;
        let (device, answer) = Device::enroll(app, &address).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        device
    }

    /// Asks a device, which must be possible: what is told.
    pub(crate) async fn ask(&self, device: &Device) -> Value {
        let asked = self.post(&format!("/factors/{}/verify", device.factor), &json!({})).await;
        assert_eq!(asked.status, 201, "{}", asked.text());
        asked.json()
    }

    /// What became of a question.
    pub(crate) async fn poll(&self, device: &Device, id: &str) -> Response {
        self.get(&format!("/factors/{}/transactions/{id}", device.factor)).await
    }
}

/// The id of a question, as its links have it.
pub(crate) fn transaction_of(asked: &Value) -> String {
    let href = asked["_links"]["poll"]["href"].as_str().unwrap_or_else(|| panic!("{asked}"));
    href.rsplit('/').next().unwrap().to_owned()
}

/// The number that is shown where the sign-in happens.
pub(crate) fn correct(asked: &Value) -> u64 {
    let challenge = &asked["_embedded"]["challenge"];
    challenge["correctAnswer"].as_u64().unwrap_or_else(|| panic!("no number: {asked}"))
}
