//! DPoP proofs (RFC 9449): verified by the key they carry, used once on any node, with nonces that every node knows.
//!
//! A nonce is an HMAC over the hour: nothing is stored, nodes with the same master key agree, and the nonce of the
//! hour before is accepted.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use keys::{Algorithm, KeyError, Limits, VerifyingKey};
use time::OffsetDateTime;

use crate::{
    app::App,
    cache::servers::ServerState,
    model::client::Client,
    protocol::{
        client_metadata::Profile,
        dpop::{DpopError, MAX_PROOF, ProofClaims, TYP},
    },
    secret::{TokenHash, constant_time_eq},
    store::{self, unit::Change},
};

/// How long a nonce is the current one, in seconds; it is accepted for as long again.
const NONCE_PERIOD: i64 = 3600;

/// Why a proof is not accepted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProofError {
    /// It proves nothing.
    #[error(transparent)]
    Refused(#[from] DpopError),
    /// It needs the nonce that is given here (RFC 9449 §8).
    #[error("the DPoP proof needs a nonce")]
    UseNonce(String),
}

/// A request that a proof must be about.
pub struct Expected<'a> {
    /// The method.
    pub method: &'a str,
    /// The addresses under which the endpoint is known.
    pub targets: &'a [String],
    /// The access token that goes with the proof, at protected resources.
    pub access_token: Option<&'a str>,
}

/// A proof that was verified. It counts once its [`claim`](Self::claim) is won.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The thumbprint of the key (RFC 7638).
    pub jkt: String,
    once: TokenHash,
    forget_at: OffsetDateTime,
}

impl Proof {
    /// Uses the proof; lost when it was used before.
    pub fn claim(&self) -> Change {
        store::used_jti::claim(&self.once, self.forget_at)
    }
}

/// Verifies a proof (RFC 9449 §4.3), except that it is unused.
///
/// # Errors
/// Why it is not accepted.
pub fn verify(
    app: &App,
    server: &ServerState,
    client: &Client,
    proof: &str,
    expected: &Expected<'_>,
) -> Result<Proof, ProofError> {
    let limits = Limits { max_len: MAX_PROOF, ..Limits::default() };
    let token = keys::parse(proof, &limits).map_err(|_| DpopError::Malformed)?;
    if !token.header().is_type(TYP) {
        return Err(DpopError::Type.into());
    }
    let algorithm = algorithm(token.header().alg(), client.metadata.profile)?;
    let jwk = token.header().member("jwk").ok_or(DpopError::Key)?;
    let key = VerifyingKey::from_jwk(jwk, algorithm).map_err(|_| DpopError::Key)?;
    let jkt = keys::thumbprint(jwk).map_err(|_| DpopError::Key)?;
    let claims = key.verify(&token).map_err(|error| match error {
        KeyError::AlgorithmMismatch => DpopError::Algorithm,
        _ => DpopError::Signature,
    })?;
    let claims = ProofClaims::read(&claims)?;
    claims.check_request(expected.method, expected.targets)?;
    if let Some(access_token) = expected.access_token {
        // RFC 9449 §4.3, item 12: the hash of the very token that goes with the proof.
        let hash = TokenHash::of(access_token).encoded();
        if !claims.ath.as_deref().is_some_and(|ath| constant_time_eq(ath.as_bytes(), hash.as_bytes())) {
            return Err(DpopError::AccessToken.into());
        }
    }
    let now = app.now();
    claims.check_times(now, app.settings.clock_skew)?;
    if requires_nonce(server, client) && !claims.nonce.as_deref().is_some_and(|nonce| accepts(app, nonce)) {
        return Err(ProofError::UseNonce(nonce(app)));
    }
    Ok(Proof {
        // The key and the address are part of it: another client's jti means nothing here.
        once: TokenHash::of(&format!("dpop\n{jkt}\n{}\n{}", claims.htu, claims.jti)),
        forget_at: claims.forget_at(app.settings.clock_skew),
        jkt,
    })
}

/// FAPI 2.0 Security Profile §5.4.1 allows three algorithms.
fn algorithm(alg: &str, profile: Profile) -> Result<Algorithm, DpopError> {
    let algorithm: Algorithm = alg.parse().map_err(|_| DpopError::Algorithm)?;
    let strict = matches!(algorithm, Algorithm::Ps256 | Algorithm::Es256 | Algorithm::EdDsa);
    if profile == Profile::Fapi2 && !strict {
        return Err(DpopError::Algorithm);
    }
    Ok(algorithm)
}

/// Whether proofs of a client need a nonce: where the server is configured so, and for clients of Okta's habits.
pub fn requires_nonce(server: &ServerState, client: &Client) -> bool {
    server.config.server.settings.dpop_nonce_required || client.is_okta_compat()
}

/// The current nonce.
pub fn nonce(app: &App) -> String {
    nonce_of(app, period(app.now()))
}

fn accepts(app: &App, nonce: &str) -> bool {
    let current = period(app.now());
    [current, current - 1]
        .into_iter()
        .any(|period| constant_time_eq(nonce_of(app, period).as_bytes(), nonce.as_bytes()))
}

fn period(now: OffsetDateTime) -> i64 {
    now.unix_timestamp().div_euclid(NONCE_PERIOD)
}

fn nonce_of(app: &App, period: i64) -> String {
    URL_SAFE_NO_PAD.encode(keys::hmac_sha256(&app.derived.dpop_nonce, &[&period.to_be_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9449 §4.2: asymmetric algorithms only; FAPI 2.0 Security Profile §5.4.1: three of them.
    #[test]
    fn sec_h01_algorithms_of_proofs() {
        for alg in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
        {
            for profile in [Profile::Standard, Profile::OktaCompat] {
                assert!(algorithm(alg, profile).is_ok(), "{alg}");
            }
            let strict = ["PS256", "ES256", "EdDSA"].contains(&alg);
            assert_eq!(algorithm(alg, Profile::Fapi2).is_ok(), strict, "{alg}");
        }
        for alg in ["none", "None", "", "HS256", "HS512", "es256", "ES256K", "dir"] {
            assert_eq!(algorithm(alg, Profile::Standard), Err(DpopError::Algorithm), "{alg}");
        }
    }
}
