//! What endpoints for machines that administer have in common: reading the bearer token, and saying that it lacks a scope.

use http::{HeaderValue, header};
use poem::{Request, Response};

use super::header_text;
use crate::{
    api::error::{bearer, okta::Envelope},
    protocol::{
        bearer::{Challenge, PresentedToken},
        error::{ErrorCode, OAuthError},
        okta_scope::OktaScope,
        params::Params,
        scope::ScopeSet,
        token_response::TokenType,
    },
    secret::Secret,
};

/// The bearer token of a request, from its header (RFC 6750 §2.1); absent: there is none.
///
/// # Errors
/// The answer to a token that was sent in another way, or that is of another kind.
pub(super) fn bearer_token(request: &Request) -> Result<Option<Secret<String>>, Response> {
    let query = Params::parse_query(request.uri().query().unwrap_or_default())
        .map_err(|error| bearer::refused(&error.into()))?;
    let authorization = header_text(request, &header::AUTHORIZATION);
    let presented = PresentedToken::extract(authorization, &query, None)
        .map_err(|error| bearer::refused(&error.into()))?;
    // A header of another scheme is no token that is known here, and neither nothing.
    let foreign = authorization.is_some() && presented.is_none();
    if foreign || presented.as_ref().is_some_and(|token| token.token_type != TokenType::Bearer) {
        return Err(bearer::invalid_token());
    }
    Ok(presented.map(|presented| presented.token))
}

/// Okta's body, and RFC 6750 §3.1's challenge.
pub(in crate::api) fn missing_scope(scope: OktaScope) -> Response {
    let error = OAuthError::new(ErrorCode::InsufficientScope, "The access token lacks a scope.");
    let challenge =
        Challenge::refused(&error).with_scope(&ScopeSet::from_tokens([scope.as_str()]).unwrap_or_default());
    let mut response = Envelope::forbidden().respond();
    if let Ok(value) = HeaderValue::from_str(&challenge.to_string()) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response
}
