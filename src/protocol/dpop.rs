//! DPoP proofs (RFC 9449 §4): what their header and claims must say. Signatures, one-time use and the time are the
//! business of whoever asks.

use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};
use url::Url;

/// `typ` of a proof (RFC 9449 §4.2).
pub const TYP: &str = "dpop+jwt";
/// How old a proof may be (RFC 9449 §11.1).
pub const WINDOW: Duration = Duration::minutes(5);
/// The longest proof, in bytes.
pub const MAX_PROOF: usize = 8192;
/// The longest `jti`, in bytes.
const MAX_JTI: usize = 255;
/// The length of a SHA-256 thumbprint in base64url.
const THUMBPRINT: usize = 43;

/// The `DPoP` header fields of a request.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum ProofHeader {
    /// There is none.
    #[default]
    Absent,
    /// There is one.
    Present(String),
    /// There are several, or one that is not text.
    Unreadable,
}

/// Why a proof proves nothing (RFC 9449 §4.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DpopError {
    /// There is no proof where one is needed.
    #[error("The DPoP proof is missing.")]
    Missing,
    /// There are several `DPoP` header fields, or one that is not text.
    #[error("There must be exactly one DPoP header.")]
    Header,
    /// Not a compact JWS within limits.
    #[error("The DPoP proof is not a compact JWS.")]
    Malformed,
    /// `typ` is not `dpop+jwt`.
    #[error("The typ of the DPoP proof is not dpop+jwt.")]
    Type,
    /// `alg` is not one that is allowed.
    #[error("The alg of the DPoP proof is not supported.")]
    Algorithm,
    /// `jwk` is absent, private, symmetric or no valid key.
    #[error("The jwk of the DPoP proof is missing or not a valid public key.")]
    Key,
    /// The signature is not by `jwk`.
    #[error("The signature of the DPoP proof is not by its jwk.")]
    Signature,
    /// A claim is absent or of another type.
    #[error("The DPoP proof needs jti, htm, htu and iat.")]
    Claims,
    /// `htm` is not the method of the request.
    #[error("The htm of the DPoP proof is not the method of the request.")]
    Method,
    /// `htu` is not the address of the request.
    #[error("The htu of the DPoP proof is not the address of the request.")]
    Target,
    /// `iat`, `nbf` or `exp` is past or too far ahead.
    #[error("The DPoP proof is too old, has expired or is from the future.")]
    Time,
    /// `ath` is not the hash of the access token.
    #[error("The ath of the DPoP proof is not the hash of the access token.")]
    AccessToken,
    /// The key is not the one that the code or token is bound to.
    #[error("The DPoP proof is by another key.")]
    AnotherKey,
    /// `jti` was used before.
    #[error("The DPoP proof was used before.")]
    Replayed,
}

impl DpopError {
    /// The word for the log.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Missing => "dpop_missing",
            Self::Header => "dpop_header",
            Self::Malformed => "dpop_malformed",
            Self::Type => "dpop_type",
            Self::Algorithm => "dpop_algorithm",
            Self::Key => "dpop_key",
            Self::Signature => "dpop_signature",
            Self::Claims => "dpop_claims",
            Self::Method => "dpop_htm",
            Self::Target => "dpop_htu",
            Self::Time => "dpop_time",
            Self::AccessToken => "dpop_ath",
            Self::AnotherKey => "dpop_another_key",
            Self::Replayed => "dpop_replayed",
        }
    }
}

/// The claims of a proof (RFC 9449 §4.2). Others are ignored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProofClaims {
    /// The identifier of the proof.
    pub jti: String,
    /// The method.
    pub htm: String,
    /// The address without query and fragment, normalised.
    pub htu: Url,
    /// When it was made.
    pub iat: OffsetDateTime,
    /// Not to be used before.
    nbf: Option<OffsetDateTime>,
    /// Not to be used after.
    exp: Option<OffsetDateTime>,
    /// The nonce of the server.
    pub nonce: Option<String>,
    /// The hash of the access token.
    pub ath: Option<String>,
}

impl ProofClaims {
    /// Reads the claims of a proof whose signature was verified.
    ///
    /// # Errors
    /// [`DpopError::Claims`] when one is absent or of another type, [`DpopError::Target`] when `htu` is not a URL.
    pub fn read(claims: &Map<String, Value>) -> Result<Self, DpopError> {
        let text = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(DpopError::Claims),
        };
        let required = |name: &str| text(name)?.filter(|text| !text.is_empty()).ok_or(DpopError::Claims);
        let time = |name: &str| claims.get(name).map(instant).transpose();
        let jti = required("jti")?;
        if jti.len() > MAX_JTI {
            return Err(DpopError::Claims);
        }
        Ok(Self {
            jti,
            htm: required("htm")?,
            htu: normalised(&required("htu")?).ok_or(DpopError::Target)?,
            iat: time("iat")?.ok_or(DpopError::Claims)?,
            nbf: time("nbf")?,
            exp: time("exp")?,
            nonce: text("nonce")?,
            ath: text("ath")?,
        })
    }

    /// Whether the proof is about this method and one of these addresses (RFC 9449 §4.3, items 8 and 9).
    ///
    /// # Errors
    /// It is about another one.
    pub fn check_request(&self, method: &str, targets: &[String]) -> Result<(), DpopError> {
        // RFC 9110 §9.1: methods have case.
        if self.htm != method {
            return Err(DpopError::Method);
        }
        let same = targets.iter().filter_map(|target| normalised(target)).any(|target| target == self.htu);
        if same { Ok(()) } else { Err(DpopError::Target) }
    }

    /// Whether the proof was made lately (RFC 9449 §4.3, item 11): at most [`WINDOW`] ago, at most `skew` ahead.
    ///
    /// # Errors
    /// It was not.
    pub fn check_times(&self, now: OffsetDateTime, skew: Duration) -> Result<(), DpopError> {
        let fresh = self.iat >= now - WINDOW && self.iat <= now + skew;
        let valid =
            self.nbf.is_none_or(|nbf| nbf <= now + skew) && self.exp.is_none_or(|exp| exp > now - skew);
        if fresh && valid { Ok(()) } else { Err(DpopError::Time) }
    }

    /// When the `jti` may be forgotten: the proof is too old by then, whatever the clocks say.
    pub fn forget_at(&self, skew: Duration) -> OffsetDateTime {
        self.iat + WINDOW + skew
    }
}

/// A number of seconds, also a fraction or written with an exponent, as a moment.
fn instant(value: &Value) -> Result<OffsetDateTime, DpopError> {
    let whole = || {
        let at = value.as_f64().filter(|at| at.abs() < 1e12)?;
        format!("{at:.0}").parse().ok()
    };
    let seconds = value.as_i64().or_else(whole).ok_or(DpopError::Claims)?;
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| DpopError::Claims)
}

/// RFC 3986 §6.2.2, §6.2.3 without query and fragment: scheme and host have no case, default ports are left out.
fn normalised(uri: &str) -> Option<Url> {
    let mut url = Url::parse(uri).ok().filter(|url| matches!(url.scheme(), "https" | "http"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    url.set_query(None);
    url.set_fragment(None);
    Some(url)
}

/// Whether this is the thumbprint of a key as `dpop_jkt` names it (RFC 9449 §10).
pub fn is_thumbprint(jkt: &str) -> bool {
    jkt.len() == THUMBPRINT
        && jkt.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;
    const SKEW: Duration = Duration::minutes(1);

    fn read(changes: &Value) -> Result<ProofClaims, DpopError> {
        let mut claims = json!({"jti": "a", "htm": "POST", "htu": "https://id.example/token", "iat": NOW});
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        ProofClaims::read(claims.as_object().unwrap())
    }

    #[test]
    fn sec_h01_every_claim_is_there_and_of_its_type() {
        assert!(read(&json!({"unknown": [], "nonce": "n", "ath": "h"})).is_ok());
        for name in ["jti", "htm", "htu", "iat"] {
            assert_eq!(read(&json!({name: null})), Err(DpopError::Claims), "{name}");
            assert_eq!(read(&json!({name: ""})), Err(DpopError::Claims), "{name}");
            assert_eq!(read(&json!({name: [1]})), Err(DpopError::Claims), "{name}");
        }
        for name in ["nonce", "ath", "nbf", "exp"] {
            assert_eq!(read(&json!({name: {}})), Err(DpopError::Claims), "{name}");
        }
        assert_eq!(read(&json!({"jti": "x".repeat(256)})), Err(DpopError::Claims));
        assert_eq!(read(&json!({"htu": "token"})), Err(DpopError::Target));
        assert_eq!(read(&json!({"iat": 1e300})), Err(DpopError::Claims));
    }

    /// RFC 9449 §4.3: compared after normalisation, without query and fragment.
    #[test]
    fn sec_h01_htu_is_compared_normalised() {
        let about = |htu: &str| {
            let targets =
                ["https://mtls.example:9443/token".to_owned(), "https://id.example/token".to_owned()];
            read(&json!({"htu": htu})).and_then(|claims| claims.check_request("POST", &targets))
        };
        for same in [
            "https://id.example/token",
            "HTTPS://ID.EXAMPLE:443/token",
            "https://id.example/token?a=b#c",
            "https://id.example/x/../token",
            "https://mtls.example:9443/token",
        ] {
            assert_eq!(about(same), Ok(()), "{same}");
        }
        for other in [
            "https://id.example/token/",
            "https://id.example/Token",
            "http://id.example/token",
            "https://id.example:8443/token",
            "https://id.example.evil/token",
            "https://user@id.example/token",
            "urn:token",
        ] {
            assert_eq!(about(other), Err(DpopError::Target), "{other}");
        }
    }

    #[test]
    fn sec_h01_htm_has_case() {
        let targets = ["https://id.example/token".to_owned()];
        let claims = read(&json!({})).unwrap();
        assert_eq!(claims.check_request("POST", &targets), Ok(()));
        for method in ["post", "GET", "POST "] {
            assert_eq!(claims.check_request(method, &targets), Err(DpopError::Method));
        }
    }

    #[test]
    fn sec_h01_the_window_is_five_minutes_back_and_one_ahead() {
        let now = OffsetDateTime::from_unix_timestamp(NOW).unwrap();
        for (given, in_time) in [
            (json!({"iat": NOW - 10}), true),
            (json!({"iat": NOW + 10}), true),
            (json!({"iat": NOW - 300}), true),
            (json!({"iat": NOW - 301}), false),
            (json!({"iat": NOW + 60}), true),
            (json!({"iat": NOW + 61}), false),
            (json!({"iat": 1.8e9 + 0.25}), true),
            (json!({"nbf": NOW + 60, "exp": NOW}), true),
            (json!({"nbf": NOW + 61}), false),
            (json!({"exp": NOW - 60}), false),
        ] {
            let verdict = read(&given).unwrap().check_times(now, SKEW);
            assert_eq!(verdict.is_ok(), in_time, "{given}");
        }
    }

    /// The `jti` is remembered longer than the proof can be used.
    #[test]
    fn sec_h02_a_jti_outlives_its_proof() {
        let claims = read(&json!({})).unwrap();
        let forgotten = claims.forget_at(SKEW);
        assert_eq!(claims.check_times(forgotten, SKEW), Err(DpopError::Time));
        assert_eq!(claims.check_times(forgotten - SKEW, SKEW), Ok(()));
    }

    #[test]
    fn a_thumbprint_is_43_characters_of_base64url() {
        assert!(is_thumbprint("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
        for other in ["", "NzbLsXh8", "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9X=", &"é".repeat(43)] {
            assert!(!is_thumbprint(other), "{other}");
        }
    }
}
