//! Errors of protected resources (RFC 6750 §3): an empty body and a challenge.

use http::{HeaderValue, StatusCode, header};
use poem::{Response, error::ResponseError};

use super::oauth::{OAuthFailure, supply_nonce};
use crate::{
    client::dpop::ProofError,
    model::authorization_server::UserinfoSettings,
    protocol::{
        bearer::Challenge,
        error::{ErrorCode, OAuthError},
        token_response::TokenType,
    },
    token::binding::BindingError,
};

fn challenged(status: u16, challenge: &Challenge) -> Response {
    let mut response: Response = StatusCode::from_u16(status).unwrap_or(StatusCode::UNAUTHORIZED).into();
    if let Ok(value) = HeaderValue::from_str(&challenge.to_string()) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// No token was sent: there is no error to name (RFC 6750 §3.1).
pub fn missing() -> Response {
    challenged(401, &Challenge::missing("Stepgate"))
}

/// The token or the request was refused.
pub fn refused(error: &OAuthError) -> Response {
    challenged(Challenge::status(Some(error.code)), &Challenge::refused(error))
}

/// A token that is bound to a key, or its proof, was refused (RFC 9449 §7.1).
pub fn dpop_refused(error: &OAuthError, algs: &str) -> Response {
    challenged(401, &Challenge::dpop(error, algs))
}

/// The token is invalid, expired or revoked.
pub fn invalid_token() -> Response {
    refused(&OAuthError::new(ErrorCode::InvalidToken, "The access token is invalid or has expired."))
}

/// The sign-in behind the token is too weak or too long ago; the challenge says what to ask for (RFC 9470 §3).
pub fn insufficient_user_authentication(wanted: &UserinfoSettings) -> Response {
    let error = OAuthError::new(
        ErrorCode::InsufficientUserAuthentication,
        "A stronger or more recent authentication of the user is needed.",
    );
    let mut challenge = Challenge::refused(&error);
    if !wanted.acr_values.is_empty() {
        challenge = challenge.with_acr_values(&wanted.acr_values.join(" "));
    }
    if let Some(max_age) = wanted.max_age {
        challenge = challenge.with_max_age(max_age);
    }
    challenged(Challenge::status(Some(error.code)), &challenge)
}

/// RFC 9449 §7.1: what is wrong with the proof, or that the token is not for whoever sent it.
pub fn unproven(error: BindingError, scheme: TokenType) -> Response {
    let algs: Vec<&str> = keys::Algorithm::ALL.iter().map(|algorithm| algorithm.as_str()).collect();
    let algs = algs.join(" ");
    match error {
        BindingError::Mismatch if scheme == TokenType::DPoP => {
            let text = "The access token is not bound to the key of a DPoP proof.";
            dpop_refused(&OAuthError::new(ErrorCode::InvalidToken, text), &algs)
        }
        BindingError::Mismatch => invalid_token(),
        BindingError::Proof(ProofError::Refused(error)) => {
            let error = OAuthError::new(ErrorCode::InvalidDpopProof, error.to_string());
            dpop_refused(&error, &algs)
        }
        BindingError::Proof(ProofError::UseNonce(nonce)) => {
            let error =
                OAuthError::new(ErrorCode::UseDpopNonce, "The DPoP proof needs the nonce of this server.");
            let mut response = dpop_refused(&error, &algs);
            supply_nonce(&mut response, &nonce);
            response
        }
        BindingError::Fault(fault) => OAuthFailure::from(fault).as_response(),
    }
}
