//! Keys and everything JOSE: the only crate that knows josekit and OpenSSL.
//!
//! | file | owns |
//! |---|---|
//! | [`algorithm`] | the signature and MAC algorithms (RFC 7518 §3.1, RFC 8037 §3.1) |
//! | [`thumbprint`](mod@thumbprint) | key identifiers (RFC 7638) |
//! | [`key`] | what makes a public JWK acceptable (RFC 7517, RFC 7518 §6) |
//! | [`sign`] | signing keys and JWS compact serialization (RFC 7515 §7.1) |
//! | [`verify`] | reading a compact JWS and proving who signed it (RFC 7515 §5.2, RFC 8725) |
//! | [`encrypt`] | encryption to a client's key: JWE compact serialization (RFC 7516 §7.1) |
//! | [`client_keys`] | the registered keys of a client: which may have signed, which is encrypted to (RFC 7517 §5) |
//! | [`jwks`] | the published JWK Set (RFC 7517 §5) |
//! | [`ring`] | the life of a signing key: next, active, retired, gone |
//! | [`rotation`] | pure: a ring and the time in, the due changes out (OpenID Connect Core §10.1.1) |
//! | [`seal`] | values encrypted at rest under the master key, bound to their row |
//! | [`digest`] | digests and PBKDF2 of password hashes that were made elsewhere (RFC 8018) |
//! | [`mac`] | HMAC-SHA-256 over unambiguous parts |
//! | [`block`] | one block of AES-128, which one-time passwords of tokens are (FIPS 197) |
//! | [`ecdsa`] | raw signatures over P-256, which U2F security keys make (FIPS 186-5) |
//! | [`json`] | JSON objects without duplicate members or deep nesting (RFC 8725 §2.4, RFC 7515 §4) |
//!
//! What it never does: look at a clock, read or write storage, or decide what a claim means. Verification
//! proves a signature; `iss`, `aud`, `exp` and the rest are judged by whoever asked.

pub mod algorithm;
pub mod block;
pub mod client_keys;
pub mod digest;
pub mod ecdsa;
pub mod encrypt;
mod error;
pub mod json;
pub mod jwks;
pub mod key;
pub mod mac;
pub mod ring;
pub mod rotation;
pub mod seal;
pub mod sign;
pub mod thumbprint;
pub mod verify;

pub use algorithm::{Algorithm, KeyType, MacAlgorithm};
pub use block::{decrypt_block, encrypt_block};
pub use client_keys::ClientKeys;
pub use digest::Digest;
pub use ecdsa::P256Key;
pub use encrypt::{Content, ContentEncryption, KeyManagement, Recipient};
pub use error::KeyError;
pub use mac::hmac_sha256;
pub use ring::{KeyRecord, KeyState};
pub use rotation::{Change, RotationPolicy, Timing};
pub use seal::{Aad, MasterKey};
pub use sign::{MacKey, SigningKey};
pub use thumbprint::thumbprint;
pub use verify::{Claims, Header, Limits, UnverifiedToken, VerifyingKey, parse};
