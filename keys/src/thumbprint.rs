//! The JWK thumbprint, which is the `kid` of every key made here (RFC 7638).

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::KeyError;

/// The base64url of the SHA-256 thumbprint of a public or private RSA, EC or OKP key (RFC 7638 §3, RFC 8037 §2).
///
/// # Errors
/// [`KeyError::UnusableKey`] when a required member is absent or not text, or the key type is another.
pub fn thumbprint(jwk: &Value) -> Result<String, KeyError> {
    let kty = jwk.get("kty").and_then(Value::as_str).unwrap_or_default();
    // RFC 7638 §3.2, RFC 8037 §2: the required members of each key type.
    let names: &[&str] = match kty {
        "RSA" => &["e", "kty", "n"],
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        _ => return Err(KeyError::UnusableKey("kty has no thumbprint")),
    };
    // RFC 7638 §3.3: required members only, in lexicographic order, no white space.
    let required = names
        .iter()
        .map(|name| Some((*name, jwk.get(name)?.as_str()?)))
        .collect::<Option<BTreeMap<_, _>>>()
        .ok_or(KeyError::UnusableKey("a required member is absent"))?;
    let canonical = serde_json::to_vec(&required).map_err(KeyError::crypto)?;
    Ok(URL_SAFE_NO_PAD.encode(Sha256::digest(canonical)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// RFC 7638 §3.1.
    #[test]
    fn the_thumbprint_of_the_rfcs_own_key() {
        let jwk = json!({
            "kty": "RSA",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
            "e": "AQAB",
            "alg": "RS256",
            "kid": "2011-04-29"
        });
        assert_eq!(thumbprint(&jwk).unwrap(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    /// RFC 8037 §A.3.
    #[test]
    fn the_thumbprint_of_an_ed25519_key() {
        let jwk = json!({
            "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
        });
        assert_eq!(thumbprint(&jwk).unwrap(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_key_without_its_required_members_has_no_thumbprint() {
        for jwk in [
            json!({"kty": "RSA", "n": "AQAB"}),
            json!({"kty": "EC", "crv": "P-256", "x": 1, "y": "a"}),
            json!({"kty": "oct", "k": "a"}),
            json!({}),
            json!("RSA"),
        ] {
            assert!(thumbprint(&jwk).is_err(), "{jwk}");
        }
    }
}
