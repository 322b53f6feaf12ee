//! Digests that other people's password hashes were made with. Nothing of ours is protected by them.

use openssl::{
    hash::{Hasher, MessageDigest},
    pkcs5,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::KeyError;

/// A digest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Digest {
    /// MD5 (RFC 1321).
    Md5,
    /// SHA-1 (RFC 3174).
    Sha1,
    /// SHA-256 (RFC 6234).
    Sha256,
    /// SHA-512 (RFC 6234).
    Sha512,
}

impl Digest {
    fn message_digest(self) -> MessageDigest {
        match self {
            Self::Md5 => MessageDigest::md5(),
            Self::Sha1 => MessageDigest::sha1(),
            Self::Sha256 => MessageDigest::sha256(),
            Self::Sha512 => MessageDigest::sha512(),
        }
    }

    /// How many bytes it has.
    pub fn size(self) -> usize {
        self.message_digest().size()
    }

    /// The digest of the parts, one after the other.
    ///
    /// # Errors
    /// The library does not offer the digest.
    pub fn of(self, parts: &[&[u8]]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let mut hasher = Hasher::new(self.message_digest())?;
        for part in parts {
            hasher.update(part)?;
        }
        Ok(Zeroizing::new(hasher.finish()?.to_vec()))
    }

    /// The first block of PBKDF2 with the HMAC of this digest (RFC 8018 §5.2). Blocks do not depend on each other, so the
    /// first one tells as much of a password as all of them.
    ///
    /// # Errors
    /// The library does not offer the digest.
    pub fn pbkdf2(
        self,
        password: &[u8],
        salt: &[u8],
        iterations: u32,
    ) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let iterations = usize::try_from(iterations).map_err(KeyError::crypto)?;
        let mut block = Zeroizing::new(vec![0; self.size()]);
        pkcs5::pbkdf2_hmac(password, salt, iterations, self.message_digest(), &mut block)?;
        Ok(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The vectors of RFC 1321 §A.5 and of FIPS 180 for "abc".
    #[test]
    fn digests_are_those_of_their_standards() {
        let of = |digest: Digest| hex(&digest.of(&[b"a", b"bc"]).unwrap());
        assert_eq!(of(Digest::Md5), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(of(Digest::Sha1), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(of(Digest::Sha256), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(of(Digest::Sha512).starts_with("ddaf35a193617abacc417349ae204131"));
    }

    /// RFC 7914 §11: PBKDF2-HMAC-SHA-256, of which the first block is looked at.
    #[test]
    fn pbkdf2_is_that_of_rfc_8018() {
        let block = Digest::Sha256.pbkdf2(b"passwd", b"salt", 1).unwrap();
        assert_eq!(hex(&block), "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
    }
}
