//! Every error code of the OAuth and OpenID Connect specifications that is used here, and the error itself.

use std::borrow::Cow;

use serde::Serialize;
use serde::ser::SerializeStruct;

use crate::protocol::wire_enum::wire_enum;

wire_enum! {
    /// A machine-readable error code (IANA OAuth Extensions Error Registry, and Okta's).
    ErrorCode {
        /// The request lacks a parameter, repeats one or is otherwise malformed (RFC 6749 §4.1.2.1, §5.2).
        InvalidRequest = "invalid_request",
        /// The client may not use this grant or response type (RFC 6749 §4.1.2.1, §5.2).
        UnauthorizedClient = "unauthorized_client",
        /// The resource owner or the server denied the request (RFC 6749 §4.1.2.1).
        AccessDenied = "access_denied",
        /// The response type is not supported (RFC 6749 §4.1.2.1).
        UnsupportedResponseType = "unsupported_response_type",
        /// The response mode is not supported, or not with this response type (Multiple Response Types §2.1).
        UnsupportedResponseMode = "unsupported_response_mode",
        /// A requested scope is unknown, malformed or beyond what was granted (RFC 6749 §4.1.2.1, §5.2).
        InvalidScope = "invalid_scope",
        /// An unexpected condition (RFC 6749 §4.1.2.1).
        ServerError = "server_error",
        /// The server is overloaded or under maintenance (RFC 6749 §4.1.2.1).
        TemporarilyUnavailable = "temporarily_unavailable",
        /// Some interaction is needed, but `prompt=none` forbids it (Core §3.1.2.6).
        InteractionRequired = "interaction_required",
        /// Signing in is needed, but `prompt=none` forbids it (Core §3.1.2.6).
        LoginRequired = "login_required",
        /// Choosing an account is needed, but `prompt=none` forbids it (Core §3.1.2.6).
        AccountSelectionRequired = "account_selection_required",
        /// Consent is needed, but cannot be asked for (Core §3.1.2.6).
        ConsentRequired = "consent_required",
        /// The `request_uri` is unknown, expired or returns no valid data (Core §3.1.2.6; RFC 9101 §7).
        InvalidRequestUri = "invalid_request_uri",
        /// The request object is invalid (Core §3.1.2.6; RFC 9101 §7).
        InvalidRequestObject = "invalid_request_object",
        /// The `request` parameter is not supported (Core §3.1.2.6).
        RequestNotSupported = "request_not_supported",
        /// The `request_uri` parameter is not supported (Core §3.1.2.6).
        RequestUriNotSupported = "request_uri_not_supported",
        /// The `registration` parameter is not supported (Core §3.1.2.6).
        RegistrationNotSupported = "registration_not_supported",
        /// The requested authentication context cannot be reached (Unmet Authentication Requirements §2).
        UnmetAuthenticationRequirements = "unmet_authentication_requirements",
        /// The requested resource or audience is unknown or refused (RFC 8707 §2; RFC 8693 §2.2.2).
        InvalidTarget = "invalid_target",
        /// Client authentication failed (RFC 6749 §5.2).
        InvalidClient = "invalid_client",
        /// The code, refresh token or credentials are invalid, expired or another client's (RFC 6749 §5.2).
        InvalidGrant = "invalid_grant",
        /// The grant type is not supported (RFC 6749 §5.2).
        UnsupportedGrantType = "unsupported_grant_type",
        /// The access token is expired, revoked or invalid (RFC 6750 §3.1).
        InvalidToken = "invalid_token",
        /// The access token lacks a scope the resource needs (RFC 6750 §3.1).
        InsufficientScope = "insufficient_scope",
        /// The authentication behind the access token is too weak or too old (RFC 9470 §3).
        InsufficientUserAuthentication = "insufficient_user_authentication",
        /// Tokens of this type cannot be revoked (RFC 7009 §2.2.1).
        UnsupportedTokenType = "unsupported_token_type",
        /// The client polls too fast (RFC 8628 §3.5).
        SlowDown = "slow_down",
        /// The user has not finished yet (RFC 8628 §3.5).
        AuthorizationPending = "authorization_pending",
        /// The device code or authentication request expired (RFC 8628 §3.5).
        ExpiredToken = "expired_token",
        /// The DPoP proof is invalid (RFC 9449 §5).
        InvalidDpopProof = "invalid_dpop_proof",
        /// The DPoP proof must carry the nonce supplied (RFC 9449 §8).
        UseDpopNonce = "use_dpop_nonce",
        /// A redirect URI is invalid (RFC 7591 §3.2.2).
        InvalidRedirectUri = "invalid_redirect_uri",
        /// A member of the client metadata is invalid (RFC 7591 §3.2.2).
        InvalidClientMetadata = "invalid_client_metadata",
        /// The software statement is invalid (RFC 7591 §3.2.2).
        InvalidSoftwareStatement = "invalid_software_statement",
        /// The software statement is not approved (RFC 7591 §3.2.2).
        UnapprovedSoftwareStatement = "unapproved_software_statement",
        /// The authorization details are invalid (RFC 9396 §5).
        InvalidAuthorizationDetails = "invalid_authorization_details",
        /// The hint names no user (CIBA Core §13).
        UnknownUserId = "unknown_user_id",
        /// The binding message is unacceptable (CIBA Core §13).
        InvalidBindingMessage = "invalid_binding_message",
        /// The user code is wrong (CIBA Core §13; Okta).
        InvalidUserCode = "invalid_user_code",
        /// The user code is missing (CIBA Core §13).
        MissingUserCode = "missing_user_code",
        /// Too many user codes were tried (Okta).
        TooManyUserCodes = "too_many_user_codes",
        /// A further factor is needed (Okta, direct authentication).
        MfaRequired = "mfa_required",
    }
}

impl ErrorCode {
    /// The HTTP status of this error when a JSON endpoint answers with it (RFC 6749 §5.2, RFC 6750 §3.1).
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidClient | Self::InvalidToken | Self::InsufficientUserAuthentication => 401,
            Self::InsufficientScope | Self::MfaRequired => 403,
            Self::TooManyUserCodes => 429,
            Self::ServerError => 500,
            Self::TemporarilyUnavailable => 503,
            Self::InvalidRequest
            | Self::UnauthorizedClient
            | Self::AccessDenied
            | Self::UnsupportedResponseType
            | Self::UnsupportedResponseMode
            | Self::InvalidScope
            | Self::InteractionRequired
            | Self::LoginRequired
            | Self::AccountSelectionRequired
            | Self::ConsentRequired
            | Self::InvalidRequestUri
            | Self::InvalidRequestObject
            | Self::RequestNotSupported
            | Self::RequestUriNotSupported
            | Self::RegistrationNotSupported
            | Self::UnmetAuthenticationRequirements
            | Self::InvalidTarget
            | Self::InvalidGrant
            | Self::UnsupportedGrantType
            | Self::UnsupportedTokenType
            | Self::SlowDown
            | Self::AuthorizationPending
            | Self::ExpiredToken
            | Self::InvalidDpopProof
            | Self::UseDpopNonce
            | Self::InvalidRedirectUri
            | Self::InvalidClientMetadata
            | Self::InvalidSoftwareStatement
            | Self::UnapprovedSoftwareStatement
            | Self::InvalidAuthorizationDetails
            | Self::UnknownUserId
            | Self::InvalidBindingMessage
            | Self::InvalidUserCode
            | Self::MissingUserCode => 400,
        }
    }
}

/// An error as a client sees it; serializes to `error` and `error_description` (RFC 6749 §5.2).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{code}: {description}")]
pub struct OAuthError {
    /// The machine-readable code.
    pub code: ErrorCode,
    description: Cow<'static, str>,
}

impl OAuthError {
    /// An error with a fixed text for developers; the text never repeats what a caller sent.
    ///
    /// Characters outside RFC 6749's set (0x20–0x7E without `"` and `\`) are replaced, so that the text is also safe
    /// inside a quoted header value.
    pub fn new(code: ErrorCode, description: impl Into<Cow<'static, str>>) -> Self {
        Self { code, description: sanitize(description.into()) }
    }

    /// The text for developers, within RFC 6749's character set.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// `invalid_request`.
    pub fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidRequest, description)
    }

    /// `invalid_client`.
    pub fn invalid_client(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidClient, description)
    }

    /// `invalid_grant`.
    pub fn invalid_grant(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidGrant, description)
    }

    /// `invalid_scope`.
    pub fn invalid_scope(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidScope, description)
    }

    /// `server_error`, with the one text that tells nothing.
    pub fn server_error() -> Self {
        Self::new(ErrorCode::ServerError, "The server met an unexpected condition.")
    }
}

impl Serialize for OAuthError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("OAuthError", 2)?;
        members.serialize_field("error", &self.code)?;
        members.serialize_field("error_description", self.description())?;
        members.end()
    }
}

/// Longest description, in characters.
const MAX_DESCRIPTION: usize = 500;

fn sanitize(text: Cow<'static, str>) -> Cow<'static, str> {
    let allowed = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
    if text.len() <= MAX_DESCRIPTION && text.chars().all(allowed) {
        return text;
    }
    let replaced = |c: char| match c {
        '"' => '\'',
        c if allowed(c) => c,
        _ => '?',
    };
    Cow::Owned(text.chars().take(MAX_DESCRIPTION).map(replaced).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_serializes_to_the_two_members() {
        let error = OAuthError::invalid_grant("The refresh token is invalid or expired.");
        assert_eq!(
            serde_json::to_string(&error).unwrap(),
            r#"{"error":"invalid_grant","error_description":"The refresh token is invalid or expired."}"#
        );
    }

    #[test]
    fn a_description_has_only_the_characters_rfc_6749_allows() {
        let error = OAuthError::invalid_request("a \"b\" \\ c\r\nd\té\u{7f}~");
        assert_eq!(error.description(), "a 'b' ? c??d???~");
        let long = OAuthError::invalid_request("x".repeat(9_000));
        assert_eq!(long.description().len(), MAX_DESCRIPTION);
    }

    #[test]
    fn codes_are_unique_and_only_client_failures_are_401_at_the_token_endpoint() {
        let names: std::collections::HashSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), ErrorCode::ALL.len());
        assert_eq!(ErrorCode::InvalidClient.status(), 401);
        assert_eq!(ErrorCode::InvalidGrant.status(), 400);
        assert!("invalid_Grant".parse::<ErrorCode>().is_err());
    }
}
