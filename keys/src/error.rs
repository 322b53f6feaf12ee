//! What can go wrong with keys, tokens and sealed values.

/// Why a key, a token or a sealed value was refused or could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text does not have the required syntax.
    #[error("malformed: {0}")]
    Malformed(&'static str),
    /// The token is longer than the limit, in bytes.
    #[error("the token is longer than {0} bytes")]
    TooLong(usize),
    /// A header member that changes how the token is read (RFC 7515 §4.1.11, RFC 7516 §4.1.3).
    #[error("the header member {0} is not supported")]
    UnsupportedHeader(&'static str),
    /// The algorithm is not one of ours.
    #[error("unsupported algorithm")]
    UnsupportedAlgorithm,
    /// The token names another algorithm than the one its key is bound to (RFC 8725 §3.1).
    #[error("the token's alg is not the key's")]
    AlgorithmMismatch,
    /// The signature is not by this key.
    #[error("the signature does not verify")]
    Signature,
    /// The JWK cannot be used for what was asked.
    #[error("unusable key: {0}")]
    UnusableKey(&'static str),
    /// A private or symmetric member where only public keys belong (RFC 7517 §9.2).
    #[error("the key set contains private or symmetric key material")]
    PrivateMember,
    /// The claims are not a JSON object (RFC 7519 §7.1).
    #[error("the claims are not a JSON object")]
    ClaimsNotAnObject,
    /// The value was sealed under another master key.
    #[error("sealed under another master key ({key_id})")]
    WrongKey {
        /// The identifier of the master key that sealed the value.
        key_id: String,
    },
    /// The sealed value was altered, or belongs to another table, column or row.
    #[error("the sealed value was altered or moved")]
    Tampered,
    /// The cryptographic library failed.
    #[error("cryptography: {0}")]
    Crypto(String),
}

impl KeyError {
    /// A failure of the library itself, as opposed to a refusal.
    pub(crate) fn crypto(error: impl std::fmt::Display) -> Self {
        Self::Crypto(error.to_string())
    }
}

impl From<openssl::error::ErrorStack> for KeyError {
    fn from(error: openssl::error::ErrorStack) -> Self {
        Self::crypto(error)
    }
}
