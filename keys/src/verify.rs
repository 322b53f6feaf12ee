//! Reading a compact JWS and proving who signed it (RFC 7515 §5.2, RFC 7519 §7.2, RFC 8725 §3).
//!
//! [`parse`] yields what a token says, [`VerifyingKey::verify`] what its signer says. A key is bound to one algorithm
//! when it is built; the token's `alg` can only agree. Keys named inside the header (`jwk`, `jku`, `x5u`, `x5c`)
//! play no part in verification.

use std::{fmt, ops::Deref};

use josekit::jws::JwsVerifier;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{
    Algorithm, KeyError, json,
    key::{MAX_KID_LEN, PublicJwk, PublicKey, base64url},
};

/// How much a token may demand of its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest token, in bytes.
    pub max_len: usize,
    /// The deepest nesting of the header and of the claims, in levels.
    pub max_depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_len: 16 * 1024, max_depth: 32 }
    }
}

/// A well-formed token that nobody has vouched for yet.
pub struct UnverifiedToken {
    header: Header,
    claims: Map<String, Value>,
    signing_input: String,
    signature: Vec<u8>,
}

/// The protected header of a token (RFC 7515 §4.1).
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    members: Map<String, Value>,
}

/// Reads a token in compact serialization: `header.payload.signature` (RFC 7515 §7.1).
///
/// # Errors
/// [`KeyError::TooLong`], [`KeyError::Malformed`], or [`KeyError::UnsupportedHeader`] for `crit` and `zip`.
pub fn parse(token: &str, limits: &Limits) -> Result<UnverifiedToken, KeyError> {
    if token.len() > limits.max_len {
        return Err(KeyError::TooLong(limits.max_len));
    }
    let three_parts = KeyError::Malformed("a compact JWS has three parts");
    let (signing_input, signature) = token.rsplit_once('.').ok_or_else(|| three_parts.clone())?;
    // A second `.` in the payload is outside the base64url alphabet.
    let (header, payload) = signing_input.split_once('.').ok_or(three_parts)?;

    let header = Header::parse(json::object(&base64url(header)?, limits.max_depth)?)?;
    let claims = json::object(&base64url(payload)?, limits.max_depth)?;
    let signature = base64url(signature)?;
    if signature.is_empty() {
        // RFC 8725 §3.2: an unsecured JWS proves nothing.
        return Err(KeyError::Malformed("the signature is empty"));
    }
    Ok(UnverifiedToken { header, claims, signing_input: signing_input.to_owned(), signature })
}

impl UnverifiedToken {
    /// The protected header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What the token claims, without proof: good for finding the key, for nothing else.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    pub(crate) fn signing_input(&self) -> &[u8] {
        self.signing_input.as_bytes()
    }

    pub(crate) fn signature(&self) -> &[u8] {
        &self.signature
    }
}

impl fmt::Debug for UnverifiedToken {
    // Neither claims nor signature: a logged token could be used.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedToken").field("header", &self.header).finish_non_exhaustive()
    }
}

impl Header {
    fn parse(members: Map<String, Value>) -> Result<Self, KeyError> {
        // RFC 7515 §4.1.11: an extension that is not understood; RFC 7797's `b64` is one, too.
        if members.contains_key("crit") {
            return Err(KeyError::UnsupportedHeader("crit"));
        }
        if members.contains_key("zip") {
            return Err(KeyError::UnsupportedHeader("zip"));
        }
        let text = |name: &str| match members.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.len() <= MAX_KID_LEN => Ok(Some(text.clone())),
            Some(_) => Err(KeyError::Malformed("alg, kid and typ are short strings")),
        };
        let alg = text("alg")?.ok_or(KeyError::Malformed("alg is absent"))?;
        let (kid, typ) = (text("kid")?, text("typ")?);
        Ok(Self { alg, kid, typ, members })
    }

    /// The algorithm the token names (RFC 7515 §4.1.1).
    pub fn alg(&self) -> &str {
        &self.alg
    }

    /// The key the token names, at most 255 bytes (RFC 7515 §4.1.4).
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The type of the token as written; compare with [`Self::is_type`] (RFC 7515 §4.1.9).
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// Whether the token is explicitly of this media type, `application/` being optional and case meaningless
    /// (RFC 7515 §4.1.9, RFC 8725 §3.11).
    pub fn is_type(&self, media_type: &str) -> bool {
        let Some(typ) = self.typ() else { return false };
        let prefix = "application/";
        let short = match typ.get(..prefix.len()) {
            Some(start) if start.eq_ignore_ascii_case(prefix) => typ.get(prefix.len()..).unwrap_or_default(),
            Some(_) | None => typ,
        };
        short.eq_ignore_ascii_case(media_type)
    }

    /// Any other member, such as the `jwk` of a DPoP proof (RFC 9449 §4.2).
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }
}

/// Claims whose signature was proven. Their meaning was not looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims(Map<String, Value>);

impl Claims {
    pub(crate) fn proven(token: &UnverifiedToken) -> Self {
        Self(token.claims.clone())
    }

    /// The members by themselves.
    pub fn into_map(self) -> Map<String, Value> {
        self.0
    }

    /// The claims as a type of the caller's.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] when a claim is absent or of another type.
    pub fn deserialize<T: DeserializeOwned>(self) -> Result<T, KeyError> {
        serde_json::from_value(Value::Object(self.0))
            .map_err(|_| KeyError::Malformed("a claim is absent or of another type"))
    }
}

impl Deref for Claims {
    type Target = Map<String, Value>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// A public key bound to one algorithm, parsed once and reused.
pub struct VerifyingKey {
    algorithm: Algorithm,
    kid: Option<String>,
    verifier: Box<dyn JwsVerifier>,
}

impl VerifyingKey {
    /// Binds a public JWK to an algorithm.
    ///
    /// # Errors
    /// [`KeyError::PrivateMember`], or [`KeyError::UnusableKey`] when the key is not valid, too small, for another
    /// purpose or of another algorithm.
    pub fn from_jwk(jwk: &Value, algorithm: Algorithm) -> Result<Self, KeyError> {
        let PublicJwk { key, kid, alg } = PublicJwk::parse(jwk)?;
        if alg.is_some_and(|alg| alg != algorithm) {
            return Err(KeyError::UnusableKey("the key is for another algorithm"));
        }
        Self::bind(&key, kid, algorithm)
    }

    pub(crate) fn bind(key: &PublicKey, kid: Option<String>, algorithm: Algorithm) -> Result<Self, KeyError> {
        Ok(Self { algorithm, kid, verifier: key.verifier(algorithm)? })
    }

    /// The one algorithm this key verifies.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The `kid` of the key, if it has one.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Proves that the holder of the private key signed the token. Claims such as `exp` and `aud` are the caller's to judge.
    ///
    /// # Errors
    /// [`KeyError::AlgorithmMismatch`] when the token names another algorithm, [`KeyError::Signature`] when the signature
    /// is not by this key.
    pub fn verify(&self, token: &UnverifiedToken) -> Result<Claims, KeyError> {
        // RFC 8725 §3.1: the key decides the algorithm, never the token; `none` equals no key's.
        if token.header.alg != self.algorithm.as_str() {
            return Err(KeyError::AlgorithmMismatch);
        }
        if matches!(self.algorithm, Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512) {
            refuse_zero(&token.signature)?;
        }
        self.verifier.verify(token.signing_input(), &token.signature).map_err(|_| KeyError::Signature)?;
        Ok(Claims::proven(token))
    }
}

/// Refuses an ECDSA signature whose r or s is zero, which careless verifiers accept for every message.
fn refuse_zero(signature: &[u8]) -> Result<(), KeyError> {
    let (r, s) = signature.split_at(signature.len() / 2);
    let zero = |number: &[u8]| number.iter().all(|byte| *byte == 0);
    if zero(r) || zero(s) { Err(KeyError::Signature) } else { Ok(()) }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("algorithm", &self.algorithm)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MacAlgorithm, MacKey, SigningKey};
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::json;

    const RS256_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    const RS256_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    const ES256_TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

    fn es256_jwk() -> Value {
        json!({
            "kty": "EC", "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
        })
    }

    fn read(token: &str) -> Result<UnverifiedToken, KeyError> {
        parse(token, &Limits::default())
    }

    fn encode(text: impl AsRef<[u8]>) -> String {
        URL_SAFE_NO_PAD.encode(text)
    }

    fn token(header: &str, payload: &str) -> String {
        format!("{}.{}.{}", encode(header), encode(payload), encode([1; 64]))
    }

    /// RFC 7515 §A.2.
    #[test]
    fn rs256_verifies_the_rfcs_example() {
        let jwk = json!({"kty": "RSA", "n": RS256_N, "e": "AQAB"});
        let key = VerifyingKey::from_jwk(&jwk, Algorithm::Rs256).unwrap();
        let claims = key.verify(&read(RS256_TOKEN).unwrap()).unwrap();
        assert_eq!(claims.get("iss"), Some(&json!("joe")));
        let other = VerifyingKey::from_jwk(&jwk, Algorithm::Ps256).unwrap();
        assert_eq!(other.verify(&read(RS256_TOKEN).unwrap()).unwrap_err(), KeyError::AlgorithmMismatch);
    }

    /// RFC 7515 §A.3.
    #[test]
    fn es256_verifies_the_rfcs_example() {
        let key = VerifyingKey::from_jwk(&es256_jwk(), Algorithm::Es256).unwrap();
        assert!(key.verify(&read(ES256_TOKEN).unwrap()).is_ok());
    }

    /// RFC 8725 §2.2, and the all-zero signature that a verifier without range checks accepts.
    #[test]
    fn sec_e05_a_zero_signature_is_refused() {
        let key = VerifyingKey::from_jwk(&es256_jwk(), Algorithm::Es256).unwrap();
        let (input, signature) = ES256_TOKEN.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let mut zero_r = signature.clone();
        zero_r[..32].fill(0);
        let mut zero_s = signature.clone();
        zero_s[32..].fill(0);
        for forged in [vec![0; 64], zero_r, zero_s, vec![0; 1], vec![0; 128], signature[..63].to_vec()] {
            let forged = read(&format!("{input}.{}", encode(&forged))).unwrap();
            assert_eq!(key.verify(&forged).unwrap_err(), KeyError::Signature);
        }
        // The library refuses them, too, should the check above ever go.
        assert!(key.verifier.verify(input.as_bytes(), &[0; 64]).is_err());
    }

    /// RFC 8725 §2.1, §3.1, §3.2: neither `none` nor a MAC keyed with the public key passes.
    #[test]
    fn sec_e05_the_token_does_not_choose_the_algorithm() {
        let signing = SigningKey::generate(Algorithm::Rs256).unwrap();
        let key = VerifyingKey::from_jwk(signing.public_jwk(), Algorithm::Rs256).unwrap();
        for alg in ["none", "None", "nOnE", "HS256", "ES256", "RS512", "PS256", "rs256", ""] {
            let forged = token(&format!(r#"{{"alg":"{alg}"}}"#), "{}");
            assert_eq!(
                key.verify(&read(&forged).unwrap()).unwrap_err(),
                KeyError::AlgorithmMismatch,
                "{alg}"
            );
            let unsigned = format!("{}.{}.", encode(format!(r#"{{"alg":"{alg}"}}"#)), encode("{}"));
            assert!(read(&unsigned).is_err());
        }
        let confused = MacKey::new(MacAlgorithm::Hs256, signing.public_jwk().to_string().as_bytes()).unwrap();
        let confused = confused.sign_jwt(None, &json!({"sub": "x"})).unwrap();
        assert_eq!(key.verify(&read(&confused).unwrap()).unwrap_err(), KeyError::AlgorithmMismatch);
    }

    #[test]
    fn sec_e05_an_altered_token_is_refused() {
        for algorithm in [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es512, Algorithm::EdDsa] {
            let signing = SigningKey::generate(algorithm).unwrap();
            let key = VerifyingKey::from_jwk(signing.public_jwk(), algorithm).unwrap();
            let signed = signing.sign_jwt(None, &json!({"sub": "a"})).unwrap();
            let parts: Vec<_> = signed.split('.').collect();
            let other = format!("{}.{}.{}", parts[0], encode(r#"{"sub":"b"}"#), parts[2]);
            assert_eq!(key.verify(&read(&other).unwrap()).unwrap_err(), KeyError::Signature);
            let stranger =
                SigningKey::generate(algorithm).unwrap().sign_jwt(None, &json!({"sub": "a"})).unwrap();
            assert_eq!(key.verify(&read(&stranger).unwrap()).unwrap_err(), KeyError::Signature);
        }
    }

    /// RFC 7515 §4.1.11: no extension is understood, so none may be critical.
    #[test]
    fn sec_e05_crit_and_zip_are_refused() {
        for header in [
            r#"{"alg":"ES256","crit":["exp"],"exp":1}"#,
            r#"{"alg":"ES256","crit":["b64"],"b64":false}"#,
            r#"{"alg":"ES256","crit":[]}"#,
        ] {
            assert_eq!(read(&token(header, "{}")).unwrap_err(), KeyError::UnsupportedHeader("crit"));
        }
        let header = r#"{"alg":"ES256","zip":"DEF"}"#;
        assert_eq!(read(&token(header, "{}")).unwrap_err(), KeyError::UnsupportedHeader("zip"));
    }

    /// RFC 8725 §3.10: a key that arrives with the token says nothing about who signed it.
    #[test]
    fn sec_e06_keys_in_the_header_are_ignored() {
        let attacker = SigningKey::generate(Algorithm::Es256).unwrap();
        let attacker_key = josekit::jwk::Jwk::from_bytes(attacker.private_jwk().as_bytes()).unwrap();
        let signer = josekit::jws::ES256.signer_from_jwk(&attacker_key).unwrap();
        let header = json!({
            "alg": "ES256", "jwk": attacker.public_jwk(), "jku": "https://evil.example/keys",
            "x5u": "https://evil.example/cert", "x5c": ["AAAA"]
        });
        let input = format!("{}.{}", encode(header.to_string()), encode("{}"));
        let forged = format!("{input}.{}", encode(signer.sign(input.as_bytes()).unwrap()));
        let key = VerifyingKey::from_jwk(&es256_jwk(), Algorithm::Es256).unwrap();
        assert_eq!(key.verify(&read(&forged).unwrap()).unwrap_err(), KeyError::Signature);
    }

    #[test]
    fn sec_e06_alg_kid_and_typ_are_short_strings() {
        let long = "k".repeat(256);
        for header in [
            "{}".to_owned(),
            r#"{"alg":null}"#.to_owned(),
            r#"{"alg":["ES256"]}"#.to_owned(),
            r#"{"alg":"ES256","kid":["a"]}"#.to_owned(),
            r#"{"alg":"ES256","kid":1}"#.to_owned(),
            r#"{"alg":"ES256","typ":{}}"#.to_owned(),
            format!(r#"{{"alg":"ES256","kid":"{long}"}}"#),
        ] {
            assert!(read(&token(&header, "{}")).is_err(), "{header}");
        }
        let odd = read(&token(r#"{"alg":"ES256","kid":"../../etc/passwd' OR 1=1"}"#, "{}")).unwrap();
        assert_eq!(odd.header().kid(), Some("../../etc/passwd' OR 1=1"));
    }

    #[test]
    fn anything_but_three_strict_parts_is_refused() {
        let good = token(r#"{"alg":"ES256"}"#, r#"{"a":1}"#);
        assert!(read(&good).is_ok());
        let (head, tail) = good.split_once('.').unwrap();
        for bad in [
            String::new(),
            ".".to_owned(),
            "..".to_owned(),
            head.to_owned(),
            format!("{head}.{head}"),
            format!("{good}.AA"),
            format!("{good}.AA.AA"),
            format!("{good}="),
            format!(" {good}"),
            format!("{good}\n"),
            format!("{head}=.{tail}"),
            format!("{head}+.{tail}"),
            r#"{"payload":"e30","signatures":[]}"#.to_owned(),
            token(r#"{"alg":"ES256","alg":"none"}"#, "{}"),
            token(r#"{"alg":"ES256"}"#, r#"{"sub":"a","sub":"b"}"#),
            token(r#"{"alg":"ES256"}"#, r#"{"cnf":{"jkt":"a","jkt":"b"}}"#),
            token(r#"{"alg":"ES256"}"#, "[]"),
            token(r#"{"alg":"ES256"}"#, "text"),
            token(r#"{"alg":"ES256"}"#, &format!(r#"{{"a":{}{}}}"#, "[".repeat(32), "]".repeat(32))),
        ] {
            assert!(read(&bad).is_err(), "{bad}");
        }
    }

    /// RFC 4648 §3.5: bits after the last byte must be zero, or one signature has several spellings.
    #[test]
    fn stray_bits_are_refused() {
        let unstrict = format!("{}R", ES256_TOKEN.strip_suffix('Q').unwrap());
        assert_eq!(read(&unstrict).unwrap_err(), KeyError::Malformed("base64url"));
    }

    #[test]
    fn every_altered_character_is_refused() {
        let key = VerifyingKey::from_jwk(&es256_jwk(), Algorithm::Es256).unwrap();
        for i in 0..ES256_TOKEN.len() {
            for other in ["A", "B", "."] {
                let mut altered = ES256_TOKEN.to_owned();
                altered.replace_range(i..=i, other);
                if altered != ES256_TOKEN {
                    assert!(read(&altered).and_then(|token| key.verify(&token)).is_err(), "{altered}");
                }
            }
        }
    }

    #[test]
    fn a_token_past_the_limit_is_refused() {
        let long = token(r#"{"alg":"ES256"}"#, &format!(r#"{{"a":"{}"}}"#, "x".repeat(16 * 1024)));
        assert_eq!(read(&long).unwrap_err(), KeyError::TooLong(16 * 1024));
    }

    #[test]
    fn the_type_is_a_media_type() {
        let is_type = |typ: &str| {
            let header = json!({"alg": "ES256", "typ": typ}).to_string();
            read(&token(&header, "{}")).unwrap().header().is_type("dpop+jwt")
        };
        assert!(is_type("dpop+jwt") && is_type("DPoP+jwt") && is_type("application/dpop+jwt"));
        assert!(!is_type("jwt") && !is_type("") && !is_type("text/dpop+jwt") && !is_type("ééééééé"));
    }
}
