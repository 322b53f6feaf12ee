//! `response_type` and `response_mode` (RFC 6749 §3.1.1; OAuth 2.0 Multiple Response Types §2.1).

use super::{Draft, Facts};
use crate::protocol::{
    error::{ErrorCode, OAuthError},
    response_mode::ResponseMode,
    response_type::{RESPONSE_TYPES, ResponseType},
};

pub(super) fn check(facts: &Facts<'_>, draft: &mut Draft) -> Result<(), OAuthError> {
    let Some(sent) = facts.request.response_type.as_deref() else {
        return Err(OAuthError::invalid_request("The parameter response_type is missing."));
    };
    let response_type = sent
        .parse::<ResponseType>()
        .ok()
        .filter(|response_type| RESPONSE_TYPES.contains(response_type))
        .ok_or_else(|| {
            OAuthError::new(ErrorCode::UnsupportedResponseType, "The response_type is not supported.")
        })?;
    let metadata = &facts.client.metadata;
    let granted = response_type.grant_types().iter().all(|grant| metadata.allows_grant_type(*grant));
    // RFC 9449 §5, RFC 8705 §3: nothing that passes through the browser can be bound to a key of the client.
    let unbound = response_type.has_token()
        && (metadata.dpop_bound_access_tokens || metadata.tls_client_certificate_bound_access_tokens);
    if !metadata.allows_response_type(response_type) || !granted || unbound {
        return Err(OAuthError::new(
            ErrorCode::UnauthorizedClient,
            "The client is not registered for this response_type.",
        ));
    }
    ResponseMode::choose(facts.request.response_mode.as_deref(), response_type)?;
    draft.response_type = Some(response_type);
    Ok(())
}
