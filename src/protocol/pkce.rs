//! Proof Key for Code Exchange (RFC 7636), method `S256` only (RFC 9700 §2.1.1).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::protocol::error::OAuthError;
use crate::secret::{Secret, constant_time_eq};

/// The one supported `code_challenge_method` (RFC 7636 §4.3).
pub const S256: &str = "S256";

/// A `code_challenge`: the SHA-256 of a verifier (RFC 7636 §4.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CodeChallenge([u8; 32]);

/// A `code_verifier` (RFC 7636 §4.1).
#[derive(Clone, Debug)]
pub struct CodeVerifier(Secret<String>);

/// Why a challenge or verifier is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PkceError {
    /// The method is not `S256`; an absent method means `plain` (RFC 7636 §4.3).
    #[error("the code_challenge_method is not S256")]
    Method,
    /// The challenge is not 43 base64url characters that encode 32 bytes.
    #[error("the code_challenge is malformed")]
    Challenge,
    /// The verifier is not 43 to 128 unreserved characters.
    #[error("the code_verifier is malformed")]
    Verifier,
}

impl CodeChallenge {
    /// Reads `code_challenge` and `code_challenge_method` from an authorization request.
    ///
    /// # Errors
    ///
    /// [`PkceError`]; an empty challenge is malformed, not absent.
    pub fn parse(challenge: &str, method: Option<&str>) -> Result<Self, PkceError> {
        if method != Some(S256) {
            return Err(PkceError::Method);
        }
        Self::decode(challenge)
    }

    fn decode(challenge: &str) -> Result<Self, PkceError> {
        // A strict decoder: a challenge with stray bits at its end could match no verifier.
        let digest = URL_SAFE_NO_PAD.decode(challenge).map_err(|_| PkceError::Challenge)?;
        digest.try_into().map(Self).map_err(|_| PkceError::Challenge)
    }

    /// The 43 characters of the wire.
    pub fn encoded(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Whether the verifier is the one the challenge was made from (RFC 7636 §4.6), in constant time.
    pub fn matches(&self, verifier: &CodeVerifier) -> bool {
        constant_time_eq(&self.0, &verifier.challenge().0)
    }
}

impl CodeVerifier {
    /// Reads a `code_verifier`: 43 to 128 characters `A-Z a-z 0-9 - . _ ~` (RFC 7636 §4.1).
    ///
    /// # Errors
    ///
    /// [`PkceError::Verifier`].
    pub fn parse(verifier: &str) -> Result<Self, PkceError> {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(unreserved) {
            return Err(PkceError::Verifier);
        }
        Ok(Self(Secret::new(verifier.to_owned())))
    }

    /// The challenge made from this verifier by `S256` (RFC 7636 §4.2).
    pub fn challenge(&self) -> CodeChallenge {
        CodeChallenge(Sha256::digest(self.0.expose().as_bytes()).into())
    }
}

impl Serialize for CodeChallenge {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.encoded())
    }
}

impl<'de> Deserialize<'de> for CodeChallenge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::decode(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A malformed challenge is `invalid_request` (RFC 7636 §4.4.1), a malformed verifier `invalid_grant` (§4.6).
impl From<PkceError> for OAuthError {
    fn from(error: PkceError) -> Self {
        match error {
            PkceError::Method => Self::invalid_request("The code_challenge_method must be S256."),
            PkceError::Challenge => Self::invalid_request("The code_challenge is malformed."),
            PkceError::Verifier => Self::invalid_grant("PKCE verification failed."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_vector_of_rfc_7636_appendix_b_matches() {
        let challenge = CodeChallenge::parse(CHALLENGE, Some("S256")).unwrap();
        let verifier = CodeVerifier::parse(VERIFIER).unwrap();
        assert!(challenge.matches(&verifier));
        assert_eq!(verifier.challenge().encoded(), CHALLENGE);
    }

    #[test]
    fn sec_b06_another_verifier_does_not_match() {
        let challenge = CodeChallenge::parse(CHALLENGE, Some("S256")).unwrap();
        assert!(!challenge.matches(&CodeVerifier::parse(&VERIFIER.to_ascii_lowercase()).unwrap()));
        assert!(!challenge.matches(&CodeVerifier::parse(CHALLENGE).unwrap()));
    }

    #[test]
    fn sec_b02_plain_and_a_missing_method_are_refused() {
        for method in [None, Some("plain"), Some("s256"), Some("")] {
            assert_eq!(CodeChallenge::parse(CHALLENGE, method), Err(PkceError::Method), "{method:?}");
        }
    }

    #[test]
    fn sec_b03_malformed_challenges_are_refused() {
        let padded = format!("{CHALLENGE}=");
        let loose_bits = CHALLENGE.replace("cM", "cN");
        let standard_alphabet = CHALLENGE.replace('-', "+");
        let long = "a".repeat(129);
        for challenge in ["", &CHALLENGE[..42], &padded, &loose_bits, &standard_alphabet, &long] {
            assert_eq!(
                CodeChallenge::parse(challenge, Some("S256")),
                Err(PkceError::Challenge),
                "{challenge}"
            );
        }
    }

    #[test]
    fn sec_b06_verifiers_have_43_to_128_unreserved_characters() {
        for length in [43, 128] {
            assert!(CodeVerifier::parse(&"~".repeat(length)).is_ok());
        }
        let foreign = format!("{}+", &VERIFIER[..42]);
        for verifier in ["", &"a".repeat(42), &"a".repeat(129), &foreign] {
            assert_eq!(CodeVerifier::parse(verifier).unwrap_err(), PkceError::Verifier, "{verifier}");
        }
    }

    #[test]
    fn a_challenge_can_be_stored() {
        let challenge = CodeChallenge::parse(CHALLENGE, Some("S256")).unwrap();
        let json = serde_json::to_string(&challenge).unwrap();
        assert_eq!(json, format!("\"{CHALLENGE}\""));
        assert_eq!(serde_json::from_str::<CodeChallenge>(&json).unwrap(), challenge);
        assert!(serde_json::from_str::<CodeChallenge>("\"short\"").is_err());
    }
}
