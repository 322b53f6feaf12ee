//! Public keys: what makes a JWK acceptable (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2).
//!
//! A key is reduced to the members its type requires before anything else sees it, so no other member
//! (`x5c`, `x5u`, `key_ops` …) can influence how it is used.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use josekit::{
    jwk::Jwk,
    jws::{ES256, ES384, ES512, EdDSA, JwsVerifier, PS256, PS384, PS512, RS256, RS384, RS512},
};
use serde_json::{Map, Value};

use crate::{Algorithm, KeyError, KeyType};

/// The longest `kid` that is read, in bytes.
pub const MAX_KID_LEN: usize = 255;

/// The RSA modulus sizes that are accepted, in bits (RFC 7518 §3.3; the upper bound limits the work of a verification).
pub const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The members that only private and symmetric keys have (RFC 7518 §6.2.2, §6.3.2, §6.4; RFC 8037 §2).
pub(crate) const PRIVATE_MEMBERS: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/// A public key reduced to the members its type requires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicKey {
    key_type: KeyType,
    members: Map<String, Value>,
}

/// A public key as its owner describes it.
#[derive(Debug, Clone)]
pub(crate) struct PublicJwk {
    pub(crate) key: PublicKey,
    pub(crate) kid: Option<String>,
    pub(crate) alg: Option<Algorithm>,
}

impl PublicJwk {
    /// Reads a JWK that may verify signatures.
    pub(crate) fn parse(jwk: &Value) -> Result<Self, KeyError> {
        let members = jwk.as_object().ok_or(KeyError::UnusableKey("not an object"))?;
        refuse_private(members)?;
        // RFC 7517 §4.2, §4.3: a key for something else does not verify signatures.
        match members.get("use") {
            None => {}
            Some(Value::String(purpose)) if purpose == "sig" => {}
            Some(_) => return Err(KeyError::UnusableKey("use is not sig")),
        }
        match members.get("key_ops") {
            None => {}
            Some(Value::Array(operations)) if operations.iter().any(|operation| operation == "verify") => {}
            Some(_) => return Err(KeyError::UnusableKey("key_ops has no verify")),
        }
        let kid = match members.get("kid") {
            None => None,
            Some(Value::String(kid)) if kid.len() <= MAX_KID_LEN => Some(kid.clone()),
            Some(_) => return Err(KeyError::UnusableKey("kid is not a short string")),
        };
        let key = PublicKey::from_members(members)?;
        let alg = match members.get("alg") {
            None => None,
            Some(Value::String(alg)) => Some(alg.parse::<Algorithm>()?),
            Some(_) => return Err(KeyError::UnusableKey("alg is not a string")),
        };
        if alg.is_some_and(|alg| alg.key_type() != key.key_type) {
            return Err(KeyError::UnusableKey("alg does not go with kty and crv"));
        }
        Ok(Self { key, kid, alg })
    }
}

/// Refuses a JWK with private or symmetric members.
pub(crate) fn refuse_private(members: &Map<String, Value>) -> Result<(), KeyError> {
    let symmetric = members.get("kty").is_some_and(|kty| kty == "oct");
    if symmetric || PRIVATE_MEMBERS.iter().any(|name| members.contains_key(*name)) {
        return Err(KeyError::PrivateMember);
    }
    Ok(())
}

impl PublicKey {
    /// Takes the members that the key type requires, checked for size.
    pub(crate) fn from_members(members: &Map<String, Value>) -> Result<Self, KeyError> {
        let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default();
        match (text("kty"), text("crv")) {
            ("RSA", _) => Self::rsa(text("n"), text("e")),
            ("EC", "P-256") => Self::curve(KeyType::P256, &[("x", text("x")), ("y", text("y"))], 32),
            ("EC", "P-384") => Self::curve(KeyType::P384, &[("x", text("x")), ("y", text("y"))], 48),
            ("EC", "P-521") => Self::curve(KeyType::P521, &[("x", text("x")), ("y", text("y"))], 66),
            ("OKP", "Ed25519") => Self::curve(KeyType::Ed25519, &[("x", text("x"))], 32),
            _ => Err(KeyError::UnusableKey("kty or crv is not supported")),
        }
    }

    fn rsa(n: &str, e: &str) -> Result<Self, KeyError> {
        let (n, e) = (unsigned(n)?, unsigned(e)?);
        if !RSA_BITS.contains(&bit_length(&n)) {
            return Err(KeyError::UnusableKey("the RSA modulus is too short or too long"));
        }
        // An exponent of 1 or an even one verifies forgeries; one past 64 bits only costs time.
        let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
        if !odd(&n) || !odd(&e) || e == [1] || e.len() > 8 {
            return Err(KeyError::UnusableKey("the RSA modulus or exponent is not acceptable"));
        }
        let mut members = Map::new();
        members.insert("kty".into(), "RSA".into());
        members.insert("n".into(), URL_SAFE_NO_PAD.encode(n).into());
        members.insert("e".into(), URL_SAFE_NO_PAD.encode(e).into());
        Ok(Self { key_type: KeyType::Rsa, members })
    }

    fn curve(key_type: KeyType, coordinates: &[(&str, &str)], len: usize) -> Result<Self, KeyError> {
        let mut members = Map::new();
        members.insert("kty".into(), key_type.kty().into());
        members.insert("crv".into(), key_type.crv().into());
        for (name, coordinate) in coordinates {
            // RFC 7518 §6.2.1.2: the full size of a coordinate, leading zeros included.
            if base64url(coordinate)?.len() != len {
                return Err(KeyError::UnusableKey("a coordinate does not have the curve's size"));
            }
            members.insert((*name).into(), (*coordinate).into());
        }
        Ok(Self { key_type, members })
    }

    pub(crate) fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// The required members, `kty` first.
    pub(crate) fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// Builds the verifier that is then reused; it checks that a point lies on its curve.
    pub(crate) fn verifier(&self, algorithm: Algorithm) -> Result<Box<dyn JwsVerifier>, KeyError> {
        if algorithm.key_type() != self.key_type {
            return Err(KeyError::UnusableKey("alg does not go with kty and crv"));
        }
        let unusable = |_| KeyError::UnusableKey("the key is not valid");
        let jwk = Jwk::from_map(self.members.clone()).map_err(unusable)?;
        Ok(match algorithm {
            Algorithm::Rs256 => Box::new(RS256.verifier_from_jwk(&jwk).map_err(unusable)?),
            Algorithm::Rs384 => Box::new(RS384.verifier_from_jwk(&jwk).map_err(unusable)?),
            Algorithm::Rs512 => Box::new(RS512.verifier_from_jwk(&jwk).map_err(unusable)?),
            Algorithm::Ps256 => Box::new(PS256.verifier_from_jwk(&jwk).map_err(unusable)?),
            Algorithm::Ps384 => Box::new(PS384.verifier_from_jwk(&jwk).map_err(unusable)?),
            Algorithm::Ps512 => Box::new(PS512.verifier_from_jwk(&jwk).map_err(unusable)?),
            Algorithm::Es256 => Box::new(ES256.verifier_from_jwk(&jwk).map_err(unusable)?),
            Algorithm::Es384 => Box::new(ES384.verifier_from_jwk(&jwk).map_err(unusable)?),
            Algorithm::Es512 => Box::new(ES512.verifier_from_jwk(&jwk).map_err(unusable)?),
            Algorithm::EdDsa => Box::new(EdDSA.verifier_from_jwk(&jwk).map_err(unusable)?),
        })
    }
}

/// Strict base64url: no padding, no white space, no stray bits (RFC 7515 §2).
pub(crate) fn base64url(text: &str) -> Result<Vec<u8>, KeyError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyError::Malformed("base64url"))
}

/// A Base64urlUInt (RFC 7518 §2) without leading zeros.
fn unsigned(text: &str) -> Result<Vec<u8>, KeyError> {
    let mut bytes = base64url(text)?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.drain(..zeros);
    Ok(bytes)
}

fn bit_length(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SigningKey;
    use serde_json::json;

    fn public(algorithm: Algorithm) -> Value {
        SigningKey::generate(algorithm).unwrap().public_jwk().clone()
    }

    fn with(jwk: &Value, name: &str, value: Value) -> Value {
        let mut jwk = jwk.clone();
        jwk[name] = value;
        jwk
    }

    #[test]
    fn sec_v5_private_and_symmetric_members_are_refused() {
        let jwk = public(Algorithm::Es256);
        for name in PRIVATE_MEMBERS {
            assert_eq!(
                PublicJwk::parse(&with(&jwk, name, json!("AQ"))).unwrap_err(),
                KeyError::PrivateMember
            );
        }
        let symmetric = json!({"kty": "oct"});
        assert_eq!(PublicJwk::parse(&symmetric).unwrap_err(), KeyError::PrivateMember);
    }

    #[test]
    fn rsa_sizes_and_exponents_are_bounded() {
        let bytes = |len: usize, last: u8| {
            let mut bytes = vec![0xc3; len];
            bytes[len - 1] = last;
            URL_SAFE_NO_PAD.encode(bytes)
        };
        let parse = |n: String, e: &str| PublicJwk::parse(&json!({"kty": "RSA", "n": n, "e": e}));
        assert!(parse(bytes(256, 1), "AQAB").is_ok());
        assert!(parse(bytes(1024, 1), "AQAB").is_ok());
        assert!(parse(bytes(128, 1), "AQAB").is_err(), "1024 bits");
        assert!(parse(bytes(1025, 1), "AQAB").is_err(), "8200 bits");
        assert!(parse(bytes(256, 2), "AQAB").is_err(), "an even modulus");
        for e in ["AQ", "Ag", "", "AA", "AQAAAAAAAAAB", "AQAB=", "*"] {
            assert!(parse(bytes(256, 1), e).is_err(), "exponent {e}");
        }
    }

    #[test]
    fn a_point_off_its_curve_is_refused() {
        let jwk = public(Algorithm::Es256);
        let off = with(&jwk, "y", json!(URL_SAFE_NO_PAD.encode([5; 32])));
        assert!(PublicJwk::parse(&off).unwrap().key.verifier(Algorithm::Es256).is_err());
        let short = with(&jwk, "y", json!(URL_SAFE_NO_PAD.encode([5; 31])));
        assert!(PublicJwk::parse(&short).is_err());
    }

    #[test]
    fn a_key_for_another_purpose_is_refused() {
        let jwk = public(Algorithm::Es256);
        assert!(PublicJwk::parse(&jwk).is_ok());
        assert!(PublicJwk::parse(&with(&jwk, "key_ops", json!(["verify"]))).is_ok());
        for (name, value) in [
            ("use", json!("enc")),
            ("use", json!(1)),
            ("key_ops", json!(["encrypt"])),
            ("key_ops", json!("verify")),
            ("alg", json!("ES384")),
            ("alg", json!("none")),
            ("alg", json!(["ES256"])),
            ("kid", json!(["a"])),
            ("kid", json!("k".repeat(256))),
            ("crv", json!("secp256k1")),
            ("kty", json!("OKP")),
        ] {
            assert!(PublicJwk::parse(&with(&jwk, name, value.clone())).is_err(), "{name}={value}");
        }
    }
}
