//! `webauthn`, `FIDO`: passkeys and security keys (Web Authentication Level 3).
//!
//! A challenge carries its own state: a random number, the moment it dies and a MAC over what it was made for. That it counts
//! once is kept by whoever takes it ([`super::service`]); until then nothing is written, so that asking costs nothing.

use std::{collections::BTreeMap, time::Duration as Timeout};

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::URL_SAFE_NO_PAD},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use url::Url;
use webauthn_rs_core::{
    WebauthnCore,
    error::WebauthnError,
    proto::{
        AttestationCaList, AttestationFormat, AuthenticationState, AuthenticatorAssertionResponseRaw,
        AuthenticatorAttestationResponseRaw, Credential, ParsedAttestation, PublicKeyCredential,
        RegisterPublicKeyCredential, RegistrationState, UserVerificationPolicy,
    },
};

use super::{Assertion, Attestation};
use crate::{
    fault::Fault,
    model::policy::{AttestationConveyance, UserVerification, WebauthnRules},
    ports::random::Random,
    protocol::amr::Amr,
    secret::{TokenHash, constant_time_eq},
};

/// How long a challenge counts.
pub const LIFETIME: Duration = Duration::minutes(5);
/// The same for browsers, in milliseconds.
const TIMEOUT: u32 = 300_000;
/// The longest attestation object that is read, in bytes: the largest in use carry a chain of certificates.
const MAX_ATTESTATION: usize = 16 * 1024;
/// The longest of everything else, in bytes.
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
        TokenHash::of(&format!("webauthn:{}", URL_SAFE_NO_PAD.encode(&self.0)))
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
pub(super) fn check_client_data(
    rp: &RelyingParty,
    ceremony: Ceremony,
    (bytes, challenge): (&[u8], &Answered),
) -> Result<(), CeremonyError> {
    let data = client_data(bytes)?;
    let is_ours = data.ceremony == ceremony.name()
        && rp.origins.contains(&data.origin)
        && !data.cross_origin
        && data.top_origin.is_none()
        && data.challenge == URL_SAFE_NO_PAD.encode(&challenge.0);
    if is_ours { Ok(()) } else { Err(CeremonyError::Refused("the client data is not ours".to_owned())) }
}

/// Reads base64 in either alphabet, with padding or without: Okta's examples and clients differ.
pub(super) fn decode(name: &'static str, text: &str, limit: usize) -> Result<Vec<u8>, CeremonyError> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    if text.len() > limit.saturating_mul(2) {
        return Err(CeremonyError::Malformed(name));
    }
    let text = text.replace('-', "+").replace('_', "/");
    let bytes = LENIENT.decode(text).map_err(|_| CeremonyError::Malformed(name))?;
    if bytes.len() > limit { Err(CeremonyError::Malformed(name)) } else { Ok(bytes) }
}

/// Writes bytes as options and profiles do (RFC 4648 §5, without padding).
pub(super) fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The id of a credential in one spelling.
///
/// # Errors
/// It cannot be read.
pub fn credential_id(text: &str) -> Result<String, CeremonyError> {
    Ok(URL_SAFE_NO_PAD.encode(decode("credentialId", text, MAX_CREDENTIAL_ID)?))
}

/// What authenticators know the user by (§5.4.3): the id, in the bytes that Okta's clients make of it, which read it as
/// base64url.
fn handle(user: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(user).unwrap_or_else(|_| user.as_bytes().to_vec())
}

/// A user, as authenticators show it.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// The id.
    pub id: &'a str,
    /// The login.
    pub name: &'a str,
    /// What people call the user.
    pub display_name: &'a str,
}

/// The options for `navigator.credentials.create()` in Okta's form (§5.4).
pub fn creation_options(
    rp: &RelyingParty,
    account: Account<'_>,
    rules: &WebauthnRules,
    (challenge, known): (&[u8], &[String]),
) -> Value {
    let verification = rules.user_verification.as_str();
    let excluded: Vec<Value> = known.iter().map(|id| json!({ "type": "public-key", "id": id })).collect();
    json!({
        "attestation": rules.attestation.as_str(),
        "authenticatorSelection": {
            "userVerification": verification,
            "requireResidentKey": false,
            "residentKey": "preferred",
        },
        "challenge": URL_SAFE_NO_PAD.encode(challenge),
        "excludeCredentials": excluded,
        "pubKeyCredParams": [
            { "type": "public-key", "alg": -7 },
            { "type": "public-key", "alg": -35 },
            { "type": "public-key", "alg": -257 },
        ],
        "rp": { "name": PRODUCT, "id": rp.id },
        "timeout": TIMEOUT,
        "user": {
            "id": URL_SAFE_NO_PAD.encode(handle(account.id)),
            "name": account.name,
            "displayName": account.display_name,
        },
    })
}

/// The options for `navigator.credentials.get()` in Okta's form (§5.5); `allowed` empty: whatever the authenticator holds.
pub fn request_options(
    rp: &RelyingParty,
    verification: UserVerification,
    (challenge, allowed): (&[u8], &[&str]),
) -> Value {
    let allowed: Vec<Value> = allowed.iter().map(|id| json!({ "type": "public-key", "id": id })).collect();
    json!({
        "challenge": URL_SAFE_NO_PAD.encode(challenge),
        "userVerification": verification.as_str(),
        "rpId": rp.id,
        "allowCredentials": allowed,
        "timeout": TIMEOUT,
        "extensions": {},
    })
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

/// A credential that was registered.
#[derive(Debug)]
pub struct Registered {
    /// Its id, in base64url.
    pub id: String,
    /// What to keep of it.
    pub kept: Vec<u8>,
    /// Its signature counter.
    pub counter: u32,
    /// Where its key is.
    pub protection: KeyProtection,
    /// How the user was there.
    pub gesture: UserGesture,
    /// What kind of authenticator made it.
    pub authenticator: &'static str,
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

/// The authenticator data of an attestation object (§6.5.4).
fn authenticator_data(object: &[u8]) -> Result<Vec<u8>, CeremonyError> {
    let malformed = || CeremonyError::Malformed("attestation");
    let mut members: BTreeMap<String, serde_cbor_2::Value> =
        serde_cbor_2::from_slice(object).map_err(|_| malformed())?;
    match members.remove("authData") {
        Some(serde_cbor_2::Value::Bytes(bytes)) => Ok(bytes),
        Some(_) | None => Err(malformed()),
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

/// A state of the library with a challenge of ours in it.
fn with_challenge<S: Serialize + serde::de::DeserializeOwned>(
    state: &S,
    challenge: &Answered,
) -> Result<S, Fault> {
    let mut state = serde_json::to_value(state)?;
    if let Some(members) = state.as_object_mut() {
        members.insert("challenge".to_owned(), URL_SAFE_NO_PAD.encode(&challenge.0).into());
    }
    Ok(serde_json::from_value(state)?)
}

/// Verifies a registration (§7.1); that the challenge is ours, and the credential nobody's, is the caller's to check.
///
/// # Errors
/// It does not count.
pub fn register(
    rp: &RelyingParty,
    rules: &WebauthnRules,
    challenge: &Answered,
    given: &Attestation,
) -> Result<Registered, CeremonyError> {
    let client_data = decode("clientData", &given.client_data, MAX_PART)?;
    let object = decode("attestation", &given.attestation, MAX_ATTESTATION)?;
    check_client_data(rp, Ceremony::Create, (&client_data, challenge))?;
    let data = authenticator_data(&object)?;
    let core = rp.core();
    let builder = core.new_challenge_register_builder(b"user", "user", "user").map_err(library)?;
    let builder = builder.user_verification_policy(policy(rules.user_verification));
    let (_, state) = core.generate_challenge_register(builder).map_err(library)?;
    let state: RegistrationState = with_challenge(&state, challenge)?;
    let response = RegisterPublicKeyCredential {
        id: String::new(),
        raw_id: Vec::new(),
        response: AuthenticatorAttestationResponseRaw {
            attestation_object: object,
            client_data_json: client_data,
            transports: None,
        },
        type_: "public-key".to_owned(),
        extensions: webauthn_rs_core::proto::RegistrationExtensionsClientOutputs::default(),
    };
    let roots = roots(rules)?;
    let mut credential =
        core.register_credential(&response, &state, roots.as_ref()).map_err(|error| match error {
            WebauthnError::AttestationNotVerifiable
            | WebauthnError::AttestationChainNotTrusted(_)
            | WebauthnError::AttestationNotSupported => CeremonyError::Authenticator,
            other => refused(other),
        })?;
    let aaguid = aaguid(&data)?;
    check_attestation(rules, &credential, &aaguid)?;
    let attested = roots.is_some();
    let protection = match (attested, credential.backup_eligible) {
        (true, false) => KeyProtection::Hardware,
        (_, true) | (false, _) => KeyProtection::Software,
    };
    let authenticator = match (credential.backup_eligible, protection) {
        (true, _) => "Passkey",
        (false, KeyProtection::Hardware) => "Security key",
        (false, KeyProtection::Software) => "Security key or biometric authenticator",
    };
    // What was learned from the certificates is kept, they are not.
    credential.attestation = ParsedAttestation::default();
    let (id, counter) = (URL_SAFE_NO_PAD.encode(&credential.cred_id), credential.counter);
    if credential.cred_id.len() > MAX_CREDENTIAL_ID {
        return Err(CeremonyError::Malformed("attestation"));
    }
    let kept = serde_json::to_vec(&Kept { credential, protection, aaguid }).map_err(Fault::from)?;
    Ok(Registered { id, kept, counter, protection, gesture: gesture(&data), authenticator })
}

/// The AAGUID (§6.5.1) as the text of a UUID.
fn aaguid(authenticator_data: &[u8]) -> Result<String, CeremonyError> {
    const START: usize = 37;
    let bytes = authenticator_data.get(START..START + 16).ok_or(CeremonyError::Malformed("attestation"))?;
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut text = digits.concat();
    for place in [20, 16, 12, 8] {
        text.insert(place, '-');
    }
    Ok(text)
}

/// What policy says of authenticators (§7.1 steps 24 and 27): decided here, whatever the browser was asked for
/// (security rule R7).
fn check_attestation(
    rules: &WebauthnRules,
    credential: &Credential,
    aaguid: &str,
) -> Result<(), CeremonyError> {
    let none = credential.attestation_format == AttestationFormat::None;
    let lacking = rules.attestation == AttestationConveyance::Direct && none;
    let listed = rules.allowed_aaguids.is_empty()
        || rules.allowed_aaguids.iter().any(|allowed| allowed.eq_ignore_ascii_case(aaguid));
    if lacking || !listed { Err(CeremonyError::Authenticator) } else { Ok(()) }
}

/// The authorities that vouch for authenticators; absent: none is asked.
fn roots(rules: &WebauthnRules) -> Result<Option<AttestationCaList>, Fault> {
    if rules.attestation == AttestationConveyance::None || rules.attestation_roots.is_empty() {
        return Ok(None);
    }
    let mut authorities = serde_json::Map::new();
    for (index, der) in rules.attestation_roots.iter().enumerate() {
        let name = keys::hmac_sha256(&[0; 32], &[&index.to_be_bytes()]);
        let authority = json!({ "ca": der, "aaguids": {}, "blanket_allow": true });
        authorities.insert(URL_SAFE_NO_PAD.encode(name), authority);
    }
    Ok(Some(serde_json::from_value(json!({ "cas": authorities }))?))
}

/// An assertion that counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asserted {
    /// The signature counter; 0: the authenticator has none.
    pub counter: u32,
    /// Where the key is.
    pub protection: KeyProtection,
    /// How the user was there.
    pub gesture: UserGesture,
}

/// A credential and its counter, as they are kept.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Whose.
    pub user: &'a str,
    /// What was kept at its registration.
    pub kept: &'a [u8],
    /// The counter that was last accepted.
    pub counter: u32,
}

/// Verifies an assertion (§7.2); that the challenge is ours is the caller's to check.
///
/// # Errors
/// It does not count.
pub fn assert(
    rp: &RelyingParty,
    verification: UserVerification,
    (known, challenge): (&Known<'_>, &Answered),
    given: &Assertion,
) -> Result<Asserted, CeremonyError> {
    let client_data = decode("clientData", &given.client_data, MAX_PART)?;
    let text = given.authenticator_data.as_deref().ok_or(CeremonyError::Malformed("authenticatorData"))?;
    let data = decode("authenticatorData", text, MAX_PART)?;
    let signature = decode("signatureData", &given.signature, MAX_PART)?;
    check_client_data(rp, Ceremony::Get, (&client_data, challenge))?;
    let Kept { mut credential, protection, .. } = serde_json::from_slice(known.kept).map_err(Fault::from)?;
    check_owner(known, &credential, given)?;
    credential.counter = known.counter;
    if verification == UserVerification::Discouraged {
        // Who does not ask for it is not told that it is missing.
        credential.registration_policy = policy(verification);
    }
    let core = rp.core();
    let builder = core.new_challenge_authenticate_builder(Vec::new(), Some(policy(verification)));
    let (_, state) = core.generate_challenge_authenticate(builder.map_err(library)?).map_err(library)?;
    let state: AuthenticationState = with_challenge(&state, challenge)?;
    let response = PublicKeyCredential {
        id: String::new(),
        raw_id: credential.cred_id.clone(),
        response: AuthenticatorAssertionResponseRaw {
            authenticator_data: data.clone(),
            client_data_json: client_data,
            signature,
            user_handle: None,
        },
        extensions: webauthn_rs_core::proto::AuthenticationExtensionsClientOutputs::default(),
        type_: "public-key".to_owned(),
    };
    let result = core.authenticate_single_credential(&response, &state, &credential).map_err(refused)?;
    Ok(Asserted { counter: result.counter(), protection, gesture: gesture(&data) })
}

/// §7.2 steps 6 and 7: what the answer says of credential and user is true (security rule R2).
fn check_owner(known: &Known<'_>, credential: &Credential, given: &Assertion) -> Result<(), CeremonyError> {
    let other = || CeremonyError::Refused("another credential or user".to_owned());
    if let Some(id) = &given.credential_id
        && decode("credentialId", id, MAX_CREDENTIAL_ID)? != *credential.cred_id
    {
        return Err(other());
    }
    match given.user_handle.as_deref().filter(|given| !given.is_empty()) {
        Some(given) if decode("userHandle", given, 64)? != handle(known.user) => Err(other()),
        Some(_) | None => Ok(()),
    }
}
