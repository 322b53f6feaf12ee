//! Policies about signing in: the model that a file, and later an API, edits, and what they decide for one user.
//!
//! Four kinds, as Okta has them: global session (`OKTA_SIGN_ON`), authentication of an application (`ACCESS_POLICY`),
//! enrolment (`MFA_ENROLL`) and password (`PASSWORD`). Of each kind the first policy by priority that speaks about the user
//! decides alone, by its first rule that matches; where no rule does, the defaults here are in effect. How policies are
//! kept is in [`super::policy_set`], how they decide in [`crate::policy`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::Duration;

use super::{
    factor::FactorKind,
    session::{Session, VerifiedFactor},
};
use crate::protocol::acr::Acr;

/// Whether signing in is allowed at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Access {
    /// It is.
    #[default]
    Allow,
    /// It is not.
    Deny,
}

/// When a second factor is asked for (Okta `factorPromptMode`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum FactorPrompt {
    /// At every sign-in.
    #[default]
    Always,
    /// Once for a browser that is remembered, until the policy changes.
    Device,
    /// Once for a browser that is remembered, until its time is over.
    Session,
}

/// What a sign-in begins with (Okta `primaryFactor`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PrimaryFactor {
    /// The password.
    #[default]
    PasswordIdp,
    /// The password, or a passkey that verifies its user.
    PasswordIdpAnyFactor,
}

/// What the global session policy decides (`OKTA_SIGN_ON`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GlobalSession {
    /// Whether the user may sign in.
    pub access: Access,
    /// Whether a factor beside the password is asked for.
    pub require_factor: bool,
    /// When it is.
    pub factor_prompt: FactorPrompt,
    /// How long a remembered browser stands for the factor (`SESSION`).
    pub factor_lifetime: Duration,
    /// Whether "remember this device" is ticked at first.
    pub remember_device_by_default: bool,
    /// How long a session lives without use; absent: as the installation says.
    pub session_idle: Option<Duration>,
    /// How long a session lives whatever happens; absent: as the installation says.
    pub session_lifetime: Option<Duration>,
    /// Whether the session outlives the browser.
    pub persistent_cookie: bool,
    /// What a sign-in may begin with.
    pub primary_factor: PrimaryFactor,
    /// Which policy and rule decided: what a remembered browser is bound to.
    pub version: String,
}

impl Default for GlobalSession {
    fn default() -> Self {
        Self {
            access: Access::Allow,
            require_factor: false,
            factor_prompt: FactorPrompt::Always,
            factor_lifetime: Duration::minutes(15),
            remember_device_by_default: false,
            session_idle: None,
            session_lifetime: None,
            persistent_cookie: false,
            primary_factor: PrimaryFactor::PasswordIdp,
            version: String::new(),
        }
    }
}

impl GlobalSession {
    /// Whether a browser can be remembered instead of asking for the factor again.
    pub fn allows_remembering(&self) -> bool {
        self.require_factor && self.factor_prompt != FactorPrompt::Always
    }

    /// Whether it still asks a session for a factor beside the password. A remembered browser stands for the factor of the
    /// very policy that it was remembered under, and for no other.
    pub fn asks_for_factor(&self, session: &Session) -> bool {
        let beside_password = session.factors.iter().any(VerifiedFactor::is_beside_password);
        self.require_factor && !beside_password && session.remembered.as_ref() != Some(&self.version)
    }
}

/// What the authentication policy of an application decides (`ACCESS_POLICY`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AppSignOn {
    /// Whether the user may use the application.
    pub access: Access,
    /// What must have been proved.
    pub assurance: Acr,
    /// After this long it must be proved anew; absent: the session counts as long as it lives; zero: every time.
    pub reauthenticate_in: Option<Duration>,
    /// Whether it is looked at again when tokens are refreshed.
    pub on_refresh: bool,
}

impl Default for AppSignOn {
    fn default() -> Self {
        Self {
            access: Access::Allow,
            assurance: Acr::OneFactorAny,
            reauthenticate_in: None,
            on_refresh: false,
        }
    }
}

/// What an enrolment policy says of one kind of factor (Okta `enroll.self`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Requirement {
    /// It cannot be enrolled.
    NotAllowed,
    /// It can be.
    #[default]
    Optional,
    /// It must be.
    Required,
}

/// When users are asked to enrol (Okta `actions.enroll.self`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum EnrollPrompt {
    /// When they sign in, for what is required.
    Login,
    /// When a factor is asked for and they have none.
    #[default]
    Challenge,
    /// Never: only an administrator, or the API, enrols.
    Never,
}

/// Whether an authenticator must find out that it is the user (Web Authentication Level 3 §5.8.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserVerification {
    /// It must.
    Required,
    /// It should; one that can do it must go on doing it.
    #[default]
    Preferred,
    /// It need not.
    Discouraged,
}

impl UserVerification {
    /// The word of the specification.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Preferred => "preferred",
            Self::Discouraged => "discouraged",
        }
    }
}

/// Whether somebody must vouch for an authenticator (Web Authentication Level 3 §5.4.7).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttestationConveyance {
    /// Nobody.
    #[default]
    None,
    /// Its maker.
    Direct,
}

impl AttestationConveyance {
    /// The word of the specification.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Direct => "direct",
        }
    }
}

/// What an enrolment policy says of passkeys and security keys.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct WebauthnRules {
    /// Whether an authenticator must find out that it is the user.
    pub user_verification: UserVerification,
    /// Whether somebody must vouch for it.
    pub attestation: AttestationConveyance,
    /// The models that may be enrolled, as UUIDs; empty: all. Without [`Self::attestation_roots`] an authenticator's word is all
    /// there is.
    pub allowed_aaguids: Vec<String>,
    /// The certificates of those who vouch, DER in base64url; empty: what is said is not checked, and earns nothing.
    pub attestation_roots: Vec<String>,
}

impl WebauthnRules {
    /// Whether nothing differs from the usual.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether the number that is shown where a user signs in must be picked on the device that approves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NumberMatching {
    /// It must: who approves without looking approves for somebody else (NIST SP 800-63B-4 §3.1.3.1).
    #[default]
    Required,
    /// An approval is enough.
    Off,
}

/// What an enrolment policy says of devices that approve.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct PushRules {
    /// Whether a number must be picked.
    pub number_matching: NumberMatching,
}

impl PushRules {
    /// Whether nothing differs from the usual.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// What the enrolment policy decides (`MFA_ENROLL`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MfaEnroll {
    /// What it says of each kind.
    pub factors: BTreeMap<FactorKind, Requirement>,
    /// What it says of passkeys and security keys.
    pub webauthn: WebauthnRules,
    /// What it says of devices that approve.
    pub push: PushRules,
    /// When users are asked.
    pub prompt: EnrollPrompt,
}

impl Default for MfaEnroll {
    fn default() -> Self {
        let factors = FactorKind::ALL.into_iter().map(|kind| {
            // A YubiKey of which nobody imported the secrets cannot be enrolled: who imports some names the kind.
            let own = kind.is_enrolled_by_users() && kind != FactorKind::Yubikey;
            (kind, if own { Requirement::Optional } else { Requirement::NotAllowed })
        });
        Self {
            factors: factors.collect(),
            webauthn: WebauthnRules::default(),
            push: PushRules::default(),
            prompt: EnrollPrompt::Challenge,
        }
    }
}

impl MfaEnroll {
    /// What it says of a kind; of one that it does not name: not allowed.
    pub fn requirement(&self, kind: FactorKind) -> Requirement {
        self.factors.get(&kind).copied().unwrap_or(Requirement::NotAllowed)
    }
}

/// What the password policy decides (`PASSWORD`), under Okta's names.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct PasswordRules {
    /// The fewest characters.
    pub min_length: u32,
    /// The fewest lowercase letters.
    pub min_lower_case: u32,
    /// The fewest uppercase letters.
    pub min_upper_case: u32,
    /// The fewest digits.
    pub min_number: u32,
    /// The fewest other characters.
    pub min_symbol: u32,
    /// Whether parts of the login are refused.
    pub exclude_username: bool,
    /// Whether common and breached passwords are refused.
    pub exclude_common: bool,
    /// How many earlier passwords are refused.
    pub history_count: u32,
    /// How old a password must be before its user may change it, in minutes.
    pub min_age_minutes: u32,
    /// After how many days a password expires; 0: never.
    pub max_age_days: u32,
    /// How many days before that users are warned; 0: never.
    pub expire_warn_days: u32,
    /// Whether somebody who gives the right password of a locked user is told of the lock (security rule M6).
    pub show_lockout_failures: bool,
    /// Whether users may change their password.
    pub allow_change: bool,
    /// Whether users may reset a forgotten password themselves.
    pub allow_reset: bool,
    /// Whether users may unlock themselves.
    pub allow_unlock: bool,
    /// By which ways: mail.
    pub recovery_email: bool,
    /// By text message to a verified phone.
    pub recovery_sms: bool,
    /// By voice call to a verified phone.
    pub recovery_call: bool,
    /// Whether the recovery question is asked as well, of users who have one.
    pub recovery_question: bool,
    /// How long a recovery token of a mail lives, in minutes.
    pub recovery_token_lifetime_minutes: u32,
}

impl Default for PasswordRules {
    fn default() -> Self {
        Self {
            min_length: 8,
            min_lower_case: 1,
            min_upper_case: 1,
            min_number: 1,
            min_symbol: 0,
            exclude_username: true,
            exclude_common: true,
            history_count: 4,
            min_age_minutes: 0,
            max_age_days: 0,
            expire_warn_days: 0,
            show_lockout_failures: false,
            allow_change: true,
            allow_reset: true,
            allow_unlock: false,
            recovery_email: true,
            recovery_sms: false,
            recovery_call: false,
            recovery_question: true,
            recovery_token_lifetime_minutes: 60,
        }
    }
}

/// What the policies decide for one user, at one place.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UserPolicies {
    /// The global session policy.
    pub session: GlobalSession,
    /// The enrolment policy.
    pub enroll: MfaEnroll,
    /// The password policy.
    pub password: PasswordRules,
}
