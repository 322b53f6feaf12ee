//! Encryption to a client's public key: JWE compact serialization (RFC 7516 §7.1).
//!
//! Two ways to agree on a key (RFC 7518 §4.3, §4.6) and two ciphers (§5.3) are enough. Nothing is ever compressed: what is
//! compressed together with a secret tells of it by its length (RFC 8725 §3.6).

use std::{fmt, str::FromStr};

use josekit::{
    jwe::{ECDH_ES, JweContext, JweEncrypter, JweHeader, RSA_OAEP_256},
    jwk::Jwk,
};
use serde_json::Value;

use crate::{
    KeyError, KeyType,
    key::{MAX_KID_LEN, PublicKey, refuse_private},
};

/// How the content encryption key reaches the recipient: the JWE `alg` (RFC 7518 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyManagement {
    /// RSAES-OAEP with SHA-256.
    RsaOaep256,
    /// ECDH with an ephemeral key, agreeing on the content encryption key directly.
    EcdhEs,
}

/// The cipher: the JWE `enc` (RFC 7518 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContentEncryption {
    /// AES-GCM with a key of 128 bits.
    A128Gcm,
    /// AES-GCM with a key of 256 bits.
    A256Gcm,
}

/// What is encrypted, and how the recipient is told (`cty`, RFC 7516 §4.1.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A signed JWT (RFC 7519 §5.2: `cty` is `JWT`).
    Jwt,
    /// A JSON object of claims.
    Claims,
}

impl KeyManagement {
    /// Every algorithm, in the order in which metadata lists them.
    pub const ALL: [Self; 2] = [Self::RsaOaep256, Self::EcdhEs];

    /// The `alg` value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RsaOaep256 => "RSA-OAEP-256",
            Self::EcdhEs => "ECDH-ES",
        }
    }

    fn fits(self, key_type: KeyType) -> bool {
        match (self, key_type) {
            (Self::RsaOaep256, KeyType::Rsa)
            | (Self::EcdhEs, KeyType::P256 | KeyType::P384 | KeyType::P521) => true,
            (Self::RsaOaep256 | Self::EcdhEs, _) => false,
        }
    }
}

impl ContentEncryption {
    /// Every cipher, in the order in which metadata lists them.
    pub const ALL: [Self; 2] = [Self::A128Gcm, Self::A256Gcm];

    /// The `enc` value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A128Gcm => "A128GCM",
            Self::A256Gcm => "A256GCM",
        }
    }
}

impl FromStr for KeyManagement {
    type Err = KeyError;

    fn from_str(alg: &str) -> Result<Self, KeyError> {
        Self::ALL.into_iter().find(|known| known.as_str() == alg).ok_or(KeyError::UnsupportedAlgorithm)
    }
}

impl FromStr for ContentEncryption {
    type Err = KeyError;

    fn from_str(enc: &str) -> Result<Self, KeyError> {
        Self::ALL.into_iter().find(|known| known.as_str() == enc).ok_or(KeyError::UnsupportedAlgorithm)
    }
}

/// A public key that may be encrypted to.
#[derive(Debug, Clone)]
pub(crate) struct EncryptionKey {
    key: PublicKey,
    kid: Option<String>,
    alg: Option<KeyManagement>,
}

impl EncryptionKey {
    /// Reads a JWK that may be encrypted to.
    pub(crate) fn parse(jwk: &Value) -> Result<Self, KeyError> {
        let members = jwk.as_object().ok_or(KeyError::UnusableKey("not an object"))?;
        refuse_private(members)?;
        // RFC 7517 §4.2, §4.3: a key for something else is not encrypted to.
        match members.get("use") {
            None => {}
            Some(Value::String(purpose)) if purpose == "enc" => {}
            Some(_) => return Err(KeyError::UnusableKey("use is not enc")),
        }
        let encrypts = |operation: &Value| {
            matches!(operation.as_str(), Some("encrypt" | "wrapKey" | "deriveKey" | "deriveBits"))
        };
        match members.get("key_ops") {
            None => {}
            Some(Value::Array(operations)) if operations.iter().any(encrypts) => {}
            Some(_) => return Err(KeyError::UnusableKey("key_ops has nothing that encrypts")),
        }
        let kid = match members.get("kid") {
            None => None,
            Some(Value::String(kid)) if kid.len() <= MAX_KID_LEN => Some(kid.clone()),
            Some(_) => return Err(KeyError::UnusableKey("kid is not a short string")),
        };
        let alg = match members.get("alg") {
            None => None,
            Some(Value::String(alg)) => Some(alg.parse()?),
            Some(_) => return Err(KeyError::UnusableKey("alg is not a string")),
        };
        Ok(Self { key: PublicKey::from_members(members)?, kid, alg })
    }

    /// The recipient that holds this key, if the key is for the algorithm.
    pub(crate) fn recipient(&self, alg: KeyManagement, enc: ContentEncryption) -> Option<Recipient> {
        if self.alg.is_some_and(|only| only != alg) || !alg.fits(self.key.key_type()) {
            return None;
        }
        let jwk = Jwk::from_map(self.key.members().clone()).ok()?;
        let encrypter: Box<dyn JweEncrypter> = match alg {
            KeyManagement::RsaOaep256 => Box::new(RSA_OAEP_256.encrypter_from_jwk(&jwk).ok()?),
            KeyManagement::EcdhEs => Box::new(ECDH_ES.encrypter_from_jwk(&jwk).ok()?),
        };
        Some(Recipient { kid: self.kid.clone(), enc, encrypter })
    }
}

/// Somebody who alone can read what is encrypted.
#[derive(Debug)]
pub struct Recipient {
    kid: Option<String>,
    enc: ContentEncryption,
    encrypter: Box<dyn JweEncrypter>,
}

impl Recipient {
    /// Encrypts; the header has `alg`, `enc`, the key's `kid`, and `cty` where a JWT is inside (RFC 7516 §4.1).
    ///
    /// # Errors
    /// [`KeyError::Crypto`] when the library does not encrypt.
    pub fn encrypt(&self, content: Content, plaintext: &str) -> Result<String, KeyError> {
        let mut header = JweHeader::new();
        header.set_content_encryption(self.enc.as_str());
        match content {
            Content::Jwt => header.set_content_type("JWT"),
            Content::Claims => {}
        }
        if let Some(kid) = &self.kid {
            header.set_key_id(kid);
        }
        let mut context = JweContext::new();
        // The library knows it unless told otherwise.
        context.remove_compression("DEF");
        context
            .serialize_compact(plaintext.as_bytes(), &header, self.encrypter.as_ref())
            .map_err(KeyError::crypto)
    }
}

impl fmt::Display for KeyManagement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for ContentEncryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use josekit::jwk::alg::ec::EcCurve;
    use serde_json::json;

    use super::*;

    fn private(alg: KeyManagement) -> Jwk {
        match alg {
            KeyManagement::RsaOaep256 => Jwk::generate_rsa_key(2048).unwrap(),
            KeyManagement::EcdhEs => Jwk::generate_ec_key(EcCurve::P256).unwrap(),
        }
    }

    fn public(private: &Jwk, more: &Value) -> Value {
        let mut public = serde_json::to_value(private.to_public_key().unwrap().as_ref()).unwrap();
        public.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        public
    }

    fn decrypt(alg: KeyManagement, key: &Jwk, token: &str) -> (Vec<u8>, JweHeader) {
        match alg {
            KeyManagement::RsaOaep256 => {
                let key = RSA_OAEP_256.decrypter_from_jwk(key).unwrap();
                josekit::jwe::deserialize_compact(token, &key).unwrap()
            }
            KeyManagement::EcdhEs => {
                let key = ECDH_ES.decrypter_from_jwk(key).unwrap();
                josekit::jwe::deserialize_compact(token, &key).unwrap()
            }
        }
    }

    #[test]
    fn the_holder_of_the_key_reads_what_was_written() {
        for alg in KeyManagement::ALL {
            for enc in ContentEncryption::ALL {
                let private = private(alg);
                let key =
                    EncryptionKey::parse(&public(&private, &json!({"kid": "k", "use": "enc"}))).unwrap();
                let recipient = key.recipient(alg, enc).unwrap();
                let token = recipient.encrypt(Content::Jwt, "a.b.c").unwrap();
                let (plaintext, header) = decrypt(alg, &private, &token);
                assert_eq!(plaintext, b"a.b.c");
                assert_eq!(header.algorithm(), Some(alg.as_str()));
                assert_eq!(header.content_encryption(), Some(enc.as_str()));
                assert_eq!((header.content_type(), header.key_id()), (Some("JWT"), Some("k")));
                assert_eq!(header.claim("zip"), None);
                // Two messages share neither key nor nonce.
                assert_ne!(token, recipient.encrypt(Content::Jwt, "a.b.c").unwrap());
                let claims = recipient.encrypt(Content::Claims, "{}").unwrap();
                assert_eq!(decrypt(alg, &private, &claims).1.content_type(), None);
            }
        }
    }

    #[test]
    fn a_key_for_something_else_is_not_encrypted_to() {
        let (alg, enc) = (KeyManagement::EcdhEs, ContentEncryption::A128Gcm);
        let private = private(alg);
        let usable = |more: Value| {
            EncryptionKey::parse(&public(&private, &more))
                .ok()
                .and_then(|key| key.recipient(alg, enc))
                .is_some()
        };
        for more in
            [json!({}), json!({"use": "enc"}), json!({"alg": "ECDH-ES"}), json!({"key_ops": ["deriveKey"]})]
        {
            assert!(usable(more.clone()), "{more}");
        }
        for more in [
            json!({"use": "sig"}),
            json!({"use": 1}),
            json!({"alg": "ES256"}),
            json!({"alg": "RSA-OAEP-256"}),
            json!({"alg": "ECDH-ES+A128KW"}),
            json!({"key_ops": ["verify"]}),
            json!({"crv": "secp256k1"}),
            json!({"d": "AA"}),
            json!({"y": "AAAA"}),
        ] {
            assert!(!usable(more.clone()), "{more}");
        }
        let key = EncryptionKey::parse(&public(&private, &json!({}))).unwrap();
        assert!(key.recipient(KeyManagement::RsaOaep256, enc).is_none());
    }

    #[test]
    fn other_algorithms_are_unknown() {
        for alg in ["RSA1_5", "RSA-OAEP", "dir", "A128KW", "PBES2-HS256+A128KW", "ECDH-ES+A128KW", "none", ""]
        {
            assert!(alg.parse::<KeyManagement>().is_err(), "{alg}");
        }
        for enc in ["A128CBC-HS256", "A192GCM", "a128gcm", ""] {
            assert!(enc.parse::<ContentEncryption>().is_err(), "{enc}");
        }
    }
}
