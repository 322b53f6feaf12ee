//! Errors of protected resources (RFC 6750 §3): an empty body and a challenge.

use http::{HeaderValue, StatusCode, header};
use poem::Response;

use crate::{
    model::authorization_server::UserinfoSettings,
    protocol::{
        bearer::Challenge,
        error::{ErrorCode, OAuthError},
    },
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
