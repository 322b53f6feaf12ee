//! Registrations (§7.1), and what policy says of the authenticator that made one.

use std::collections::BTreeMap;

use serde_json::json;
use webauthn_rs_core::{
    error::WebauthnError,
    proto::{
        AttestationCaList, AttestationFormat, AuthenticatorAttestationResponseRaw, Credential,
        ParsedAttestation, RegisterPublicKeyCredential, RegistrationState,
    },
};

use super::{
    Answered, Ceremony, CeremonyError, Kept, KeyProtection, MAX_CREDENTIAL_ID, MAX_PART, RelyingParty,
    UserGesture, check_client_data, decode, encoded, gesture, library, policy, refused,
};
use crate::{
    factor::Attestation,
    fault::Fault,
    model::policy::{AttestationConveyance, WebauthnRules},
};

/// The longest attestation object that is read, in bytes: the largest in use carry a chain of certificates.
const MAX_ATTESTATION: usize = 16 * 1024;

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
    let state: RegistrationState = challenge.in_state(&state)?;
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
    let (id, counter) = (encoded(&credential.cred_id), credential.counter);
    if credential.cred_id.len() > MAX_CREDENTIAL_ID {
        return Err(CeremonyError::Malformed("attestation"));
    }
    let kept = serde_json::to_vec(&Kept { credential, protection, aaguid }).map_err(Fault::from)?;
    Ok(Registered { id, kept, counter, protection, gesture: gesture(&data), authenticator })
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
        authorities.insert(encoded(&name), authority);
    }
    Ok(Some(serde_json::from_value(json!({ "cas": authorities }))?))
}
