//! `webauthn`, `FIDO`: passkeys and security keys (Web Authentication Level 3).
//!
//! A challenge carries its own state: a random number, the moment it dies and a MAC over what it was made for. That it counts
//! once is kept by whoever takes it ([`super::service`]); until then nothing is written, so that asking costs nothing.
//! [`challenge()`] makes challenges and reads what browsers say of them, [`creation_options`] and [`request_options`] are what
//! browsers are told, [`register`] and [`assert()`] judge what came back.

mod assertion;
mod challenge;
mod encoding;
mod options;
mod registration;

use std::time::Duration as Timeout;

use serde::{Deserialize, Serialize};
use time::Duration;
use url::Url;
use webauthn_rs_core::{
    WebauthnCore,
    error::WebauthnError,
    proto::{Credential, UserVerificationPolicy},
};

use crate::{fault::Fault, model::policy::UserVerification, protocol::amr::Amr};

pub use assertion::{Asserted, Known, assert};
pub(super) use challenge::check_client_data;
pub use challenge::{Answered, Bound, Ceremony, answered, challenge};
pub use encoding::credential_id;
pub(super) use encoding::{decode, encoded};
pub use options::{Account, creation_options, request_options};
pub use registration::{Registered, register};

/// How long a challenge counts.
pub const LIFETIME: Duration = Duration::minutes(5);
/// The longest of everything but attestation objects, in bytes.
const MAX_PART: usize = 2 * 1024;
/// The longest id of a credential (§7.1 step 25), in bytes.
const MAX_CREDENTIAL_ID: usize = 1023;

/// Whom credentials are made for (§5.4.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RelyingParty {
    /// The RP ID: the host of the issuer.
    pub id: String,
    /// Where ceremonies may take place.
    origins: Vec<String>,
}

impl RelyingParty {
    /// The one of an installation; absent where the issuer has no domain, which no browser makes credentials for.
    pub fn of(issuer: &str, related: &[String]) -> Option<Self> {
        let id = Url::parse(issuer).ok()?.domain()?.to_owned();
        let origins = std::iter::once(issuer.to_owned()).chain(related.iter().cloned()).collect();
        Some(Self { id, origins })
    }

    fn core(&self) -> WebauthnCore {
        let origins = self.origins.iter().filter_map(|origin| Url::parse(origin).ok()).collect();
        let timeout = Timeout::from_secs(LIFETIME.whole_seconds().unsigned_abs());
        // Neither subdomains nor other ports: only what is listed (security rule R4).
        WebauthnCore::new_unsafe_experts_only(PRODUCT, &self.id, origins, timeout, Some(false), Some(false))
    }
}

const PRODUCT: &str = "Stepgate";

/// Why a ceremony failed.
#[derive(Debug, thiserror::Error)]
pub enum CeremonyError {
    /// What was sent cannot be read.
    #[error("{0} cannot be read")]
    Malformed(&'static str),
    /// It can, but does not count.
    #[error("the ceremony does not count: {0}")]
    Refused(String),
    /// Policy does not take such an authenticator.
    #[error("policy does not allow this authenticator")]
    Authenticator,
    /// The signature counter did not grow: there may be a copy of the key (§6.1.1).
    #[error("the signature counter did not grow")]
    Cloned,
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

fn refused(error: WebauthnError) -> CeremonyError {
    match error {
        WebauthnError::CredentialPossibleCompromise => CeremonyError::Cloned,
        WebauthnError::ParseCBORFailure(_) | WebauthnError::ParseNOMFailure => {
            CeremonyError::Malformed("attestation")
        }
        WebauthnError::ParseJSONFailure(_) => CeremonyError::Malformed("clientData"),
        other => CeremonyError::Refused(other.to_string()),
    }
}

/// Where the key of a credential is, as far as that was proved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyProtection {
    /// Nobody vouched for anything better, or it leaves its device.
    Software,
    /// In a device that a trusted maker vouched for, and which it never leaves.
    Hardware,
}

impl KeyProtection {
    /// The word for it in profiles.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Software => "software",
            Self::Hardware => "hardware",
        }
    }
}

/// How its user was there at a ceremony (§6.1 flags).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UserGesture {
    /// Somebody was.
    Present,
    /// It was the user: biometrics or a PIN.
    Verified,
}

/// What a ceremony says in `amr` (RFC 8176 §2; OpenID EAP ACR Values §2), by what was verified and nothing else.
pub fn amr(protection: KeyProtection, gesture: UserGesture) -> Vec<Amr> {
    let mut amr = match protection {
        KeyProtection::Software => vec![Amr::Swk, Amr::Pop, Amr::Phr],
        KeyProtection::Hardware => vec![Amr::Hwk, Amr::Pop, Amr::Phr, Amr::Phrh],
    };
    if gesture == UserGesture::Verified {
        amr.push(Amr::User);
    }
    amr
}

/// A credential as it is kept, sealed.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    credential: Credential,
    protection: KeyProtection,
    /// The AAGUID in hexadecimal digits.
    aaguid: String,
}

/// The part of authenticator data that every ceremony has (§6.1).
const FLAGS: usize = 32;
const VERIFIED: u8 = 0x04;

fn gesture(authenticator_data: &[u8]) -> UserGesture {
    match authenticator_data.get(FLAGS) {
        Some(flags) if flags & VERIFIED != 0 => UserGesture::Verified,
        Some(_) | None => UserGesture::Present,
    }
}

fn policy(verification: UserVerification) -> UserVerificationPolicy {
    match verification {
        UserVerification::Required => UserVerificationPolicy::Required,
        UserVerification::Preferred => UserVerificationPolicy::Preferred,
        UserVerification::Discouraged => UserVerificationPolicy::Discouraged_DO_NOT_USE,
    }
}

fn library(error: impl std::fmt::Display) -> Fault {
    Fault::Crypto(error.to_string())
}
