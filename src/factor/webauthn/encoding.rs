//! Bytes as Okta's clients and browsers write them.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::URL_SAFE_NO_PAD},
};

use super::{CeremonyError, MAX_CREDENTIAL_ID};

/// Reads base64 in either alphabet, with padding or without: Okta's examples and clients differ.
pub(in crate::factor) fn decode(
    name: &'static str,
    text: &str,
    limit: usize,
) -> Result<Vec<u8>, CeremonyError> {
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
pub(in crate::factor) fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The id of a credential in one spelling.
///
/// # Errors
/// It cannot be read.
pub fn credential_id(text: &str) -> Result<String, CeremonyError> {
    Ok(encoded(&decode("credentialId", text, MAX_CREDENTIAL_ID)?))
}
