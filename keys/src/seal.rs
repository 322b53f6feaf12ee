//! Values encrypted at rest: AES-256-GCM under the master key, bound to the place where they are stored.
//!
//! A sealed value reads `v1.<key id>.<base64url(nonce ‖ ciphertext ‖ tag)>`. Copied to another table, column or row it
//! does not open, so nobody who can write the database can give one account the secret of another.

use std::fmt;

use base64::{
    Engine,
    engine::{
        DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig,
        general_purpose::{STANDARD, URL_SAFE_NO_PAD},
    },
};
use hkdf::Hkdf;
use openssl::{
    rand::rand_bytes,
    symm::{Cipher, decrypt_aead, encrypt_aead},
};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::KeyError;

const VERSION: &str = "v1";
const NONCE_LEN: usize = 12;
const TAG_LEN: usize = 16;

/// The secret from which every key at rest is derived.
pub struct MasterKey {
    secret: Zeroizing<[u8; 32]>,
    sealing: Zeroizing<[u8; 32]>,
    id: String,
}

/// Where a sealed value is stored; it opens nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aad<'a> {
    /// The table.
    pub table: &'a str,
    /// The column.
    pub column: &'a str,
    /// The primary key of the row.
    pub row: &'a str,
}

impl MasterKey {
    /// Makes a fresh key of 256 random bits.
    ///
    /// # Errors
    /// [`KeyError::Crypto`] when the system gives no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let mut secret = Zeroizing::new([0; 32]);
        rand_bytes(&mut *secret)?;
        Ok(Self::from_secret(secret))
    }

    /// Reads the content of a key file or variable: 32 bytes as they are, or as base64, base64url or hexadecimal text with
    /// white space around it.
    ///
    /// # Errors
    /// [`KeyError::UnusableKey`] when it is none of these.
    pub fn from_text(content: &[u8]) -> Result<Self, KeyError> {
        let text = content.trim_ascii();
        let bytes = match (content.len(), text.len()) {
            // 32 hexadecimal digits are half a key, not raw bytes.
            (32, _) if !content.iter().all(u8::is_ascii_hexdigit) => Zeroizing::new(content.to_vec()),
            (_, 64) => hexadecimal(text),
            (_, 43 | 44) => base64_of_either_alphabet(text),
            _ => Zeroizing::default(),
        };
        let mut secret = Zeroizing::new([0; 32]);
        if bytes.len() != secret.len() {
            return Err(KeyError::UnusableKey("a master key is 32 bytes: raw, base64 or hexadecimal"));
        }
        secret.copy_from_slice(&bytes);
        Ok(Self::from_secret(secret))
    }

    fn from_secret(secret: Zeroizing<[u8; 32]>) -> Self {
        let sealing = derive(&secret, "seal/aes-256-gcm");
        let digest = Sha256::digest(*derive(&secret, "key-id"));
        let id = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        Self { secret, sealing, id }
    }

    /// The key as base64 text, as [`Self::from_text`] reads it.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(*self.secret))
    }

    /// The public name of the key: 8 hexadecimal digits, one-way.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A key for another purpose, independent of every other purpose's (HKDF-SHA-256, RFC 5869).
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        // The prefix keeps a caller's purpose apart from the keys derived for this module.
        derive(&self.secret, &format!("purpose/{purpose}"))
    }

    /// Encrypts a value for its place.
    ///
    /// # Errors
    /// [`KeyError::Crypto`] when the library fails.
    pub fn seal(&self, aad: &Aad<'_>, plaintext: &[u8]) -> Result<String, KeyError> {
        let mut nonce = [0; NONCE_LEN];
        rand_bytes(&mut nonce)?;
        let mut tag = [0; TAG_LEN];
        let ciphertext = encrypt_aead(
            Cipher::aes_256_gcm(),
            &*self.sealing,
            Some(&nonce),
            &aad.encoded(),
            plaintext,
            &mut tag,
        )?;
        let blob = [nonce.as_slice(), &ciphertext, &tag].concat();
        Ok(format!("{VERSION}.{}.{}", self.id, URL_SAFE_NO_PAD.encode(blob)))
    }

    /// Decrypts a value read from its place.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] when it is not a sealed value, [`KeyError::WrongKey`] when another master key sealed it,
    /// [`KeyError::Tampered`] when it was altered or comes from another place.
    pub fn open(&self, aad: &Aad<'_>, sealed: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let (key_id, blob) = split(sealed)?;
        if key_id != self.id {
            return Err(KeyError::WrongKey { key_id: key_id.to_owned() });
        }
        let too_short = KeyError::Malformed("a sealed value");
        let blob = URL_SAFE_NO_PAD.decode(blob).map_err(|_| too_short.clone())?;
        let (nonce, rest) = blob.split_at_checked(NONCE_LEN).ok_or_else(|| too_short.clone())?;
        let ciphertext_len = rest.len().checked_sub(TAG_LEN).ok_or_else(|| too_short.clone())?;
        let (ciphertext, tag) = rest.split_at_checked(ciphertext_len).ok_or(too_short)?;
        decrypt_aead(Cipher::aes_256_gcm(), &*self.sealing, Some(nonce), &aad.encoded(), ciphertext, tag)
            .map(Zeroizing::new)
            .map_err(|_| KeyError::Tampered)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Aad<'_> {
    /// `table|column|row`, each preceded by its length so that a `|` inside a name moves no border.
    fn encoded(&self) -> Vec<u8> {
        let Self { table, column, row } = self;
        format!("{VERSION}|{}:{table}|{}:{column}|{}:{row}", table.len(), column.len(), row.len())
            .into_bytes()
    }
}

fn split(sealed: &str) -> Result<(&str, &str), KeyError> {
    let malformed = KeyError::Malformed("a sealed value");
    let mut parts = sealed.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(VERSION), Some(key_id), Some(blob), None)
            if key_id.len() == 8 && key_id.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
        {
            Ok((key_id, blob))
        }
        _ => Err(malformed),
    }
}

fn derive(secret: &[u8; 32], info: &str) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    #[expect(clippy::expect_used, reason = "HKDF-SHA-256 gives up to 8160 bytes (RFC 5869 §2.3)")]
    Hkdf::<Sha256>::new(Some(b"stepgate/master-key/v1"), secret)
        .expand(info.as_bytes(), &mut *key)
        .expect("32 bytes are fewer than 8160");
    key
}

fn hexadecimal(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes = text.chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    });
    Zeroizing::new(bytes.collect::<Option<Vec<u8>>>().unwrap_or_default())
}

fn base64_of_either_alphabet(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let mut bytes = Vec::new();
    for alphabet in [base64::alphabet::STANDARD, base64::alphabet::URL_SAFE] {
        if let Ok(decoded) = GeneralPurpose::new(&alphabet, config).decode(text) {
            bytes.zeroize();
            bytes = decoded;
        }
    }
    Zeroizing::new(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Aad<'static> = Aad { table: "signing_key", column: "private_jwk", row: "1" };

    fn master() -> MasterKey {
        MasterKey::from_text(&[0xa7; 32]).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_in_its_place() {
        let master = master();
        for plaintext in [b"".as_slice(), b"secret", &[0; 5000]] {
            let sealed = master.seal(&HERE, plaintext).unwrap();
            assert_eq!(master.open(&HERE, &sealed).unwrap().as_slice(), plaintext);
            assert!(sealed.starts_with(&format!("v1.{}.", master.id())));
        }
        assert_ne!(master.seal(&HERE, b"x").unwrap(), master.seal(&HERE, b"x").unwrap());
    }

    #[test]
    fn sec_v6_a_value_moved_to_another_place_does_not_open() {
        let master = master();
        let one = master.seal(&HERE, b"one").unwrap();
        let two = master.seal(&Aad { row: "2", ..HERE }, b"two").unwrap();
        assert_eq!(master.open(&HERE, &two).unwrap_err(), KeyError::Tampered);
        for elsewhere in [
            Aad { row: "2", ..HERE },
            Aad { column: "other", ..HERE },
            Aad { table: "other", ..HERE },
            Aad { table: "", column: "signing_key|private_jwk", row: "1" },
        ] {
            assert_eq!(master.open(&elsewhere, &one).unwrap_err(), KeyError::Tampered);
        }
        let border = Aad { table: "a|1:b", column: "c", row: "d" };
        let shifted = Aad { table: "a", column: "b|1:c", row: "d" };
        assert_eq!(
            master.open(&shifted, &master.seal(&border, b"x").unwrap()).unwrap_err(),
            KeyError::Tampered
        );
    }

    #[test]
    fn sec_v6_another_master_key_is_named_not_guessed() {
        let sealed = master().seal(&HERE, b"x").unwrap();
        let other = MasterKey::generate().unwrap();
        assert_eq!(
            other.open(&HERE, &sealed).unwrap_err(),
            KeyError::WrongKey { key_id: master().id().to_owned() }
        );
        let renamed = sealed.replace(master().id(), other.id());
        assert_eq!(other.open(&HERE, &renamed).unwrap_err(), KeyError::Tampered);
    }

    #[test]
    fn every_altered_byte_is_noticed() {
        let master = master();
        let sealed = master.seal(&HERE, b"secret").unwrap();
        let (head, blob) = sealed.rsplit_once('.').unwrap();
        let blob = URL_SAFE_NO_PAD.decode(blob).unwrap();
        for i in 0..blob.len() {
            let mut altered = blob.clone();
            altered[i] ^= 1;
            let altered = format!("{head}.{}", URL_SAFE_NO_PAD.encode(altered));
            assert_eq!(master.open(&HERE, &altered).unwrap_err(), KeyError::Tampered);
        }
    }

    #[test]
    fn what_is_not_a_sealed_value_is_malformed() {
        let master = master();
        let id = master.id();
        for text in [
            String::new(),
            "plain".to_owned(),
            format!("v2.{id}.AAAA"),
            format!("v1.{id}.AAAA"),
            format!("v1.{id}.!"),
            format!("v1.{id}"),
            format!("v1.{id}.AAAA.AAAA"),
            "v1.zzzzzzzz.AAAA".to_owned(),
            "v1..AAAA".to_owned(),
        ] {
            assert!(matches!(master.open(&HERE, &text), Err(KeyError::Malformed(_))), "{text}");
        }
        assert!(matches!(master.open(&HERE, "plain"), Err(KeyError::Malformed(_))));
    }

    #[test]
    fn the_key_is_read_raw_as_base64_and_as_hexadecimal() {
        let secret: Vec<u8> = (0..32_u8).map(|i| 0x60 ^ (i * 7)).collect();
        let id = MasterKey::from_text(&secret).unwrap().id().to_owned();
        let hexadecimal: String = secret.iter().map(|byte| format!("{byte:02X}")).collect();
        for text in [
            STANDARD.encode(&secret),
            URL_SAFE_NO_PAD.encode(&secret),
            format!("  {}\n", STANDARD.encode(&secret)),
            hexadecimal.to_lowercase(),
            format!("{hexadecimal}\r\n"),
            MasterKey::from_text(&secret).unwrap().to_text().to_string(),
        ] {
            assert_eq!(MasterKey::from_text(text.as_bytes()).unwrap().id(), id, "{text}");
        }
        for bad in [
            "",
            "short",
            "0123456789abcdef0123456789abcdef",
            &"x".repeat(64),
            &"A".repeat(42),
            &"!".repeat(43),
        ] {
            assert!(MasterKey::from_text(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn each_purpose_has_its_own_key() {
        let master = master();
        let (a, b) = (master.derive("client-secret"), master.derive("refresh-token"));
        assert_ne!(*a, *b);
        assert_eq!(*a, *master.derive("client-secret"));
        assert_ne!(*master.derive("seal/aes-256-gcm"), *master.sealing);
        assert!(!format!("{master:?}").contains(&*master.to_text()));
    }
}
