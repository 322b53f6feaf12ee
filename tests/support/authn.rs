//! Callers of the Authentication API, and what policies and factors they meet.

use http::Method;
use serde_json::{Value, json};
use stepgate::{
    id::{PolicyId, RuleId, UserId},
    model::{
        Status,
        policy::PasswordRules,
        policy_set::{
            Conditions, EnrollAction, MfaEnrollSettings, NoSettings, PasswordAction, Policy, PolicyKind,
            Rule, SignOnAction,
        },
    },
    store,
};

use super::{
    TestApp,
    fixtures::{ALICE, PASSWORD},
    http::Response,
};

impl TestApp {
    /// A request of a program without a browser.
    pub(crate) async fn authn(&self, path: &str, document: &Value) -> Response {
        self.client().post_json(&format!("/api/v1/authn{path}"), document).await
    }

    /// The same from a page of an origin.
    pub(crate) async fn authn_from(&self, origin: &str, path: &str, document: &Value) -> Response {
        let path = format!("/api/v1/authn{path}");
        self.client().request(Method::POST, &path).header("origin", origin).json(document).send().await
    }

    /// A step that must succeed.
    #[track_caller]
    pub(crate) fn step(&self, path: &str, document: Value) -> impl Future<Output = Value> {
        let path = path.to_owned();
        async move {
            let answer = self.authn(&path, &document).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            answer.json()
        }
    }

    /// A sign-in with the right password.
    pub(crate) async fn password_of(&self, login: &str) -> Value {
        self.step("", json!({ "username": login, "password": PASSWORD })).await
    }

    /// Sets the only policy about sign-on, for everyone.
    pub(crate) async fn sign_on(&self, action: SignOnAction) {
        self.set_policy(PolicyKind::OktaSignOn, "sign-on", NoSettings {}, action).await;
    }

    /// Asks everyone for a factor.
    pub(crate) async fn require_factor(&self) {
        self.sign_on(SignOnAction { require_factor: true, ..SignOnAction::default() }).await;
    }

    /// Sets the only policy about passwords, for everyone.
    pub(crate) async fn password_rules(&self, rules: PasswordRules, action: PasswordAction) {
        self.set_policy(PolicyKind::Password, "password", rules, action).await;
    }

    /// Sets the only policy about enrolment, for everyone.
    pub(crate) async fn enrolment_rules(&self, settings: MfaEnrollSettings, action: EnrollAction) {
        self.set_policy(PolicyKind::MfaEnroll, "enroll", settings, action).await;
    }

    async fn set_policy<S: serde::Serialize, A: serde::Serialize>(
        &self,
        kind: PolicyKind,
        name: &str,
        settings: S,
        action: A,
    ) {
        let policy = Policy {
            id: PolicyId::new(format!("00p{name}")),
            name: name.to_owned(),
            description: String::new(),
            priority: 1,
            status: Status::Active,
            groups: Vec::new(),
            settings,
            rules: vec![Rule {
                id: RuleId::new(format!("0pr{name}")),
                name: "rule".to_owned(),
                priority: 1,
                status: Status::Active,
                conditions: Conditions::default(),
                action,
            }],
            updated_at: self.app.now(),
        };
        let tx = self.app.db.begin_write().await.unwrap();
        store::policy::upsert(&tx, kind, &policy).await.unwrap();
        tx.commit().await.unwrap();
        self.app.forget_configuration();
    }

    /// The id of a fixture user.
    pub(crate) async fn id_of(&self, login: &str) -> UserId {
        store::user::find_by_login(&self.app.db, login).await.unwrap().expect("a user").id
    }

    /// Enrols an authenticator application for ALICE in a sign-in that asks for one; its seed.
    pub(crate) async fn enrol_totp(&self) -> String {
        self.require_factor().await;
        let asked = self.password_of(ALICE).await;
        assert_eq!(asked["status"], "MFA_ENROLL", "{asked}");
        let body = json!({
            "stateToken": asked["stateToken"], "factorType": "token:software:totp", "provider": "GOOGLE",
        });
        let begun = self.step("/factors", body).await;
        assert_eq!(begun["status"], "MFA_ENROLL_ACTIVATE", "{begun}");
        let factor = &begun["_embedded"]["factor"];
        let seed = factor["_embedded"]["activation"]["sharedSecret"].as_str().unwrap().to_owned();
        let path = format!("/factors/{}/lifecycle/activate", factor["id"].as_str().unwrap());
        let body = json!({ "stateToken": begun["stateToken"], "passCode": self.totp(&seed) });
        let done = self.step(&path, body).await;
        assert_eq!(done["status"], "SUCCESS", "{done}");
        // The code of the enrolment counts as used: the next one is another.
        self.clock.advance(30);
        seed
    }

    /// The code that an authenticator application shows now.
    pub(crate) fn totp(&self, seed: &str) -> String {
        let now = u64::try_from(self.app.now().unix_timestamp()).unwrap();
        let secret = totp_rs::Secret::try_from_base32(seed).unwrap();
        let token = totp_rs::Builder::new().with_secret(secret.as_bytes().to_vec()).build_noncompliant();
        token.generate(now).to_string()
    }
}

/// Where a published link leads, below the Authentication API.
#[track_caller]
pub(crate) fn path_of(link: &Value) -> String {
    let href = link["href"].as_str().unwrap_or_else(|| panic!("no link: {link}"));
    href.split_once("/api/v1/authn").expect("a link of the Authentication API").1.to_owned()
}

/// The only factor of a type.
#[track_caller]
pub(crate) fn factor_of<'a>(answer: &'a Value, factor_type: &str) -> &'a Value {
    let factors = answer["_embedded"]["factors"].as_array().unwrap_or_else(|| panic!("no factors: {answer}"));
    factors.iter().find(|factor| factor["factorType"] == factor_type).unwrap_or_else(|| panic!("{answer}"))
}
