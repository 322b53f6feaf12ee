//! DPoP proofs (RFC 9449 §4.2): a fresh one for every request, as a client has to make them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rcgen::{KeyPair, SigningKey as _};
use serde_json::json;
use stepgate::{
    ports::{
        clock::{Clock, SystemClock},
        random::SystemRandom,
    },
    secret::opaque_token,
};

/// A key that signs proofs (ES256).
pub(crate) struct ProofKey {
    key: KeyPair,
    header: String,
}

impl ProofKey {
    /// A new key.
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let (x, y) = key.public_key_raw()[1..].split_at(32);
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)});
        let header = encode(json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}).to_string());
        Self { key, header }
    }

    /// A proof for one request.
    pub(crate) fn proof(&self, method: &str, url: &str) -> String {
        let claims = json!({
            "jti": opaque_token(&SystemRandom).expose(),
            "htm": method,
            "htu": url,
            "iat": SystemClock.now().unix_timestamp(),
        });
        let input = format!("{}.{}", self.header, encode(claims.to_string()));
        let signature = self.key.sign(input.as_bytes()).expect("a signature");
        format!("{input}.{}", encode(fixed(&signature)))
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The two numbers of a DER signature, 32 bytes each (RFC 7518 §3.4).
fn fixed(der: &[u8]) -> Vec<u8> {
    let mut numbers = Vec::with_capacity(64);
    let mut rest = &der[2..];
    for _ in 0..2 {
        let (number, more) = rest[2..].split_at(usize::from(rest[1]));
        let digits = &number[number.len().saturating_sub(32)..];
        numbers.resize(numbers.len() + 32 - digits.len(), 0);
        numbers.extend_from_slice(digits);
        rest = more;
    }
    numbers
}
