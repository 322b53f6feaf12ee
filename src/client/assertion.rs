//! JWT client assertions (RFC 7523 §3; OpenID Connect Core §9): `private_key_jwt` and `client_secret_jwt`.

use keys::{Claims, Limits, UnverifiedToken};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::signature::{self, SignatureError};
use crate::{
    app::App,
    cache::servers::ServerState,
    fault::Fault,
    id::ClientId,
    model::client::Client,
    protocol::{client_auth::AuthMethod, client_metadata::Profile, numeric_date::numeric_date},
    secret::{Secret, TokenHash},
    store::{self, unit::Outcome, unit::Unit},
};

/// How far ahead `exp` may lie (Okta's clients sign for up to an hour).
const LONGEST: Duration = Duration::HOUR;
/// How far ahead `exp` may lie for an assertion without `jti` (`okta_compat`).
const LONGEST_WITHOUT_JTI: Duration = Duration::minutes(5);
/// The longest `jti`, in bytes.
const MAX_JTI: usize = 255;

/// Why an assertion proves nothing. The words go to the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AssertionError {
    /// Not a compact JWS within limits.
    #[error("malformed")]
    Malformed,
    /// It is another kind of JWT (RFC 8725 §3.11).
    #[error("wrong_type")]
    WrongType,
    /// The algorithm is not one the client is registered for.
    #[error("algorithm")]
    Algorithm,
    /// No key of the client verifies it.
    #[error("signature")]
    Signature,
    /// `iss` or `sub` is not the client.
    #[error("issuer")]
    Issuer,
    /// `aud` is not this authorization server.
    #[error("audience")]
    Audience,
    /// `exp`, `iat` or `nbf` is missing, past or too far ahead.
    #[error("lifetime")]
    Lifetime,
    /// `jti` is missing.
    #[error("jti_missing")]
    JtiMissing,
    /// `jti` was used before.
    #[error("replayed")]
    Replayed,
}

impl AssertionError {
    /// The word for the log.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "assertion_malformed",
            Self::WrongType => "assertion_wrong_type",
            Self::Algorithm => "assertion_algorithm",
            Self::Signature => "assertion_signature",
            Self::Issuer => "assertion_issuer",
            Self::Audience => "assertion_audience",
            Self::Lifetime => "assertion_lifetime",
            Self::JtiMissing => "assertion_without_jti",
            Self::Replayed => "assertion_replayed",
        }
    }
}

/// An assertion before its client is known.
pub struct Presented {
    token: UnverifiedToken,
    /// The client it claims to be from (`sub`).
    pub client: ClientId,
}

/// Reads an assertion; nothing is proven yet.
///
/// # Errors
/// It is malformed, of another type, or without `iss` and `sub`.
pub fn parse(assertion: &Secret<String>) -> Result<Presented, AssertionError> {
    let token = keys::parse(assertion.expose(), &Limits::default()).map_err(|_| AssertionError::Malformed)?;
    // RFC 8725 §3.11: ID tokens, access tokens, proofs and request objects are not assertions.
    if token.header().typ().is_some()
        && !token.header().is_type("jwt")
        && !token.header().is_type("client-authentication+jwt")
    {
        return Err(AssertionError::WrongType);
    }
    let text = |name: &str| token.claims().get(name).and_then(Value::as_str);
    match (text("iss"), text("sub")) {
        // RFC 7523 §3: both are the client.
        (Some(iss), Some(sub)) if iss == sub && !sub.is_empty() && sub.len() <= 255 => {
            Ok(Presented { client: ClientId::new(sub), token })
        }
        _ => Err(AssertionError::Issuer),
    }
}

/// A fault or a verdict.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The assertion proves nothing.
    #[error(transparent)]
    Refused(#[from] AssertionError),
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<SignatureError> for VerifyError {
    fn from(error: SignatureError) -> Self {
        match error {
            SignatureError::Algorithm => Self::Refused(AssertionError::Algorithm),
            SignatureError::Unverified => Self::Refused(AssertionError::Signature),
            SignatureError::Fault(fault) => Self::Fault(fault),
        }
    }
}

/// Verifies an assertion against the client's keys, then uses its `jti` up.
///
/// # Errors
/// Why it proves nothing, or a fault.
pub async fn verify(
    app: &App,
    server: &ServerState,
    client: &Client,
    presented: Presented,
    endpoint: &str,
) -> Result<(), VerifyError> {
    let method = client.metadata.auth_method();
    let alg = presented.token.header().alg();
    if client.metadata.token_endpoint_auth_signing_alg.as_deref().is_some_and(|registered| registered != alg)
    {
        return Err(AssertionError::Algorithm.into());
    }
    let claims = match method {
        AuthMethod::PrivateKeyJwt => signature::by_key(app, client, &presented.token).await?,
        AuthMethod::ClientSecretJwt => signature::by_secret(app, client, &presented.token)?,
        AuthMethod::ClientSecretBasic
        | AuthMethod::ClientSecretPost
        | AuthMethod::TlsClientAuth
        | AuthMethod::SelfSignedTlsClientAuth
        | AuthMethod::None => {
            return Err(AssertionError::Algorithm.into());
        }
    };
    let now = app.now();
    check_audience(client.metadata.profile, &claims, server, endpoint)?;
    let expires_at = check_times(&claims, now, app.settings.clock_skew)?;
    match claims.get("jti").and_then(Value::as_str) {
        Some(jti) if !jti.is_empty() && jti.len() <= MAX_JTI => {
            let key = TokenHash::of(&format!("client_assertion\n{}\n{jti}", client.id));
            let unit = Unit::new().claim(store::used_jti::claim(&key, expires_at + app.settings.clock_skew));
            match app.db.writer().commit(unit).await? {
                Outcome::Won => Ok(()),
                Outcome::Lost(_) => Err(AssertionError::Replayed.into()),
            }
        }
        Some(_) => Err(AssertionError::Malformed.into()),
        None if client.metadata.profile == Profile::OktaCompat && expires_at <= now + LONGEST_WITHOUT_JTI => {
            Ok(())
        }
        None => Err(AssertionError::JtiMissing.into()),
    }
}

/// `fapi2`: the issuer as the only string. Otherwise: the issuer, the token endpoint or the endpoint that was called;
/// an array only if every member is one of them.
fn check_audience(
    profile: Profile,
    claims: &Claims,
    server: &ServerState,
    endpoint: &str,
) -> Result<(), AssertionError> {
    let token_endpoint = format!("{}/v1/token", server.endpoint_base);
    let ours = |audience: &Value| {
        audience.as_str().is_some_and(|audience| {
            audience == server.issuer
                || (profile != Profile::Fapi2 && (audience == token_endpoint || audience == endpoint))
        })
    };
    let accepted = match claims.get("aud") {
        Some(Value::Array(members)) => {
            profile != Profile::Fapi2 && !members.is_empty() && members.iter().all(ours)
        }
        Some(audience) => ours(audience),
        None => false,
    };
    if accepted { Ok(()) } else { Err(AssertionError::Audience) }
}

fn check_times(
    claims: &Claims,
    now: OffsetDateTime,
    skew: Duration,
) -> Result<OffsetDateTime, AssertionError> {
    let time = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(value) => numeric_date(value).map(Some).ok_or(AssertionError::Lifetime),
    };
    let expires_at = time("exp")?.ok_or(AssertionError::Lifetime)?;
    let ahead = now + skew;
    let in_time = expires_at > now
        && expires_at <= now + LONGEST + skew
        && time("iat")?.is_none_or(|issued_at| issued_at <= ahead)
        && time("nbf")?.is_none_or(|not_before| not_before <= ahead);
    if in_time { Ok(expires_at) } else { Err(AssertionError::Lifetime) }
}

#[cfg(test)]
mod tests {
    use keys::{MacAlgorithm, MacKey};
    use serde_json::json;

    use super::*;

    /// Claims as `check_times` gets them: signed and verified.
    fn claims(claims: &Value) -> Claims {
        let key = MacKey::new(MacAlgorithm::Hs256, &[7; 32]).unwrap();
        let token = key.sign_jwt(None, claims).unwrap();
        key.verify(&keys::parse(&token, &Limits::default()).unwrap()).unwrap()
    }

    #[test]
    fn sec_e09_lifetimes_and_clocks() {
        const NOW: i64 = 1_800_000_000;
        let now = OffsetDateTime::from_unix_timestamp(NOW).unwrap();
        for (given, in_time) in [
            (json!({"exp": NOW}), false),
            (json!({"exp": NOW + 1}), true),
            (json!({"exp": NOW + 3660}), true),
            (json!({"exp": NOW + 3661}), false),
            (json!({"exp": NOW + 300, "iat": NOW + 59}), true),
            (json!({"exp": NOW + 300, "iat": NOW + 60}), true),
            (json!({"exp": NOW + 300, "iat": NOW + 61}), false),
            (json!({"exp": NOW + 300, "nbf": NOW + 59}), true),
            (json!({"exp": NOW + 300, "nbf": NOW + 61}), false),
            (json!({"exp": NOW + 300, "iat": NOW - 61, "nbf": NOW - 61}), true),
            (json!({"exp": 1.8e9 + 300.0}), true),
            (json!({"exp": 1.8e9 + 0.5}), false),
            (json!({}), false),
        ] {
            let verdict = check_times(&claims(&given), now, Duration::minutes(1));
            assert_eq!(verdict.is_ok(), in_time, "{given}");
        }
    }
}
