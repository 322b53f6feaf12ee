//! Which key of a client signed a token: one of its registered or fetched public keys, or one of its secrets. Client
//! assertions and request objects ask the same question.

use keys::{Algorithm, Claims, ClientKeys, MacAlgorithm, MacKey, UnverifiedToken};

use super::secret;
use crate::{app::App, fault::Fault, model::client::Client, protocol::client_metadata::Profile};

/// Why no key of the client is known to have signed a token.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// The algorithm is not one that the client may use.
    #[error("algorithm")]
    Algorithm,
    /// No key of the client verifies the token.
    #[error("signature")]
    Unverified,
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Verifies by the client's public keys: those it registered, or those behind its `jwks_uri`, which is asked again for a
/// key that is not known (OpenID Connect Core §10.1).
///
/// # Errors
/// No public key of the client signed it.
pub async fn by_key(app: &App, client: &Client, token: &UnverifiedToken) -> Result<Claims, SignatureError> {
    let algorithm: Algorithm = token.header().alg().parse().map_err(|_| SignatureError::Algorithm)?;
    // FAPI 2.0 Security Profile §5.4.1
    if client.metadata.profile == Profile::Fapi2
        && !matches!(algorithm, Algorithm::Ps256 | Algorithm::Es256 | Algorithm::EdDsa)
    {
        return Err(SignatureError::Algorithm);
    }
    let kid = token.header().kid();
    let verify =
        |keys: &ClientKeys| keys.select(kid, algorithm).iter().find_map(|key| key.verify(token).ok());
    if let Some(jwks) = &client.metadata.jwks {
        let keys = ClientKeys::parse(jwks).map_err(|_| SignatureError::Unverified)?;
        return verify(&keys).ok_or(SignatureError::Unverified);
    }
    let uri = client.metadata.jwks_uri.as_deref().ok_or(SignatureError::Unverified)?;
    let keys = app
        .remote_jwks
        .find(app.fetch.as_ref(), (&client.id, uri), app.now(), |keys| {
            !keys.select(kid, algorithm).is_empty()
        })
        .await
        .ok_or(SignatureError::Unverified)?;
    verify(&keys).ok_or(SignatureError::Unverified)
}

/// Verifies by the client's secrets that are kept for this (RFC 7518 §3.2).
///
/// # Errors
/// No secret of the client signed it, or one cannot be opened.
pub fn by_secret(app: &App, client: &Client, token: &UnverifiedToken) -> Result<Claims, SignatureError> {
    let algorithm: MacAlgorithm = token.header().alg().parse().map_err(|_| SignatureError::Algorithm)?;
    for secret in secret::unsealed(app, client)? {
        let Ok(key) = MacKey::new(algorithm, secret.expose()) else { continue };
        if let Ok(claims) = key.verify(token) {
            return Ok(claims);
        }
    }
    Err(SignatureError::Unverified)
}
