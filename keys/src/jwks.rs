//! The published JWK Set (RFC 7517 §5).

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::{KeyError, SigningKey};

/// The members a published key may have (RFC 7517 §4, RFC 7518 §6.2.1, §6.3.1; RFC 8037 §2).
const PUBLIC_MEMBERS: [&str; 9] = ["kty", "alg", "use", "kid", "crv", "x", "y", "n", "e"];

/// Something with a JWK to publish.
pub trait PublishedKey {
    /// The JWK; only its public members are published.
    fn jwk(&self) -> &Value;
}

impl PublishedKey for SigningKey {
    fn jwk(&self) -> &Value {
        self.public_jwk()
    }
}

impl PublishedKey for Value {
    fn jwk(&self) -> &Value {
        self
    }
}

impl<T: PublishedKey + ?Sized> PublishedKey for std::sync::Arc<T> {
    fn jwk(&self) -> &Value {
        (**self).jwk()
    }
}

/// The JWK Set document: each key once, in the given order, public members only.
///
/// The order is the caller's ([`published`](crate::ring::published) gives the active key first, for the sake of clients
/// that look no further), and equal input yields equal bytes. A key that is not RSA, EC or OKP is left out.
///
/// # Errors
/// [`KeyError::Crypto`] when the document cannot be serialized.
pub fn document<'a, K: PublishedKey + 'a>(
    keys: impl IntoIterator<Item = &'a K>,
) -> Result<Vec<u8>, KeyError> {
    let mut seen = HashSet::new();
    let published: Vec<Value> = keys
        .into_iter()
        .filter_map(|key| public_part(key.jwk()))
        .filter(|jwk| jwk.get("kid").and_then(Value::as_str).is_none_or(|kid| seen.insert(kid.to_owned())))
        .collect();
    serde_json::to_vec(&json!({ "keys": published })).map_err(KeyError::crypto)
}

fn public_part(jwk: &Value) -> Option<Value> {
    let kty = jwk.get("kty")?.as_str()?;
    if !["RSA", "EC", "OKP"].contains(&kty) {
        return None;
    }
    let members: Map<String, Value> =
        PUBLIC_MEMBERS.iter().filter_map(|name| Some(((*name).to_owned(), jwk.get(name)?.clone()))).collect();
    Some(Value::Object(members))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Algorithm, key::PRIVATE_MEMBERS};

    fn read(document: &[u8]) -> Vec<Value> {
        serde_json::from_slice::<Value>(document).unwrap()["keys"].as_array().unwrap().clone()
    }

    #[test]
    fn sec_v5_private_members_never_appear() {
        let mut jwks = Vec::new();
        for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
            let key = SigningKey::generate(algorithm).unwrap();
            jwks.push(serde_json::from_str::<Value>(&key.private_jwk()).unwrap());
        }
        jwks.push(json!({"kty": "oct", "kid": "s", "k": "AAAA"}));
        let published = read(&document(&jwks).unwrap());
        assert_eq!(published.len(), 3);
        for jwk in &published {
            assert!(PRIVATE_MEMBERS.iter().all(|name| jwk.get(name).is_none()), "{jwk}");
            assert!(["alg", "use", "kid"].iter().all(|name| jwk.get(name).is_some()), "{jwk}");
        }
    }

    #[test]
    fn sec_v5_a_kid_appears_once_and_the_order_is_kept() {
        let keys: Vec<_> = (0..3).map(|_| SigningKey::generate(Algorithm::Es256).unwrap()).collect();
        let twice = document(keys.iter().chain(&keys)).unwrap();
        assert_eq!(twice, document(&keys).unwrap());
        let kids: Vec<_> = read(&twice).iter().map(|jwk| jwk["kid"].as_str().unwrap().to_owned()).collect();
        assert_eq!(kids, keys.iter().map(SigningKey::kid).collect::<Vec<_>>());
    }

    #[test]
    fn an_empty_ring_is_an_empty_set() {
        assert_eq!(document::<Value>([]).unwrap(), br#"{"keys":[]}"#);
    }
}
