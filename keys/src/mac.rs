//! HMAC-SHA-256 over several parts (RFC 2104).

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The HMAC-SHA-256 of the parts, each preceded by its length: no two different lists of parts
/// feed the function the same bytes.
pub fn hmac_sha256(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 §2)")]
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("any length is a key");
    for part in parts {
        // `usize` is at most 64 bits wide on every target, so the widening is exact.
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        mac.update(&length.to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_not_confused_with_each_other() {
        let key = [7; 32];
        let mac = |parts: &[&[u8]]| hmac_sha256(&key, parts);
        let different = [
            mac(&[b"ab", b"c"]),
            mac(&[b"a", b"bc"]),
            mac(&[b"abc"]),
            mac(&[b"abc", b""]),
            mac(&[]),
            mac(&[b""]),
        ];
        for (i, a) in different.iter().enumerate() {
            for b in different.iter().skip(i + 1) {
                assert_ne!(a, b);
            }
        }
        assert_eq!(mac(&[b"ab", b"c"]), mac(&[b"ab", b"c"]));
        assert_ne!(mac(&[b"a"]), hmac_sha256(&[8; 32], &[b"a"]));
    }

    /// The value was computed with an independent implementation over `00 00 00 00 00 00 00 02 "Hi"`.
    #[test]
    fn it_is_hmac_sha256_over_length_and_part() {
        let hex: String =
            hmac_sha256(&[0x0b; 32], &[b"Hi"]).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "11ff0d3c1f546314c1dcfa5400d6d2b26840fed53751f6cf60a912abaefd3815");
    }
}
