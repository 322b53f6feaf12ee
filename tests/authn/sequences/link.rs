//! The links of the Authentication API as a client reads them, and what is sent to each.

use serde_json::{Value, json};
use stepgate::model::factor::FactorKind;

use super::person::ANSWER;
use crate::support::TestApp;

/// A step: what a link leads to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Step {
    Authenticate,
    ChangePassword,
    ResetPassword,
    Answer,
    VerifyRecovery(String),
    ResendRecovery(String),
    Enroll(FactorKind),
    Activate(String),
    ResendActivation(String),
    Verify(String),
    ResendChallenge(String),
    BackupCode,
    Previous,
    Skip,
    Cancel,
    Unlock,
    RecoveryToken,
    /// Something to look at: the questions, the picture of a seed.
    Get(String),
}

impl Step {
    /// Reads a link. One that is not known here is an offer that nobody checked.
    fn read(app: &TestApp, href: &str, factor: Option<&Value>) -> Self {
        let path = href.strip_prefix(&format!("{}/api/v1/", app.issuer));
        let path = path.unwrap_or_else(|| panic!("not absolute, or not ours: {href}"));
        let segments: Vec<&str> = path.split('/').collect();
        let owned = |text: &&str| (*text).to_owned();
        match segments.as_slice() {
            ["authn"] => Self::Authenticate,
            ["authn", "credentials", "change_password"] => Self::ChangePassword,
            ["authn", "credentials", "reset_password"] => Self::ResetPassword,
            ["authn", "recovery", "answer"] => Self::Answer,
            ["authn", "recovery", "unlock"] => Self::Unlock,
            ["authn", "recovery", "token"] => Self::RecoveryToken,
            ["authn", "recovery", "factors", channel, "verify"] => Self::VerifyRecovery(owned(channel)),
            ["authn", "recovery", "factors", channel, "resend"] => Self::ResendRecovery(owned(channel)),
            ["authn", "factors"] => {
                let factor = factor.expect("a link to enrol stands in a factor");
                let kind =
                    FactorKind::parse(factor["factorType"].as_str().unwrap(), factor["provider"].as_str());
                Self::Enroll(kind.expect("a kind"))
            }
            ["authn", "factors", "recovery_code", "verify"] => Self::BackupCode,
            ["authn", "factors", id, "lifecycle", "activate"] => Self::Activate(owned(id)),
            ["authn", "factors", id, "lifecycle", "resend"] => Self::ResendActivation(owned(id)),
            ["authn", "factors", id, "verify"] => Self::Verify(owned(id)),
            ["authn", "factors", id, "verify", "resend"] => Self::ResendChallenge(owned(id)),
            ["authn", "previous"] => Self::Previous,
            ["authn", "skip"] => Self::Skip,
            ["authn", "cancel"] => Self::Cancel,
            ["authn", "factors", "questions"] | ["users", _, "factors", _, "qr", _] => {
                Self::Get(format!("/api/v1/{path}"))
            }
            _ => panic!("a link that nobody knows: {href}"),
        }
    }

    /// Where it is sent, below the Authentication API.
    pub(super) fn path(&self) -> String {
        match self {
            Self::Authenticate => String::new(),
            Self::ChangePassword => "/credentials/change_password".to_owned(),
            Self::ResetPassword => "/credentials/reset_password".to_owned(),
            Self::Answer => "/recovery/answer".to_owned(),
            Self::Unlock => "/recovery/unlock".to_owned(),
            Self::RecoveryToken => "/recovery/token".to_owned(),
            Self::VerifyRecovery(channel) => format!("/recovery/factors/{channel}/verify"),
            Self::ResendRecovery(channel) => format!("/recovery/factors/{channel}/resend"),
            Self::Enroll(_) => "/factors".to_owned(),
            Self::Activate(id) => format!("/factors/{id}/lifecycle/activate"),
            Self::ResendActivation(id) => format!("/factors/{id}/lifecycle/resend"),
            Self::Verify(id) => format!("/factors/{id}/verify"),
            Self::ResendChallenge(id) => format!("/factors/{id}/verify/resend"),
            Self::BackupCode => "/factors/recovery_code/verify".to_owned(),
            Self::Previous => "/previous".to_owned(),
            Self::Skip => "/skip".to_owned(),
            Self::Cancel => "/cancel".to_owned(),
            Self::Get(path) => path.clone(),
        }
    }

    /// Whether it can be answered wrongly.
    pub(super) fn takes_an_answer(&self) -> bool {
        !self.refusals().is_empty()
    }

    /// How a wrong answer to it is refused (authn.md §5.1).
    pub(super) fn refusals(&self) -> &'static [&'static str] {
        match self {
            Self::Authenticate => &["E0000004"],
            Self::ChangePassword | Self::ResetPassword => &["E0000014"],
            Self::Answer => &["E0000087"],
            Self::VerifyRecovery(_) | Self::BackupCode => &["E0000068"],
            Self::Verify(_) | Self::Activate(_) => &["E0000068", "E0000083"],
            Self::Enroll(FactorKind::Question) => &["E0000001"],
            Self::Enroll(FactorKind::Sms | FactorKind::Call) => &["E0000098"],
            Self::Enroll(_)
            | Self::ResendRecovery(_)
            | Self::ResendActivation(_)
            | Self::ResendChallenge(_)
            | Self::Previous
            | Self::Skip
            | Self::Cancel
            | Self::Unlock
            | Self::RecoveryToken
            | Self::Get(_) => &[],
        }
    }
}

/// All steps that an answer publishes, also those that stand with factors.
pub(super) fn published(app: &TestApp, state: &Value) -> Vec<Step> {
    let mut found = Vec::new();
    collect(app, state, None, &mut found);
    // Another device has tests of its own: what it does, it does elsewhere.
    found.retain(|step| *step != Step::Enroll(FactorKind::Push));
    if state.get("stateToken").is_none() {
        // Okta publishes it with a recovery token as well, where there is no transaction to cancel.
        found.retain(|step| *step != Step::Cancel);
    }
    found
}

fn collect(app: &TestApp, value: &Value, factor: Option<&Value>, found: &mut Vec<Step>) {
    match value {
        Value::Object(members) => {
            let factor = if members.contains_key("factorType") { Some(value) } else { factor };
            if let Some(href) = members.get("href") {
                let step = Step::read(app, href.as_str().unwrap(), factor);
                // Okta's clients make no function of a link with more than one method.
                let method = if matches!(step, Step::Get(_)) { "GET" } else { "POST" };
                let allow = &members.get("hints").map(|hints| hints["allow"].clone());
                assert!(members.contains_key("type") || *allow == Some(json!([method])), "{value}");
                found.push(step);
            }
            members.values().for_each(|member| collect(app, member, factor, found));
        }
        Value::Array(members) => members.iter().for_each(|member| collect(app, member, factor, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// All steps of a transaction that anybody may think of, for these factors.
pub(super) fn conceivable<'a>(factors: impl Iterator<Item = &'a str>) -> Vec<Step> {
    let channels = ["SMS", "CALL"].into_iter().flat_map(|channel| {
        [Step::VerifyRecovery(channel.to_owned()), Step::ResendRecovery(channel.to_owned())]
    });
    let kinds = FactorKind::ALL.into_iter().filter(|kind| kind.is_enrolled_by_users());
    let kinds = kinds.filter(|kind| *kind != FactorKind::Push).map(Step::Enroll);
    let factors = factors.flat_map(|id| {
        let steps = [Step::Activate, Step::ResendActivation, Step::Verify, Step::ResendChallenge];
        steps.map(|step| step(id.to_owned()))
    });
    let fixed = [
        Step::Authenticate,
        Step::ChangePassword,
        Step::ResetPassword,
        Step::Answer,
        Step::BackupCode,
        Step::Previous,
        Step::Skip,
        Step::Verify(BY_TYPE.to_owned()),
    ];
    fixed.into_iter().chain(channels).chain(kinds).chain(factors).collect()
}

/// What stands for the id where any authenticator of the user may sign.
const BY_TYPE: &str = "webauthn";

/// Whether a factor signs challenges.
pub(super) fn signs(id: &str) -> bool {
    id == BY_TYPE || id.starts_with(FactorKind::Webauthn.id_prefix())
}

/// The kind of a factor, which its id tells.
pub(super) fn kind_of(id: &str) -> FactorKind {
    if id == BY_TYPE {
        return FactorKind::Webauthn;
    }
    let kind = FactorKind::ALL.into_iter().find(|kind| id.starts_with(kind.id_prefix()));
    kind.unwrap_or_else(|| panic!("{id}"))
}

/// What is sent to enrol a factor.
pub(super) fn enrolment(kind: FactorKind, right: bool, phone: &str) -> Value {
    let profile = match kind {
        FactorKind::Sms | FactorKind::Call => json!({ "phoneNumber": if right { phone } else { "hello" } }),
        FactorKind::Question => {
            json!({ "question": "disliked_food", "answer": if right { ANSWER } else { "x" } })
        }
        _ => json!({}),
    };
    json!({ "factorType": kind.factor_type(), "provider": kind.provider(), "profile": profile })
}
