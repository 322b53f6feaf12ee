//! Challenges (§13.4.3), and what browsers say that they did with them (§5.8.1).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use time::OffsetDateTime;

use super::{CeremonyError, LIFETIME, MAX_PART, RelyingParty, decode, encoded};
use crate::{
    fault::Fault,
    ports::random::Random,
    secret::{TokenHash, constant_time_eq},
};

/// What a ceremony is for (§5.8.1 `type`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ceremony {
    /// `webauthn.create`
    Create,
    /// `webauthn.get`
    Get,
    /// `navigator.id.getAssertion`: of U2F, before Web Authentication.
    Sign,
}

impl Ceremony {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "webauthn.create",
            Self::Get => "webauthn.get",
            Self::Sign => "navigator.id.getAssertion",
        }
    }
}

/// What a challenge is bound to: it counts for nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bound<'a> {
    /// What kind of ceremony.
    pub ceremony: Ceremony,
    /// What the answer counts for: a transaction, a session, a browser.
    pub purpose: &'a str,
    /// Whose; empty where the answer says who it is.
    pub user: &'a str,
    /// The factor; empty: any of the user.
    pub factor: &'a str,
}

const NONCE: usize = 16;
const HEAD: usize = NONCE + 8;

fn mac(key: &[u8; 32], bound: &Bound<'_>, head: &[u8]) -> [u8; 32] {
    let texts = [bound.ceremony.name(), bound.purpose, bound.user, bound.factor].map(str::as_bytes);
    let [ceremony, purpose, user, factor] = texts;
    keys::hmac_sha256(key, &[b"webauthn", ceremony, purpose, user, factor, head])
}

/// A challenge of 128 random bits (§13.4.3) that dies after [`LIFETIME`].
pub fn challenge(key: &[u8; 32], bound: &Bound<'_>, now: OffsetDateTime, random: &dyn Random) -> Vec<u8> {
    let mut head = vec![0_u8; NONCE];
    random.fill(&mut head);
    head.extend((now + LIFETIME).unix_timestamp().to_be_bytes());
    let mac = mac(key, bound, &head);
    head.extend(mac);
    head
}

/// A challenge that somebody answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answered(Vec<u8>);

impl Answered {
    /// Whether it was made here for this, and still lives.
    pub fn is_for(&self, key: &[u8; 32], bound: &Bound<'_>, now: OffsetDateTime) -> bool {
        let (Some(head), Some(given)) = (self.0.get(..HEAD), self.0.get(HEAD..)) else { return false };
        let moment = head.get(NONCE..).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
        let lives = moment.is_some_and(|bytes| i64::from_be_bytes(bytes) > now.unix_timestamp());
        lives && constant_time_eq(&mac(key, bound, head), given)
    }

    /// Under which name it is kept that it was answered.
    pub fn key(&self) -> TokenHash {
        TokenHash::of(&format!("webauthn:{}", encoded(&self.0)))
    }

    /// A state of the library, as if it had made this challenge.
    pub(super) fn in_state<S: Serialize + DeserializeOwned>(&self, state: &S) -> Result<S, Fault> {
        let mut state = serde_json::to_value(state)?;
        if let Some(members) = state.as_object_mut() {
            members.insert("challenge".to_owned(), encoded(&self.0).into());
        }
        Ok(serde_json::from_value(state)?)
    }
}

/// What the browser says it did (§5.8.1).
#[derive(Debug, Deserialize)]
struct ClientData {
    // U2F has another name for it.
    #[serde(rename = "type", alias = "typ")]
    ceremony: String,
    challenge: String,
    origin: String,
    #[serde(rename = "crossOrigin", default)]
    cross_origin: bool,
    #[serde(rename = "topOrigin", default)]
    top_origin: Option<String>,
}

fn client_data(bytes: &[u8]) -> Result<ClientData, CeremonyError> {
    serde_json::from_slice(bytes).map_err(|_| CeremonyError::Malformed("clientData"))
}

/// The challenge that an answer is about.
///
/// # Errors
/// The client data cannot be read.
pub fn answered(encoded: &str) -> Result<Answered, CeremonyError> {
    let data = client_data(&decode("clientData", encoded, MAX_PART)?)?;
    let challenge = URL_SAFE_NO_PAD.decode(data.challenge);
    challenge.map(Answered).map_err(|_| CeremonyError::Malformed("clientData"))
}

/// §7.1 steps 7 to 11, §7.2 steps 10 to 14: an origin is compared byte by byte, before anything parses it; nobody frames us.
pub(in crate::factor) fn check_client_data(
    rp: &RelyingParty,
    ceremony: Ceremony,
    (bytes, challenge): (&[u8], &Answered),
) -> Result<(), CeremonyError> {
    let data = client_data(bytes)?;
    let is_ours = data.ceremony == ceremony.name()
        && rp.origins.contains(&data.origin)
        && !data.cross_origin
        && data.top_origin.is_none()
        && data.challenge == encoded(&challenge.0);
    if is_ours { Ok(()) } else { Err(CeremonyError::Refused("the client data is not ours".to_owned())) }
}
