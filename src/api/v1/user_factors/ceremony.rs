//! What authenticators made, as bodies of both APIs carry it: base64 or base64url, under Okta's names.

use poem::Response;
use serde_json::{Map, Value};

use crate::{
    api::error::okta::Envelope,
    factor::{Assertion, Attestation},
};

/// The longest member: the attestation object with its certificates.
const MAX_MEMBER: usize = 64 * 1024;

fn text(members: &Map<String, Value>, name: &'static str) -> Result<Option<String>, Response> {
    match members.get(name) {
        Some(Value::String(text)) if text.len() <= MAX_MEMBER => Ok(Some(text.clone())),
        Some(Value::Null) | None => Ok(None),
        Some(_) => {
            Err(Envelope::validation(name, [format!("{name}: must be text of a usual length")]).respond())
        }
    }
}

fn has_any(members: &Map<String, Value>, names: &[&str]) -> bool {
    names.iter().any(|name| members.get(*name).is_some_and(|value| !value.is_null()))
}

fn required(members: &Map<String, Value>, name: &'static str) -> Result<String, Response> {
    text(members, name)?.ok_or_else(|| Envelope::validation(name, [format!("{name}: is required")]).respond())
}

/// What an authenticator made of an enrolment, if the body has it.
///
/// # Errors
/// The answer to a body that has half of it.
pub(in crate::api) fn attestation(members: &Map<String, Value>) -> Result<Option<Attestation>, Response> {
    if !has_any(members, &["attestation", "clientData"]) {
        return Ok(None);
    }
    Ok(Some(Attestation {
        client_data: required(members, "clientData")?,
        attestation: required(members, "attestation")?,
    }))
}

/// What an authenticator made of a challenge, if the body has it.
///
/// # Errors
/// The answer to a body that has half of it.
pub(in crate::api) fn assertion(members: &Map<String, Value>) -> Result<Option<Assertion>, Response> {
    if !has_any(members, &["clientData", "authenticatorData", "signatureData"]) {
        return Ok(None);
    }
    Ok(Some(Assertion {
        client_data: required(members, "clientData")?,
        signature: required(members, "signatureData")?,
        authenticator_data: text(members, "authenticatorData")?,
        credential_id: text(members, "credentialId")?,
        user_handle: text(members, "userHandle")?,
    }))
}
