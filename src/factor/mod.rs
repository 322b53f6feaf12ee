//! Factors beside the password: how each kind is enrolled, challenged and verified.
//!
//! A kind is one file and never touches the database: it gets its unsealed secret and its stored challenge and returns new
//! ones. [`service`] owns what must never be forgotten: status, attempts and their limits, one-time use, resend limits, log
//! events. The Factors API, the Authentication API and the pages all go through it.

pub mod attempt;
pub mod backup_code;
pub mod call;
pub mod code;
pub mod email;
pub mod hotp;
pub mod message_budget;
pub mod phone;
pub mod profiles;
pub mod push;
pub mod push_waiters;
pub mod qr;
pub mod question;
pub mod service;
pub mod sms;
pub mod totp;
pub mod u2f;
pub mod webauthn;
pub mod yubikey;
pub mod yubikey_tokens;

use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};

use crate::{
    cache::Count,
    fault::Fault,
    id::{FactorProfileId, SessionId, TransactionId},
    model::{
        factor::{Factor, FactorKind},
        session::VerifiedFactor,
    },
    secret::Secret,
    store::unit::Unit,
};

/// Whether a character of a name is not seen, or turns the text round it: one factor would look like another (security rule
/// R8).
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// What a challenge is bound to: an answer counts only there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose<'a> {
    /// A sign-in.
    Transaction(&'a TransactionId),
    /// A call of the Factors API by an administrator.
    Api,
    /// A call of the Factors API by the user, with a session.
    Session(&'a SessionId),
    /// The beginning of a sign-in in a browser, of somebody who says nothing but what a passkey says.
    Browser(&'a str),
}

impl Purpose<'_> {
    /// The name under which challenges are kept.
    pub fn key(&self) -> &str {
        match self {
            Self::Transaction(id) => id.as_str(),
            Self::Api => "api",
            Self::Session(id) => id.as_str(),
            Self::Browser(binding) => binding,
        }
    }

    /// The name by which the system log knows it: what a browser is bound by is a secret.
    pub fn logged(&self) -> &str {
        match self {
            Self::Transaction(_) | Self::Api | Self::Session(_) => self.key(),
            Self::Browser(_) => "browser",
        }
    }
}

/// What is to be enrolled.
#[derive(Clone, Debug)]
pub struct Enrolment {
    /// The kind.
    pub kind: FactorKind,
    /// What the user, or an administrator, says of it: `phoneNumber`, `phoneExtension`, `email`, `question`, `answer`,
    /// `sharedSecret`, the `passCode` of a YubiKey, a registration of U2F.
    pub profile: Map<String, Value>,
    /// The profile of the installation (`token:hotp`).
    pub factor_profile_id: Option<FactorProfileId>,
    /// Whether it begins active, which only administrators may say (`?activate=true`).
    pub activate: Activate,
    /// Whether the phone of an enrolled factor is replaced (`?updatePhone=true`).
    pub update_phone: UpdatePhone,
    /// How long the first code of a mail lives (`?tokenLifetimeSeconds`).
    pub token_lifetime: Option<Duration>,
}

/// Whether a factor begins active.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Activate {
    /// After the user proved it.
    #[default]
    ByUser,
    /// At once, on the word of an administrator.
    AtOnce,
}

/// What happens to a phone that is enrolled already.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum UpdatePhone {
    /// It stays.
    #[default]
    Keep,
    /// It is replaced.
    Replace,
}

/// A factor that is about to be enrolled: commit the unit, then show the rest. The unit's own claim is its first; when that
/// is lost, the user enrolled one of the kind at the same moment ([`FactorError::already_set_up`]).
#[derive(Debug)]
pub struct Enrolled {
    /// The factor.
    pub factor: Factor,
    /// What the user needs to activate it; shown once.
    pub activation: Option<Activation>,
    /// What to commit, with whatever the caller adds.
    pub unit: Unit,
}

/// What a user needs to activate a factor.
#[derive(Debug)]
pub enum Activation {
    /// For a one-time password token.
    Token(TokenActivation),
    /// For a factor that signs: what the browser, or the client, hands to the authenticator.
    Options(Value),
    /// For a device that approves.
    Push(PushActivation),
}

/// What a user needs to enrol a device that approves.
#[derive(Debug)]
pub struct PushActivation {
    /// Until when it can be enrolled.
    pub expires_at: OffsetDateTime,
    /// The last part of the address of the QR code's picture.
    pub qr_token: Secret<String>,
}

/// What a user needs to activate a one-time password token.
#[derive(Debug)]
pub struct TokenActivation {
    /// The seed in base32 (RFC 4648 §6), without padding.
    pub shared_secret: Secret<String>,
    /// Seconds a code lives.
    pub time_step: u32,
    /// Digits of a code.
    pub key_length: u32,
    /// The last part of the address of the QR code's picture; the whole address is
    /// `/api/v1/users/{userId}/factors/{factorId}/qr/{token}`.
    pub qr_token: Secret<String>,
}

/// A challenge of an enrolled factor: commit the unit, then show the rest.
#[derive(Debug)]
pub struct Challenged {
    /// What to commit, with whatever the caller adds.
    pub unit: Unit,
    /// What the client must be told to answer it; nothing where a message went out.
    pub shown: Option<Value>,
}

/// An answer to a challenge.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A one-time password.
    PassCode(Secret<String>),
    /// Two one-time passwords in a row, which synchronise a token anew (RFC 4226 §7.4).
    PassCodes(Secret<String>, Secret<String>),
    /// The answer to a question.
    Text(Secret<String>),
    /// What an authenticator made of the options of an enrolment (Web Authentication Level 3 §5.2.1).
    Attestation(Attestation),
    /// What an authenticator made of a challenge (Web Authentication Level 3 §5.2.2).
    Assertion(Assertion),
}

/// What an authenticator made of the options of an enrolment, in base64 or base64url.
#[derive(Clone, Debug)]
pub struct Attestation {
    /// `clientDataJSON`.
    pub client_data: String,
    /// The attestation object; `registrationData` of U2F.
    pub attestation: String,
}

/// What an authenticator made of a challenge, in base64 or base64url.
#[derive(Clone, Debug)]
pub struct Assertion {
    /// `clientDataJSON`.
    pub client_data: String,
    /// The signature.
    pub signature: String,
    /// Authenticator data; U2F has none.
    pub authenticator_data: Option<String>,
    /// Which credential signed, where the client says so.
    pub credential_id: Option<String>,
    /// Whom the authenticator holds it for (`userHandle`).
    pub user_handle: Option<String>,
}

/// A factor that was proved: commit the unit, which consumes the code, together with what it buys.
#[derive(Debug)]
pub struct Proof {
    /// What was proved.
    pub verified: VerifiedFactor,
    /// Claims that consume it, before any that the caller adds. One of them lost: the same code was used at the same moment
    /// ([`FactorError::Replayed`]); that is logged by the unit itself.
    pub unit: Unit,
}

/// Why a factor was not enrolled, challenged or verified.
#[derive(Debug, thiserror::Error)]
pub enum FactorError {
    /// The code or answer is wrong, has expired, or belongs elsewhere (E0000068).
    #[error("the answer is wrong")]
    Wrong,
    /// The code was used before (E0000082, `PASSCODE_REPLAYED`).
    #[error("the code was used before")]
    Replayed,
    /// The code would have been right at another time (E0000083, `TIME_WINDOW_EXCEEDED`).
    #[error("the code is outside of its time")]
    OutsideWindow,
    /// Too many wrong answers: the factor takes none for now (E0000069).
    #[error("the factor takes no answers for now")]
    Locked,
    /// Too many activations were tried (E0000047).
    #[error("too many attempts")]
    TooManyAttempts,
    /// A message was sent a moment ago (E0000109, E0000133, E0000118 by kind).
    #[error("a message was sent a moment ago")]
    SentRecently(FactorKind),
    /// Too many messages were sent there, or for people at this address (E0000047).
    #[error("too many messages were sent")]
    TooManyMessages(Count),
    /// What is to be enrolled cannot be: member and reason, as a validation tells it (E0000001).
    #[error("{member}: {problem}")]
    Invalid {
        /// The member.
        member: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The phone number is none (E0000098).
    #[error("the phone number is invalid")]
    PhoneNumber,
    /// The extension is none (E0000121).
    #[error("the phone extension is invalid")]
    PhoneExtension,
    /// No messages are sent to that country (E0000099).
    #[error("no messages are sent to that country")]
    Country,
    /// The enrolment policy does not allow it (E0000006).
    #[error("policy does not allow the factor")]
    NotAllowed,
    /// There is no such factor of this user (E0000007).
    #[error("there is no such factor")]
    Unknown,
    /// Its status does not permit it (E0000079 in a sign-in, E0000180 at the API).
    #[error("the status of the factor does not permit it")]
    WrongStatus,
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl FactorError {
    /// The user has such a factor.
    pub fn already_set_up() -> Self {
        let problem = "A factor of this type is already set up.".to_owned();
        Self::Invalid { member: "factorType", problem }
    }
}
