//! OAuth errors as JSON (RFC 6749 §5.2).

use http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{Response, error::ResponseError};
use serde_json::json;

use super::okta::Envelope;
use crate::{
    authorize::device::DeviceError,
    cache::Count,
    client::AuthenticateError,
    fault::Fault,
    grant::GrantError,
    protocol::{
        bearer::Challenge,
        dpop::DpopError,
        error::{ErrorCode, OAuthError},
        params::ParamError,
    },
};

/// An OAuth error on its way out.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{error}")]
pub struct OAuthFailure {
    /// What the client is told.
    pub error: OAuthError,
    /// Whether an `Authorization` header was used, which a 401 must then answer with a challenge.
    challenge: bool,
    /// Set when the caller is to slow down.
    throttled: Option<Count>,
    /// In place of the status that goes with the code.
    status: Option<StatusCode>,
    /// The nonce that DPoP proofs need (RFC 9449 §8).
    dpop_nonce: Option<String>,
}

impl From<OAuthError> for OAuthFailure {
    fn from(error: OAuthError) -> Self {
        Self { error, challenge: false, throttled: None, status: None, dpop_nonce: None }
    }
}

impl From<ParamError> for OAuthFailure {
    fn from(error: ParamError) -> Self {
        OAuthError::from(error).into()
    }
}

impl From<Fault> for OAuthFailure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Overloaded(what) => {
                tracing::warn!(what, "overloaded");
                OAuthError::new(ErrorCode::TemporarilyUnavailable, "The server is too busy. Try again.")
                    .into()
            }
            Fault::Database(_) | Fault::Conflict(_) | Fault::Crypto(_) | Fault::Stored(_) | Fault::Io(_) => {
                tracing::error!(fault = %fault, "a request failed");
                OAuthError::server_error().into()
            }
        }
    }
}

impl From<AuthenticateError> for OAuthFailure {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::Request(error) => OAuthError::from(error).into(),
            AuthenticateError::Refused => OAuthError::invalid_client("Client authentication failed.").into(),
            AuthenticateError::Throttled(count) => Self::throttled(count),
            AuthenticateError::Fault(fault) => fault.into(),
        }
    }
}

impl From<GrantError> for OAuthFailure {
    fn from(error: GrantError) -> Self {
        match error {
            GrantError::Client(error) => error.into(),
            GrantError::UnauthorizedClient(grants) => {
                let configured: Vec<&str> = grants.iter().map(|grant| grant.as_str()).collect();
                OAuthError::new(
                    ErrorCode::UnauthorizedClient,
                    format!("The client may not use this grant type. Configured: {}.", configured.join(", ")),
                )
                .into()
            }
            GrantError::BrowserRefused => OAuthError::new(
                ErrorCode::UnauthorizedClient,
                "Browser requests may use authorization_code and refresh_token only, from a trusted origin.",
            )
            .into(),
            GrantError::InvalidGrant(reason) => {
                tracing::info!(reason, "a grant was refused");
                OAuthError::invalid_grant(
                    "The grant is invalid, expired, revoked or was issued to another client.",
                )
                .into()
            }
            GrantError::InvalidRefreshToken(reason) => {
                tracing::info!(reason, "a refresh token was refused");
                // Okta's browser library recognises a dead refresh token by this very text.
                OAuthError::invalid_grant("The refresh token is invalid or expired.").into()
            }
            GrantError::InsufficientAuthentication(reason) => {
                tracing::info!(reason, "policy asks for another sign-in");
                OAuthError::invalid_grant(
                    "The sign-in behind the grant does not satisfy the policy of the application: the user has to sign in again.",
                )
                .into()
            }
            GrantError::InvalidScope(text) => OAuthError::invalid_scope(text).into(),
            GrantError::ConsentRequired => {
                OAuthError::new(ErrorCode::ConsentRequired, "A requested scope needs the consent of a user.")
                    .into()
            }
            GrantError::NoEncryptionKey(_) => OAuthError::invalid_request(
                "The client asked for encrypted ID tokens, and its keys have none to encrypt to.",
            )
            .into(),
            GrantError::InvalidTarget(error) => OAuthError::from(error).into(),
            GrantError::AccessDenied => OAuthError::new(
                ErrorCode::AccessDenied,
                "No access policy of this authorization server allows the request.",
            )
            .into(),
            GrantError::UnsupportedGrantType => OAuthError::new(
                ErrorCode::UnsupportedGrantType,
                "The grant_type is not offered by this authorization server.",
            )
            .into(),
            GrantError::InvalidRequest(text) => OAuthError::invalid_request(text).into(),
            GrantError::Throttled(count) => Self::throttled(count),
            GrantError::AuthorizationPending => {
                OAuthError::new(ErrorCode::AuthorizationPending, "The user has not decided yet.").into()
            }
            GrantError::SlowDown => OAuthError::new(
                ErrorCode::SlowDown,
                "Polls come too fast: wait five seconds longer between them from now on.",
            )
            .into(),
            GrantError::ExpiredToken => {
                OAuthError::new(ErrorCode::ExpiredToken, "The device code has expired.").into()
            }
            GrantError::UserDenied => {
                OAuthError::new(ErrorCode::AccessDenied, "The request was denied.").into()
            }
            GrantError::Dpop(error) => error.into(),
            GrantError::UseDpopNonce(nonce) => Self::use_dpop_nonce(nonce),
            GrantError::Claims(error) => {
                tracing::error!(%error, "a claim could not be computed");
                // The configuration is wrong, not the server: RFC 6749 §5.2's status, as with Okta.
                let status = Some(StatusCode::BAD_REQUEST);
                Self { status, ..OAuthError::server_error().into() }
            }
            GrantError::Fault(fault) => fault.into(),
        }
    }
}

impl From<DeviceError> for OAuthFailure {
    fn from(error: DeviceError) -> Self {
        match error {
            DeviceError::UnauthorizedClient(grants) => GrantError::UnauthorizedClient(grants).into(),
            DeviceError::Scope(error) => error.into(),
            DeviceError::TooMany(count) => Self::throttled(count),
            DeviceError::Fault(fault) => fault.into(),
        }
    }
}

impl From<DpopError> for OAuthFailure {
    fn from(error: DpopError) -> Self {
        OAuthError::new(ErrorCode::InvalidDpopProof, error.to_string()).into()
    }
}

impl OAuthFailure {
    /// A DPoP proof needs this nonce (RFC 9449 §8).
    pub fn use_dpop_nonce(nonce: String) -> Self {
        let error =
            OAuthError::new(ErrorCode::UseDpopNonce, "The DPoP proof needs the nonce of this server.");
        Self { dpop_nonce: Some(nonce), ..error.into() }
    }

    /// Too many requests: both OAuth's members and Okta's.
    pub fn throttled(count: Count) -> Self {
        let error = OAuthError::new(ErrorCode::TemporarilyUnavailable, "Too many requests. Slow down.");
        Self { error, challenge: false, throttled: Some(count), status: None, dpop_nonce: None }
    }

    /// Notes that the request carried an `Authorization` header (RFC 6749 §5.2: the answer then has a challenge).
    #[must_use]
    pub fn to_header(mut self, authorization: Option<&str>) -> Self {
        self.challenge = authorization.is_some();
        self
    }
}

impl ResponseError for OAuthFailure {
    fn status(&self) -> StatusCode {
        if self.throttled.is_some() {
            return StatusCode::TOO_MANY_REQUESTS;
        }
        let usual = || StatusCode::from_u16(self.error.code.status()).unwrap_or(StatusCode::BAD_REQUEST);
        self.status.unwrap_or_else(usual)
    }

    fn as_response(&self) -> Response {
        let mut body = json!({
            "error": self.error.code.as_str(),
            "error_description": self.error.description(),
        });
        if self.throttled.is_some()
            && let (Some(body), Some(okta)) =
                (body.as_object_mut(), Envelope::rate_limit().to_json().as_object())
        {
            body.extend(okta.clone());
        }
        let mut response = json_response(self.status(), &body);
        if let Some(count) = &self.throttled {
            super::okta::rate_limit_headers(response.headers_mut(), count);
        }
        if let Some(nonce) = &self.dpop_nonce {
            supply_nonce(&mut response, nonce);
        }
        if self.challenge
            && self.error.code == ErrorCode::InvalidClient
            && let Ok(challenge) = HeaderValue::from_str(&Challenge::basic("Stepgate").to_string())
        {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// Supplies the nonce of the next DPoP proof (RFC 9449 §8.2).
pub fn supply_nonce(response: &mut Response, nonce: &str) {
    if let Ok(nonce) = HeaderValue::from_str(nonce) {
        response.headers_mut().insert(DPOP_NONCE, nonce);
    }
}

const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// A JSON answer that nobody may keep (RFC 6749 §5.1).
pub fn json_response(status: StatusCode, body: &impl serde::Serialize) -> Response {
    let Ok(bytes) = serde_json::to_vec(body) else { return StatusCode::INTERNAL_SERVER_ERROR.into() };
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json;charset=UTF-8")
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::PRAGMA, "no-cache")
        .body(bytes)
}

/// A JWT of this media type as the whole answer, that nobody may keep.
pub fn jwt_response(media_type: &'static str, jwt: String) -> Response {
    Response::builder()
        .header(header::CONTENT_TYPE, media_type)
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::PRAGMA, "no-cache")
        .body(jwt)
}
