//! Signing keys, and the JWTs they sign in compact serialization (RFC 7515 §7.1, RFC 7519 §7.1).
//!
//! A key is parsed once. Signing then serializes the claims, appends base64url to one string and asks the
//! reused signer: the protected headers in use are encoded when the key is built.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use josekit::{
    jwk::{
        Jwk,
        alg::{ec::EcCurve, ed::EdCurve},
    },
    jws::{ES256, ES384, ES512, EdDSA, JwsSigner, PS256, PS384, PS512, RS256, RS384, RS512},
};
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Sha256, Sha384, Sha512};
use zeroize::{Zeroize, Zeroizing};

use crate::{
    Algorithm, Claims, KeyError, KeyType, MacAlgorithm, UnverifiedToken, json, key::PublicKey, thumbprint,
};

/// The modulus size of the RSA keys made here, in bits.
const RSA_GENERATED_BITS: u32 = 2048;

/// The `typ` values whose headers are encoded in advance (RFC 7519 §5.1, RFC 9068 §2.1, OpenID Connect Back-Channel
/// Logout §2.4, RFC 9701 §5).
const PREPARED_TYPES: [&str; 4] = ["JWT", "at+jwt", "logout+jwt", "token-introspection+jwt"];

/// A private signing key, bound to one algorithm.
pub struct SigningKey {
    algorithm: Algorithm,
    kid: String,
    public: Value,
    private: Zeroizing<String>,
    signer: Box<dyn JwsSigner>,
    headers: Headers,
}

impl SigningKey {
    /// Makes a fresh key; RSA keys have 2048 bits and take a noticeable moment.
    ///
    /// # Errors
    /// [`KeyError::Crypto`] when the library cannot make one.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let jwk = match algorithm.key_type() {
            KeyType::Rsa => Jwk::generate_rsa_key(RSA_GENERATED_BITS),
            KeyType::P256 => Jwk::generate_ec_key(EcCurve::P256),
            KeyType::P384 => Jwk::generate_ec_key(EcCurve::P384),
            KeyType::P521 => Jwk::generate_ec_key(EcCurve::P521),
            KeyType::Ed25519 => Jwk::generate_ed_key(EdCurve::Ed25519),
        }
        .map_err(KeyError::crypto)?;
        Self::assemble(algorithm, &PrivateMembers(jwk.into()))
    }

    /// Reads back what [`Self::private_jwk`] gave: a private JWK with its `alg` (RFC 7517 §4.4).
    ///
    /// # Errors
    /// [`KeyError::Malformed`] or [`KeyError::UnusableKey`] when it is not a whole private key of a supported kind whose
    /// `kid`, if present, is its thumbprint.
    pub fn from_private_jwk(jwk: &str) -> Result<Self, KeyError> {
        let members = PrivateMembers(json::object(jwk.as_bytes(), 4)?);
        let algorithm = members.text("alg").ok_or(KeyError::UnusableKey("alg is absent"))?.parse()?;
        Self::assemble(algorithm, &members)
    }

    fn assemble(algorithm: Algorithm, given: &PrivateMembers) -> Result<Self, KeyError> {
        let key = PublicKey::from_members(&given.0)?;
        // Also checks that the key type goes with the algorithm.
        let verifier = key.verifier(algorithm)?;
        let kid = thumbprint(&Value::Object(key.members().clone()))?;
        if given.0.get("kid").is_some_and(|given| *given != kid) {
            return Err(KeyError::UnusableKey("kid is not the thumbprint"));
        }

        let mut public = key.members().clone();
        for (name, value) in [("alg", algorithm.as_str()), ("use", "sig"), ("kid", &kid)] {
            public.insert(name.into(), value.into());
        }
        let mut private = PrivateMembers(public.clone());
        let names: &[&str] = match key.key_type() {
            KeyType::Rsa => &["d", "p", "q", "dp", "dq", "qi"],
            KeyType::P256 | KeyType::P384 | KeyType::P521 | KeyType::Ed25519 => &["d"],
        };
        for name in names {
            let value = given.text(name).ok_or(KeyError::UnusableKey("a private member is absent"))?;
            private.0.insert((*name).into(), value.into());
        }
        let text = private.to_json()?;
        let signer = private.signer(algorithm)?;

        // A private part that does not belong to the public part would sign what nobody can verify.
        let probe = signer.sign(kid.as_bytes()).map_err(|_| KeyError::UnusableKey("it does not sign"))?;
        verifier
            .verify(kid.as_bytes(), &probe)
            .map_err(|_| KeyError::UnusableKey("the private part does not belong to the public part"))?;

        let headers = Headers::prepare(algorithm.as_str(), Some(&kid))?;
        Ok(Self { algorithm, kid, public: Value::Object(public), private: text, signer, headers })
    }

    /// The private JWK as JSON, to be sealed.
    pub fn private_jwk(&self) -> Zeroizing<String> {
        self.private.clone()
    }

    /// The public JWK with `alg`, `use` and `kid` (RFC 7517 §4).
    pub fn public_jwk(&self) -> &Value {
        &self.public
    }

    /// The key identifier: the RFC 7638 thumbprint.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The one algorithm this key signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Signs the claims; the header is `alg`, `kid` and, when given, `typ` (RFC 7515 §4.1).
    ///
    /// # Errors
    /// [`KeyError::ClaimsNotAnObject`] when the claims do not serialize to a JSON object, [`KeyError::Crypto`] when the
    /// library does not sign.
    pub fn sign_jwt<T: Serialize + ?Sized>(&self, typ: Option<&str>, claims: &T) -> Result<String, KeyError> {
        let mut token = self.headers.begin(typ, claims, self.signer.signature_len())?;
        let signature = self.signer.sign(token.as_bytes()).map_err(KeyError::crypto)?;
        append(&mut token, &signature);
        Ok(token)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// A shared secret for HMAC, bound to one algorithm: `client_secret_jwt` and the like (OpenID Connect Core §9).
pub struct MacKey {
    algorithm: MacAlgorithm,
    secret: Zeroizing<Vec<u8>>,
    headers: Headers,
}

impl MacKey {
    /// Takes a secret of at least the digest's size (RFC 7518 §3.2, OpenID Connect Core §16.19).
    ///
    /// # Errors
    /// [`KeyError::UnusableKey`] when the secret is shorter.
    pub fn new(algorithm: MacAlgorithm, secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() < algorithm.min_key_len() {
            return Err(KeyError::UnusableKey("the secret is shorter than the digest"));
        }
        let headers = Headers::prepare(algorithm.as_str(), None)?;
        Ok(Self { algorithm, secret: Zeroizing::new(secret.to_vec()), headers })
    }

    /// The one algorithm this key is for.
    pub fn algorithm(&self) -> MacAlgorithm {
        self.algorithm
    }

    /// Signs the claims; the header is `alg` and, when given, `typ`.
    ///
    /// # Errors
    /// [`KeyError::ClaimsNotAnObject`] when the claims do not serialize to a JSON object.
    pub fn sign_jwt<T: Serialize + ?Sized>(&self, typ: Option<&str>, claims: &T) -> Result<String, KeyError> {
        let mut token = self.headers.begin(typ, claims, self.algorithm.min_key_len())?;
        let tag = match self.algorithm {
            MacAlgorithm::Hs256 => {
                self.mac::<Hmac<Sha256>>(token.as_bytes())?.finalize().into_bytes().to_vec()
            }
            MacAlgorithm::Hs384 => {
                self.mac::<Hmac<Sha384>>(token.as_bytes())?.finalize().into_bytes().to_vec()
            }
            MacAlgorithm::Hs512 => {
                self.mac::<Hmac<Sha512>>(token.as_bytes())?.finalize().into_bytes().to_vec()
            }
        };
        append(&mut token, &tag);
        Ok(token)
    }

    /// Proves that the holder of this secret made the token, in constant time.
    ///
    /// # Errors
    /// [`KeyError::AlgorithmMismatch`] when the token names another algorithm, [`KeyError::Signature`] when the tag differs.
    pub fn verify(&self, token: &UnverifiedToken) -> Result<Claims, KeyError> {
        // RFC 8725 §3.1: the key decides the algorithm, never the token.
        if token.header().alg() != self.algorithm.as_str() {
            return Err(KeyError::AlgorithmMismatch);
        }
        let (input, tag) = (token.signing_input(), token.signature());
        match self.algorithm {
            MacAlgorithm::Hs256 => self.mac::<Hmac<Sha256>>(input)?.verify_slice(tag),
            MacAlgorithm::Hs384 => self.mac::<Hmac<Sha384>>(input)?.verify_slice(tag),
            MacAlgorithm::Hs512 => self.mac::<Hmac<Sha512>>(input)?.verify_slice(tag),
        }
        .map_err(|_| KeyError::Signature)?;
        Ok(Claims::proven(token))
    }

    fn mac<M: Mac + KeyInit>(&self, input: &[u8]) -> Result<M, KeyError> {
        let mut mac = <M as KeyInit>::new_from_slice(&self.secret).map_err(KeyError::crypto)?;
        mac.update(input);
        Ok(mac)
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MacKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// The encoded protected headers of one key.
struct Headers {
    alg: &'static str,
    kid: Option<String>,
    untyped: String,
    typed: Vec<(&'static str, String)>,
}

impl Headers {
    fn prepare(alg: &'static str, kid: Option<&str>) -> Result<Self, KeyError> {
        let typed = PREPARED_TYPES
            .into_iter()
            .map(|typ| Ok((typ, encode_header(alg, kid, Some(typ))?)))
            .collect::<Result<_, KeyError>>()?;
        Ok(Self { alg, kid: kid.map(str::to_owned), untyped: encode_header(alg, kid, None)?, typed })
    }

    /// The signing input (RFC 7515 §5.1), in a string with room for the signature.
    fn begin<T: Serialize + ?Sized>(
        &self,
        typ: Option<&str>,
        claims: &T,
        signature_len: usize,
    ) -> Result<String, KeyError> {
        let rare;
        let header = match typ {
            None => &self.untyped,
            Some(typ) => match self.typed.iter().find(|(prepared, _)| *prepared == typ) {
                Some((_, header)) => header,
                None => {
                    rare = encode_header(self.alg, self.kid.as_deref(), Some(typ))?;
                    &rare
                }
            },
        };
        let payload = serde_json::to_vec(claims).map_err(|_| KeyError::ClaimsNotAnObject)?;
        if payload.first() != Some(&b'{') {
            return Err(KeyError::ClaimsNotAnObject);
        }
        let encoded_len = |len: usize| len.div_ceil(3) * 4;
        let mut token =
            String::with_capacity(header.len() + 2 + encoded_len(payload.len()) + encoded_len(signature_len));
        token.push_str(header);
        append(&mut token, &payload);
        Ok(token)
    }
}

fn encode_header(alg: &str, kid: Option<&str>, typ: Option<&str>) -> Result<String, KeyError> {
    #[derive(Serialize)]
    struct ProtectedHeader<'a> {
        alg: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        kid: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        typ: Option<&'a str>,
    }
    let header = serde_json::to_vec(&ProtectedHeader { alg, kid, typ }).map_err(KeyError::crypto)?;
    Ok(URL_SAFE_NO_PAD.encode(header))
}

/// Appends `.` and the base64url of the part.
fn append(token: &mut String, part: &[u8]) {
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(part, token);
}

/// The members of a private JWK, wiped when dropped.
struct PrivateMembers(Map<String, Value>);

impl PrivateMembers {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    fn to_json(&self) -> Result<Zeroizing<String>, KeyError> {
        // Room for the largest key, so that no grown buffer leaves a copy behind.
        let mut text = Zeroizing::new(Vec::with_capacity(16 * 1024));
        serde_json::to_writer(&mut *text, &self.0).map_err(KeyError::crypto)?;
        let text = std::str::from_utf8(&text).map_err(KeyError::crypto)?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    fn signer(mut self, algorithm: Algorithm) -> Result<Box<dyn JwsSigner>, KeyError> {
        let jwk = Jwk::from_map(std::mem::take(&mut self.0))
            .map_err(|_| KeyError::UnusableKey("a private member is malformed"))?;
        let signer = signer(algorithm, &jwk);
        self.0 = jwk.into();
        signer
    }
}

fn signer(algorithm: Algorithm, jwk: &Jwk) -> Result<Box<dyn JwsSigner>, KeyError> {
    let unusable = |_| KeyError::UnusableKey("the private key is not valid");
    Ok(match algorithm {
        Algorithm::Rs256 => Box::new(RS256.signer_from_jwk(jwk).map_err(unusable)?),
        Algorithm::Rs384 => Box::new(RS384.signer_from_jwk(jwk).map_err(unusable)?),
        Algorithm::Rs512 => Box::new(RS512.signer_from_jwk(jwk).map_err(unusable)?),
        Algorithm::Ps256 => Box::new(PS256.signer_from_jwk(jwk).map_err(unusable)?),
        Algorithm::Ps384 => Box::new(PS384.signer_from_jwk(jwk).map_err(unusable)?),
        Algorithm::Ps512 => Box::new(PS512.signer_from_jwk(jwk).map_err(unusable)?),
        Algorithm::Es256 => Box::new(ES256.signer_from_jwk(jwk).map_err(unusable)?),
        Algorithm::Es384 => Box::new(ES384.signer_from_jwk(jwk).map_err(unusable)?),
        Algorithm::Es512 => Box::new(ES512.signer_from_jwk(jwk).map_err(unusable)?),
        Algorithm::EdDsa => Box::new(EdDSA.signer_from_jwk(jwk).map_err(unusable)?),
    })
}

impl Drop for PrivateMembers {
    fn drop(&mut self) {
        for value in self.0.values_mut() {
            if let Value::String(text) = value {
                text.zeroize();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, VerifyingKey, parse};
    use serde_json::json;

    fn decoded(part: &str) -> String {
        String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    #[test]
    fn every_algorithm_signs_what_its_public_key_verifies() {
        let claims = json!({"sub": "00u1", "n": 1});
        for algorithm in Algorithm::ALL {
            let key = SigningKey::generate(algorithm).unwrap();
            let verifying = VerifyingKey::from_jwk(key.public_jwk(), algorithm).unwrap();
            let restored = SigningKey::from_private_jwk(&key.private_jwk()).unwrap();
            assert_eq!(restored.public_jwk(), key.public_jwk());
            for token in
                [key.sign_jwt(None, &claims).unwrap(), restored.sign_jwt(Some("at+jwt"), &claims).unwrap()]
            {
                let token = parse(&token, &Limits::default()).unwrap();
                assert_eq!(verifying.verify(&token).unwrap().get("sub"), Some(&json!("00u1")), "{algorithm}");
                assert_eq!(token.header().kid(), Some(key.kid()));
            }
        }
    }

    #[test]
    fn the_header_is_alg_kid_and_the_given_typ() {
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let kid = key.kid();
        let header = |typ| {
            let token = key.sign_jwt(typ, &json!({})).unwrap();
            decoded(token.split('.').next().unwrap())
        };
        assert_eq!(header(None), format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#));
        assert_eq!(header(Some("at+jwt")), format!(r#"{{"alg":"EdDSA","kid":"{kid}","typ":"at+jwt"}}"#));
        assert_eq!(header(Some("x\"y")), format!(r#"{{"alg":"EdDSA","kid":"{kid}","typ":"x\"y"}}"#));
    }

    #[test]
    fn the_public_key_says_what_it_is_for_and_nothing_private() {
        let key = SigningKey::generate(Algorithm::Ps256).unwrap();
        let jwk = key.public_jwk();
        assert_eq!(jwk["alg"], "PS256");
        assert_eq!(jwk["use"], "sig");
        assert_eq!(jwk["kid"], thumbprint(jwk).unwrap());
        let names: Vec<_> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["kty", "n", "e", "alg", "use", "kid"]);
    }

    #[test]
    fn claims_must_be_an_object() {
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        assert_eq!(key.sign_jwt(None, "text").unwrap_err(), KeyError::ClaimsNotAnObject);
        assert_eq!(key.sign_jwt(None, &[1]).unwrap_err(), KeyError::ClaimsNotAnObject);
    }

    #[test]
    fn a_private_jwk_that_does_not_fit_together_is_refused() {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let other = SigningKey::generate(Algorithm::Es256).unwrap();
        let jwk: Value = serde_json::from_str(&key.private_jwk()).unwrap();
        let other: Value = serde_json::from_str(&other.private_jwk()).unwrap();
        for (name, value) in [
            ("d", other["d"].clone()),
            ("kid", json!("another")),
            ("alg", json!("ES384")),
            ("alg", json!("RS256")),
        ] {
            let mut jwk = jwk.clone();
            jwk[name] = value;
            assert!(SigningKey::from_private_jwk(&jwk.to_string()).is_err(), "{name}");
        }
        assert!(SigningKey::from_private_jwk(&key.public_jwk().to_string()).is_err());
        assert!(SigningKey::from_private_jwk("{}").is_err());
    }

    #[test]
    fn debug_output_shows_no_private_member() {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let private: Value = serde_json::from_str(&key.private_jwk()).unwrap();
        assert!(!format!("{key:?}").contains(private["d"].as_str().unwrap()));
    }

    /// RFC 7515 §A.1.
    #[test]
    fn hs256_verifies_the_rfcs_example() {
        let secret = URL_SAFE_NO_PAD
            .decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
            .unwrap();
        let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let token = parse(token, &Limits::default()).unwrap();
        let claims = MacKey::new(MacAlgorithm::Hs256, &secret).unwrap().verify(&token).unwrap();
        assert_eq!(claims.get("iss"), Some(&json!("joe")));
        assert_eq!(
            MacKey::new(MacAlgorithm::Hs512, &secret).unwrap().verify(&token).unwrap_err(),
            KeyError::AlgorithmMismatch
        );
    }

    #[test]
    fn a_mac_key_verifies_its_own_tokens_only() {
        for algorithm in MacAlgorithm::ALL {
            let key = MacKey::new(algorithm, &[1; 64]).unwrap();
            let token = parse(&key.sign_jwt(None, &json!({"a": 1})).unwrap(), &Limits::default()).unwrap();
            assert!(key.verify(&token).is_ok());
            let other = MacKey::new(algorithm, &[2; 64]).unwrap();
            assert_eq!(other.verify(&token).unwrap_err(), KeyError::Signature);
            assert!(MacKey::new(algorithm, &vec![1; algorithm.min_key_len() - 1]).is_err());
        }
    }
}
