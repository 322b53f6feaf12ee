//! Assertions (§7.2).

use webauthn_rs_core::proto::{
    AuthenticationExtensionsClientOutputs, AuthenticationState, AuthenticatorAssertionResponseRaw,
    Credential, PublicKeyCredential,
};

use super::{
    Answered, Ceremony, CeremonyError, Kept, KeyProtection, MAX_CREDENTIAL_ID, MAX_PART, RelyingParty,
    UserGesture, check_client_data, decode, gesture, library, options::handle, policy, refused,
};
use crate::{factor::Assertion, fault::Fault, model::policy::UserVerification};

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
    let state: AuthenticationState = challenge.in_state(&state)?;
    let response = PublicKeyCredential {
        id: String::new(),
        raw_id: credential.cred_id.clone(),
        response: AuthenticatorAssertionResponseRaw {
            authenticator_data: data.clone(),
            client_data_json: client_data,
            signature,
            user_handle: None,
        },
        extensions: AuthenticationExtensionsClientOutputs::default(),
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
