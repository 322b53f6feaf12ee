//! Public documents as prebuilt bytes with their entity tag.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// A JSON document ready to send.
#[derive(Clone, Debug)]
pub struct Document {
    /// The bytes; clones share them.
    pub body: bytes::Bytes,
    /// The strong entity tag (RFC 9110 §8.8.3), quoted.
    pub etag: String,
}

impl Document {
    /// Takes the bytes and computes their tag.
    pub fn new(body: Vec<u8>) -> Self {
        let digest = Sha256::digest(&body);
        let tag = URL_SAFE_NO_PAD.encode(digest.get(..16).unwrap_or(&digest));
        Self { body: body.into(), etag: format!("\"{tag}\"") }
    }

    /// Whether an `If-None-Match` header names this document (RFC 9110 §13.1.2).
    pub fn matches(&self, if_none_match: &str) -> bool {
        if_none_match.split(',').any(|tag| {
            let tag = tag.trim();
            tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.etag
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_none_match_compares_weakly_and_lists() {
        let document = Document::new(b"{}".to_vec());
        assert!(document.matches(&document.etag));
        assert!(document.matches(&format!("\"other\", W/{}", document.etag)));
        assert!(document.matches("*"));
        assert!(!document.matches("\"other\""));
    }
}
