//! Factors of users, as programs enrol them through Okta's Factors API, and the devices that go with them.

use http::Method;
use serde_json::{Map, Value, json};
use stepgate::{
    factor::{Activate, Enrolment, Purpose, UpdatePhone},
    id::{FactorId, TransactionId},
    model::{
        api_token::Access,
        factor::{Factor, FactorKind},
        user::User,
    },
    store,
    syslog::Caller,
    user::login::LoginKey,
};

use super::{TestApp, http::Response};

/// The phone of [`super::fixtures::ALICE`] and whoever else needs one.
pub(crate) const PHONE: &str = "+15554151337";

/// A program that administers the factors of one user.
pub(crate) struct Program<'a> {
    app: &'a TestApp,
    /// The user.
    pub(crate) user: User,
    /// Its API token.
    pub(crate) token: String,
}

impl TestApp {
    /// A user as stored.
    pub(crate) async fn user(&self, login: &str) -> User {
        let key = LoginKey::normalize(login).unwrap();
        store::user::find_by_login(&self.app.db, key.as_str()).await.unwrap().expect("a user")
    }

    /// A program that may change the factors of a user.
    pub(crate) async fn factors_of(&self, login: &str) -> Program<'_> {
        Program { app: self, user: self.user(login).await, token: self.api_token(Access::Manage).await }
    }
}

impl Program<'_> {
    /// A path below the user's.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/api/v1/users/{}{rest}", self.user.id)
    }

    /// Reads.
    pub(crate) async fn get(&self, rest: &str) -> Response {
        self.app.read(&self.path(rest), &self.token).await
    }

    /// Sends a document.
    pub(crate) async fn post(&self, rest: &str, document: &Value) -> Response {
        self.app.post(&self.path(rest), &self.token, document).await
    }

    /// Deletes.
    pub(crate) async fn delete(&self, rest: &str) -> Response {
        self.app.ssws(Method::DELETE, &self.path(rest), &self.token).send().await
    }

    /// Enrols something, which must be possible.
    #[track_caller]
    pub(crate) fn enroll(&self, document: &Value) -> impl Future<Output = Value> {
        let place = std::panic::Location::caller();
        async move {
            let enrolled = self.post("/factors", document).await;
            assert_eq!(enrolled.status, 200, "{place}: {}", enrolled.text());
            enrolled.json()
        }
    }

    /// Activates a factor with a code.
    pub(crate) async fn activate(&self, id: &str, code: &str) -> Response {
        self.post(&format!("/factors/{id}/lifecycle/activate"), &json!({ "passCode": code })).await
    }

    /// Verifies a code.
    pub(crate) async fn verify(&self, id: &str, code: &str) -> Response {
        self.post(&format!("/factors/{id}/verify"), &json!({ "passCode": code })).await
    }

    /// Enrols and activates an authenticator application; the clock is a minute ahead of the code that was used.
    pub(crate) async fn authenticator(&self) -> Authenticator {
        let enrolled = self.enroll(&json!({"factorType": "token:software:totp", "provider": "GOOGLE"})).await;
        let authenticator = Authenticator::new(&enrolled);
        let activated = self.activate(&authenticator.id, &authenticator.code(self.app, 0)).await;
        assert_eq!(activated.status, 200, "{}", activated.text());
        self.app.clock.advance(60);
        authenticator
    }

    /// Enrols and activates a phone or mail address; a minute later.
    pub(crate) async fn sent(&self, factor_type: &str, to: &str) -> String {
        let profile = if factor_type == "email" { json!({"email": to}) } else { json!({"phoneNumber": to}) };
        let document = json!({"factorType": factor_type, "provider": "OKTA", "profile": profile});
        let id = self.enroll(&document).await["id"].as_str().unwrap().to_owned();
        let activated = self.activate(&id, &self.app.mailbox().code_for(to).await).await;
        assert_eq!(activated.status, 200, "{}", activated.text());
        self.app.clock.advance(60);
        id
    }
}

/// An authenticator application.
#[derive(Clone)]
pub(crate) struct Authenticator {
    /// The factor.
    pub(crate) id: String,
    secret: Vec<u8>,
}

impl Authenticator {
    /// From what was told at the enrolment.
    pub(crate) fn new(enrolled: &Value) -> Self {
        let secret = enrolled["_embedded"]["activation"]["sharedSecret"].as_str().unwrap();
        let secret = totp_rs::Secret::try_from_base32(secret).unwrap();
        Self { id: enrolled["id"].as_str().unwrap().to_owned(), secret: secret.as_bytes().to_vec() }
    }

    /// The code of a step that is so many steps away.
    pub(crate) fn code(&self, app: &TestApp, steps: i64) -> String {
        let at = u64::try_from(app.app.now().unix_timestamp() + 30 * steps).unwrap();
        let token = totp_rs::Builder::new().with_secret(self.secret.clone()).build().unwrap();
        token.generate(at).to_string()
    }
}

/// A code that is not this one.
pub(crate) fn wrong(code: &str) -> String {
    let number = (code.parse::<u32>().unwrap() + 1) % 10_u32.pow(u32::try_from(code.len()).unwrap());
    format!("{number:0width$}", width = code.len())
}

/// The status and Okta's error code of a refusal.
#[track_caller]
pub(crate) fn refusal(response: &Response) -> (u16, String) {
    (
        response.status,
        response.json()["errorCode"].as_str().unwrap_or_else(|| panic!("{}", response.text())).to_owned(),
    )
}

/// What a user enrols in a sign-in.
pub(crate) fn enrolment(kind: FactorKind, profile: &Value) -> Enrolment {
    Enrolment {
        kind,
        profile: profile.as_object().cloned().unwrap_or_else(Map::new),
        factor_profile_id: None,
        activate: Activate::ByUser,
        update_phone: UpdatePhone::Keep,
        token_lifetime: None,
    }
}

/// A request from an address, as the edge saw it.
pub(crate) fn caller(ip: &str) -> Caller {
    Caller { request_id: "req".to_owned(), ip: Some(ip.parse().unwrap()), user_agent: None, actor: None }
}

/// A sign-in.
pub(crate) fn transaction(name: &str) -> TransactionId {
    TransactionId::new(format!("txn{name}"))
}

/// A factor as stored.
pub(crate) async fn factor(app: &TestApp, user: &User, id: &str) -> Factor {
    stepgate::factor::service::load(&app.app, &user.id, &FactorId::new(id)).await.unwrap()
}

/// Sends the code of a factor in a sign-in.
pub(crate) async fn challenge(
    app: &TestApp,
    user: &User,
    id: &str,
    (transaction, caller): (&TransactionId, &Caller),
) -> Result<(), stepgate::factor::FactorError> {
    let factor = factor(app, user, id).await;
    let how = (Purpose::Transaction(transaction), caller);
    let unit = stepgate::factor::service::challenge(&app.app, user, &factor, how).await?.unit;
    app.app.db.writer().commit(unit).await.unwrap();
    Ok(())
}
