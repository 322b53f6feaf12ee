//! The registered keys of a client: which of them may have signed a token, and which is encrypted to (RFC 7517 §5, RFC 7591
//! §2 `jwks`).

use std::sync::{Arc, OnceLock};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    Algorithm, ContentEncryption, KeyError, KeyManagement, KeyType, Recipient, VerifyingKey,
    encrypt::EncryptionKey,
    key::{PublicJwk, PublicKey},
    thumbprint,
};

/// The most keys that one set may hold.
pub const MAX_KEYS: usize = 64;

/// The usable keys of a client's JWK Set; each verifier is built on first use and then reused.
#[derive(Debug)]
pub struct ClientKeys {
    signing: Vec<ClientKey>,
    encryption: Vec<EncryptionKey>,
    certificates: Vec<Registered>,
}

/// What a JWK says about the certificate of its owner.
#[derive(Debug, PartialEq, Eq)]
enum Registered {
    /// The SHA-256 thumbprint of the certificate itself (`x5c`, `x5t#S256`; RFC 7517 §4.7, §4.9).
    Certificate(String),
    /// The thumbprint of its key (RFC 7638).
    Key(String),
}

#[derive(Debug)]
struct ClientKey {
    kid: Option<String>,
    key: PublicKey,
    verifiers: Vec<(Algorithm, OnceLock<Arc<VerifyingKey>>)>,
}

impl ClientKeys {
    /// Reads a JWK Set and keeps what can verify or be encrypted to: RSA of 2048–8192 bits, P-256, P-384, P-521 and, to
    /// verify, Ed25519. Other public keys are passed over (RFC 7517 §5).
    ///
    /// # Errors
    /// [`KeyError::Malformed`] when it is not a JWK Set or holds too many keys, [`KeyError::PrivateMember`] when any
    /// key has private or symmetric members.
    pub fn parse(jwks: &Value) -> Result<Self, KeyError> {
        let keys = jwks
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(KeyError::Malformed("a JWK Set has an array keys"))?;
        if keys.len() > MAX_KEYS {
            return Err(KeyError::Malformed("the JWK Set has too many keys"));
        }
        let (mut signing, mut encryption) = (Vec::new(), Vec::new());
        for jwk in keys {
            match PublicJwk::parse(jwk).and_then(ClientKey::new) {
                Ok(key) => signing.push(key),
                Err(KeyError::PrivateMember) => return Err(KeyError::PrivateMember),
                Err(_) => {}
            }
            encryption.extend(EncryptionKey::parse(jwk));
        }
        Ok(Self { signing, encryption, certificates: keys.iter().filter_map(Registered::of).collect() })
    }

    /// Whether a certificate is registered: itself by its SHA-256 thumbprint, or its key by the key's (RFC 8705 §2.2).
    pub fn has_certificate(&self, x5t_s256: &str, key: Option<&str>) -> bool {
        self.certificates.iter().any(|registered| match registered {
            Registered::Certificate(known) => known == x5t_s256,
            Registered::Key(known) => key == Some(known.as_str()),
        })
    }

    /// Whether no key verifies.
    pub fn is_empty(&self) -> bool {
        self.signing.is_empty()
    }

    /// How many keys verify.
    pub fn len(&self) -> usize {
        self.signing.len()
    }

    /// Who is encrypted to by these algorithms: the holder of the first key that is for them (OpenID Connect Core §10.2).
    pub fn recipient(&self, alg: KeyManagement, enc: ContentEncryption) -> Option<Recipient> {
        self.encryption.iter().find_map(|key| key.recipient(alg, enc))
    }

    /// The keys that may have signed a token with this `kid`, bound to the algorithm the client registered.
    ///
    /// A `kid` means the keys of that name or, when there is none, those without a name. A token without `kid` is
    /// matched only by a single fitting key (OpenID Connect Core §10.1).
    pub fn select(&self, kid: Option<&str>, algorithm: Algorithm) -> Vec<Arc<VerifyingKey>> {
        let fitting: Vec<_> = self
            .signing
            .iter()
            .filter_map(|key| Some((key.kid.as_deref(), key.verifier(algorithm)?)))
            .collect();
        let with_kid = |wanted: Option<&str>| -> Vec<_> {
            fitting.iter().filter(|(kid, _)| *kid == wanted).map(|(_, key)| Arc::clone(key)).collect()
        };
        match kid {
            Some(_) => {
                let named = with_kid(kid);
                if named.is_empty() { with_kid(None) } else { named }
            }
            None => match fitting.as_slice() {
                [(_, key)] => vec![Arc::clone(key)],
                _ => Vec::new(),
            },
        }
    }
}

impl Registered {
    /// The certificate that a JWK comes with, or else its key: one that names a certificate stands for no other.
    fn of(jwk: &Value) -> Option<Self> {
        if let Some(chain) = jwk.get("x5c") {
            let der = STANDARD.decode(chain.get(0)?.as_str()?).ok()?;
            return Some(Self::Certificate(URL_SAFE_NO_PAD.encode(Sha256::digest(der))));
        }
        if let Some(x5t) = jwk.get("x5t#S256") {
            return Some(Self::Certificate(x5t.as_str()?.to_owned()));
        }
        thumbprint(jwk).ok().map(Self::Key)
    }
}

impl ClientKey {
    fn new(jwk: PublicJwk) -> Result<Self, KeyError> {
        let PublicJwk { key, kid, alg } = jwk;
        let verifiers = Algorithm::ALL
            .into_iter()
            .filter(|algorithm| alg.map_or(algorithm.key_type() == key.key_type(), |alg| alg == *algorithm))
            .map(|algorithm| (algorithm, OnceLock::new()))
            .collect();
        let this = Self { kid, key, verifiers };
        // Building one verifier now shows whether the key is valid at all.
        let first = alg.unwrap_or_else(|| default_algorithm(this.key.key_type()));
        this.verifier(first).ok_or(KeyError::UnusableKey("the key is not valid"))?;
        Ok(this)
    }

    fn verifier(&self, algorithm: Algorithm) -> Option<Arc<VerifyingKey>> {
        let (_, cell) = self.verifiers.iter().find(|(known, _)| *known == algorithm)?;
        if let Some(key) = cell.get() {
            return Some(Arc::clone(key));
        }
        let key = Arc::new(VerifyingKey::bind(&self.key, self.kid.clone(), algorithm).ok()?);
        Some(Arc::clone(cell.get_or_init(|| key)))
    }
}

fn default_algorithm(key_type: KeyType) -> Algorithm {
    match key_type {
        KeyType::Rsa => Algorithm::Rs256,
        KeyType::P256 => Algorithm::Es256,
        KeyType::P384 => Algorithm::Es384,
        KeyType::P521 => Algorithm::Es512,
        KeyType::Ed25519 => Algorithm::EdDsa,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, SigningKey, parse};
    use serde_json::json;

    fn public(key: &SigningKey, without: &[&str]) -> Value {
        let mut jwk = key.public_jwk().clone();
        for name in without {
            jwk.as_object_mut().unwrap().shift_remove(*name);
        }
        jwk
    }

    fn keys(jwks: &[Value]) -> ClientKeys {
        ClientKeys::parse(&json!({ "keys": jwks })).unwrap()
    }

    fn verifies(keys: &ClientKeys, key: &SigningKey, kid: Option<&str>) -> bool {
        let token = parse(&key.sign_jwt(None, &json!({})).unwrap(), &Limits::default()).unwrap();
        keys.select(kid, key.algorithm()).iter().any(|candidate| candidate.verify(&token).is_ok())
    }

    #[test]
    fn a_key_is_selected_by_its_kid() {
        let (a, b) = (
            SigningKey::generate(Algorithm::Es256).unwrap(),
            SigningKey::generate(Algorithm::Es256).unwrap(),
        );
        let set = keys(&[public(&a, &[]), public(&b, &[])]);
        assert_eq!(set.len(), 2);
        assert!(verifies(&set, &a, Some(a.kid())) && verifies(&set, &b, Some(b.kid())));
        assert!(!verifies(&set, &a, Some(b.kid())));
        assert!(set.select(Some("unknown"), Algorithm::Es256).is_empty());
    }

    #[test]
    fn a_token_without_kid_matches_a_single_fitting_key_only() {
        let (a, b) = (
            SigningKey::generate(Algorithm::Es256).unwrap(),
            SigningKey::generate(Algorithm::Es256).unwrap(),
        );
        let ed = SigningKey::generate(Algorithm::EdDsa).unwrap();
        assert!(verifies(&keys(&[public(&a, &[]), public(&ed, &[])]), &a, None));
        assert!(!verifies(&keys(&[public(&a, &[]), public(&b, &[])]), &a, None));
    }

    #[test]
    fn a_key_without_kid_is_selected_by_kind_alg_and_use() {
        let key = SigningKey::generate(Algorithm::Rs256).unwrap();
        let set = keys(&[public(&key, &["kid", "alg", "use"])]);
        assert!(verifies(&set, &key, Some("whatever")) && verifies(&set, &key, None));
        assert_eq!(set.select(None, Algorithm::Ps512).len(), 1);
        assert!(set.select(None, Algorithm::Es256).is_empty());
        let bound = keys(&[public(&key, &["kid"])]);
        assert!(bound.select(None, Algorithm::Ps256).is_empty(), "alg binds the key");
        assert!(Arc::ptr_eq(&set.select(None, Algorithm::Rs256)[0], &set.select(None, Algorithm::Rs256)[0]));
    }

    #[test]
    fn sec_v5_private_and_symmetric_keys_refuse_the_whole_set() {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let private: Value = serde_json::from_str(&key.private_jwk()).unwrap();
        for bad in [private, json!({"kty": "oct", "k": "AAAA"}), json!({"kty": "new", "d": "AAAA"})] {
            let set = json!({"keys": [key.public_jwk(), bad]});
            assert_eq!(ClientKeys::parse(&set).unwrap_err(), KeyError::PrivateMember);
        }
    }

    #[test]
    fn unusable_public_keys_are_passed_over() {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let mut encryption = public(&key, &[]);
        encryption["use"] = json!("enc");
        let mut off_curve = public(&key, &[]);
        off_curve["x"] = json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE");
        let set = keys(&[
            encryption,
            off_curve,
            json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}),
            json!({"kty": "AKP", "pub": "AA"}),
            json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}),
            json!("text"),
        ]);
        assert!(set.is_empty());
    }

    #[test]
    fn what_is_not_a_key_set_is_refused() {
        for set in [json!({}), json!([]), json!({"keys": {}}), json!({"keys": vec![json!({}); MAX_KEYS + 1]})]
        {
            assert!(ClientKeys::parse(&set).is_err());
        }
    }

    /// RFC 8705 §2.2, RFC 7517 §4.7.
    #[test]
    fn a_certificate_is_registered_by_itself_or_by_its_key() {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let jkt = thumbprint(key.public_jwk()).unwrap();
        let x5t = URL_SAFE_NO_PAD.encode(Sha256::digest(b"certificate"));
        let with = |name: &str, value: Value| {
            let mut jwk = public(&key, &[]);
            jwk[name] = value;
            keys(&[jwk])
        };
        let by_itself =
            [with("x5c", json!([STANDARD.encode("certificate")])), with("x5t#S256", json!(x5t.clone()))];
        for set in by_itself {
            assert!(set.has_certificate(&x5t, None));
            assert!(!set.has_certificate("another", Some(&jkt)), "another certificate of the same key");
        }
        let by_key = keys(&[public(&key, &[])]);
        assert!(by_key.has_certificate("any", Some(&jkt)));
        assert!(!by_key.has_certificate("any", None) && !by_key.has_certificate("any", Some("another")));
        for broken in [json!([]), json!("x"), json!(["%"]), json!([1])] {
            assert!(!with("x5c", broken).has_certificate(&x5t, Some(&jkt)));
        }
    }
}
