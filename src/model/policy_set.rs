//! Policies about signing in as they are kept, in Okta's model: a policy speaks about groups, its rules about people and
//! networks, and the action of the rule that matches is what is done. What they decide is in [`super::policy`].

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{
    Status,
    authorization_server::PeopleCondition,
    factor::FactorKind,
    policy::{
        Access, EnrollPrompt, FactorPrompt, PasswordRules, PrimaryFactor, PushRules, Requirement,
        WebauthnRules,
    },
    zone::Zone,
};
use crate::{
    id::{ClientId, GroupId, PolicyId, RuleId, UserId, ZoneId},
    protocol::wire_enum::wire_enum,
};

wire_enum! {
    /// Okta's `type` of a policy.
    PolicyKind {
        /// Global session.
        OktaSignOn = "OKTA_SIGN_ON",
        /// Authentication of applications.
        AccessPolicy = "ACCESS_POLICY",
        /// Enrolment of factors.
        MfaEnroll = "MFA_ENROLL",
        /// Passwords.
        Password = "PASSWORD",
    }
}

/// A policy, with settings `S` of its own and rules with actions `A`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy<S, A> {
    /// `00p…`
    pub id: PolicyId,
    /// The name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The lowest is looked at first.
    pub priority: i32,
    /// Whether it is in use.
    pub status: Status,
    /// The groups whose members it speaks about; empty: everyone.
    pub groups: Vec<GroupId>,
    /// What it says whatever rule matches.
    pub settings: S,
    /// Its rules.
    pub rules: Vec<Rule<A>>,
    /// When it, or a rule of it, last changed.
    pub updated_at: OffsetDateTime,
}

/// A rule of a policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule<A> {
    /// `0pr…`
    pub id: RuleId,
    /// The name.
    pub name: String,
    /// The lowest is looked at first.
    pub priority: i32,
    /// Whether it is in use.
    pub status: Status,
    /// When it matches.
    pub conditions: Conditions,
    /// What is done then.
    pub action: A,
}

/// When a rule matches.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Conditions {
    /// Who.
    pub people: PeopleCondition,
    /// From where.
    pub network: NetworkCondition,
}

/// From where; nothing included means anywhere (Okta `ANYWHERE`).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkCondition {
    /// From one of these zones.
    pub include: Vec<ZoneId>,
    /// From none of these.
    pub exclude: Vec<ZoneId>,
}

/// Nothing is set beside the rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoSettings {}

/// What a global session rule says (Okta `actions.signon`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct SignOnAction {
    /// Whether the user may sign in.
    pub access: Access,
    /// What the first factor is.
    pub primary_factor: PrimaryFactor,
    /// Whether a factor beside the password is asked for.
    pub require_factor: bool,
    /// When it is.
    pub factor_prompt_mode: FactorPrompt,
    /// How long a remembered browser stands for it, in minutes (`SESSION`).
    pub factor_lifetime: u32,
    /// Whether "remember this device" is ticked at first.
    pub remember_device_by_default: bool,
    /// Without use for so many minutes a session is over; absent: as the installation says.
    pub max_session_idle_minutes: Option<u32>,
    /// After so many minutes a session is over; absent: as the installation says.
    pub max_session_lifetime_minutes: Option<u32>,
    /// Whether the session outlives the browser.
    pub use_persistent_cookie: bool,
}

impl Default for SignOnAction {
    fn default() -> Self {
        Self {
            access: Access::Allow,
            primary_factor: PrimaryFactor::PasswordIdp,
            require_factor: false,
            factor_prompt_mode: FactorPrompt::Always,
            factor_lifetime: 15,
            remember_device_by_default: false,
            max_session_idle_minutes: None,
            max_session_lifetime_minutes: None,
            use_persistent_cookie: false,
        }
    }
}

/// Which applications an authentication policy is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Applications {
    /// Those that are mapped to it.
    #[default]
    Mapped,
    /// Those too that are mapped to none.
    Default,
}

/// What an authentication policy says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthenticationSettings {
    /// Which applications it is for.
    pub applications: Applications,
}

/// How many factors are wanted (Okta `verificationMethod.factorMode`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum FactorMode {
    /// One, of any kind.
    #[default]
    #[serde(rename = "1FA")]
    One,
    /// Two of different classes.
    #[serde(rename = "2FA")]
    Two,
}

/// What an authentication rule says (Okta `actions.appSignOn`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct AppSignOnAction {
    /// Whether the user may use the application.
    pub access: Access,
    /// How many factors are wanted.
    pub factor_mode: FactorMode,
    /// After so many minutes they must be proved anew; 0: every time; absent: the session counts as long as it lives.
    pub reauthenticate_in: Option<u32>,
    /// Whether it is looked at again when tokens are refreshed.
    pub on_refresh: bool,
}

/// What an enrolment policy says of the kinds of factors (Okta `settings.factors`).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MfaEnrollSettings {
    /// By kind; one that is not named is not allowed.
    #[serde(with = "by_key")]
    pub factors: BTreeMap<FactorKind, Requirement>,
    /// What is said of passkeys and security keys.
    #[serde(skip_serializing_if = "WebauthnRules::is_usual")]
    pub webauthn: WebauthnRules,
    /// What is said of devices that approve.
    #[serde(skip_serializing_if = "PushRules::is_usual")]
    pub push: PushRules,
}

/// What an enrolment rule says (Okta `actions.enroll`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct EnrollAction {
    /// When users are asked to enrol.
    #[serde(rename = "self")]
    pub prompt: EnrollPrompt,
}

/// What a password rule says: what users may do themselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct PasswordAction {
    /// Change the password.
    pub password_change: Access,
    /// Reset a forgotten one.
    pub self_service_password_reset: Access,
    /// Unlock the account.
    pub self_service_unlock: Access,
}

impl Default for PasswordAction {
    fn default() -> Self {
        Self {
            password_change: Access::Allow,
            self_service_password_reset: Access::Allow,
            self_service_unlock: Access::Deny,
        }
    }
}

/// A global session policy.
pub type GlobalSessionPolicy = Policy<NoSettings, SignOnAction>;
/// An authentication policy.
pub type AuthenticationPolicy = Policy<AuthenticationSettings, AppSignOnAction>;
/// An enrolment policy.
pub type MfaEnrollPolicy = Policy<MfaEnrollSettings, EnrollAction>;
/// A password policy.
pub type PasswordPolicy = Policy<PasswordRules, PasswordAction>;

/// All policies about signing in. Where none speaks about a user, what the decisions are by default is in effect: the
/// system policy, last of each kind, has no row.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct PolicySet {
    /// Network zones.
    pub zones: Vec<Zone>,
    /// Global session policies.
    pub global_session: Vec<GlobalSessionPolicy>,
    /// Authentication policies.
    pub authentication: Vec<AuthenticationPolicy>,
    /// Which application has which of them.
    pub mappings: HashMap<ClientId, PolicyId>,
    /// Enrolment policies.
    pub mfa_enroll: Vec<MfaEnrollPolicy>,
    /// Password policies.
    pub password: Vec<PasswordPolicy>,
}

impl PolicySet {
    /// Whether there is no policy at all, so that nobody's groups matter.
    pub fn is_empty(&self) -> bool {
        self.global_session.is_empty()
            && self.authentication.is_empty()
            && self.mfa_enroll.is_empty()
            && self.password.is_empty()
    }
}

/// Whom a policy is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The user.
    pub user: &'a UserId,
    /// The user's groups.
    pub groups: &'a [GroupId],
    /// Where the request came from.
    pub ip: Option<IpAddr>,
}

/// Kinds of factors under the names that Okta has for them in policies.
mod by_key {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    use super::{FactorKind, Requirement};

    pub(super) fn serialize<S: Serializer>(
        factors: &BTreeMap<FactorKind, Requirement>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(factors.iter().map(|(kind, requirement)| (kind.key(), requirement)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<FactorKind, Requirement>, D::Error> {
        let factors = BTreeMap::<String, Requirement>::deserialize(deserializer)?;
        let kind = |key: &str| FactorKind::from_key(key).ok_or_else(|| D::Error::custom("an unknown factor"));
        factors.into_iter().map(|(key, requirement)| Ok((kind(&key)?, requirement))).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_and_actions_are_stored_under_okta_s_names() {
        let settings = MfaEnrollSettings {
            factors: BTreeMap::from([
                (FactorKind::TotpOkta, Requirement::Required),
                (FactorKind::Sms, Requirement::NotAllowed),
            ]),
            webauthn: WebauthnRules::default(),
            push: PushRules::default(),
        };
        let stored = serde_json::to_value(&settings).unwrap();
        assert_eq!(stored, json!({"factors": {"okta_otp": "REQUIRED", "okta_sms": "NOT_ALLOWED"}}));
        assert_eq!(serde_json::from_value::<MfaEnrollSettings>(stored).unwrap(), settings);
        let action = AppSignOnAction { factor_mode: FactorMode::Two, ..AppSignOnAction::default() };
        let stored = serde_json::to_value(action).unwrap();
        assert_eq!((&stored["factorMode"], &stored["access"]), (&json!("2FA"), &json!("ALLOW")));
        assert_eq!(serde_json::to_value(EnrollAction::default()).unwrap(), json!({"self": "CHALLENGE"}));
        let sign_on = serde_json::to_value(SignOnAction::default()).unwrap();
        assert_eq!(sign_on["primaryFactor"], "PASSWORD_IDP");
    }
}
