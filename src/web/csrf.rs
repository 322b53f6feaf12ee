//! CSRF tokens: a MAC over the flow, the step and the browser (RFC 9700 §4.7). A token of one step, flow or
//! browser is useless in another, and none has to be stored.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroize;

use crate::secret::{Secret, constant_time_eq};

/// The key under which CSRF tokens are made.
#[derive(Clone, Debug)]
pub struct CsrfKey(Secret<[u8; 32]>);

impl CsrfKey {
    /// Takes 32 bytes derived from the master key for this purpose alone.
    pub fn new(key: [u8; 32]) -> Self {
        Self(Secret::new(key))
    }

    /// The token that a form of this step carries; `browser_binding` is the value of the browser's cookie.
    pub fn token(&self, flow_id: &str, step: &str, browser_binding: &str) -> String {
        authenticate(&self.0, &[b"csrf", flow_id.as_bytes(), step.as_bytes(), browser_binding.as_bytes()])
    }

    /// Whether a submitted token is the one of this flow, step and browser; takes the same time either way.
    pub fn verify(&self, token: &str, flow_id: &str, step: &str, browser_binding: &str) -> bool {
        constant_time_eq(token.as_bytes(), self.token(flow_id, step, browser_binding).as_bytes())
    }
}

/// HMAC-SHA-256 (RFC 2104) over the parts, each preceded by its length, in base64url.
pub(super) fn authenticate(key: &Secret<[u8; 32]>, parts: &[&[u8]]) -> String {
    // RFC 2104 §2: a key shorter than the hash's block is padded with zeros.
    let mut block = [0_u8; 64];
    for (slot, byte) in block.iter_mut().zip(key.expose()) {
        *slot = *byte;
    }
    let mut mac = Hmac::<Sha256>::new(&block.into());
    block.zeroize();
    for part in parts {
        mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(part);
    }
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_l01_a_token_is_good_for_its_flow_step_and_browser_only() {
        let key = CsrfKey::new([7; 32]);
        let token = key.token("flw1", "login", "browser");
        assert_eq!(token.len(), 43);
        assert!(key.verify(&token, "flw1", "login", "browser"));
        assert!(!key.verify(&token, "flw2", "login", "browser"));
        assert!(!key.verify(&token, "flw1", "consent", "browser"));
        assert!(!key.verify(&token, "flw1", "login", "other"));
        assert!(!CsrfKey::new([8; 32]).verify(&token, "flw1", "login", "browser"));
    }

    #[test]
    fn sec_l01_a_missing_or_altered_token_is_refused() {
        let key = CsrfKey::new([7; 32]);
        let token = key.token("f", "s", "b");
        for bad in [
            String::new(),
            token[1..].to_owned(),
            format!("{token}="),
            format!("{token}A"),
            token.to_lowercase() + "x",
        ] {
            assert!(!key.verify(&bad, "f", "s", "b"), "{bad}");
        }
    }

    #[test]
    fn the_mac_is_hmac_sha_256() {
        // Computed independently: HMAC-SHA-256 with key 07×32 over 0000000000000001 61.
        assert_eq!(
            authenticate(&Secret::new([7; 32]), &[b"a"]),
            "Dv9YZcZgGsfBaEnCCiBUfFVjeryD1YlHbGMMj7Y5S-Y"
        );
    }

    #[test]
    fn parts_cannot_be_shifted_into_each_other() {
        let key = CsrfKey::new([7; 32]);
        assert_ne!(key.token("ab", "c", "d"), key.token("a", "bc", "d"));
        assert_ne!(key.token("a", "b", ""), key.token("a", "", "b"));
    }
}
