//! `response_type` and `response_mode` (RFC 6749 §3.1.1; OAuth 2.0 Multiple Response Types §2.1).

use super::{Draft, Facts};
use crate::protocol::{
    error::{ErrorCode, OAuthError},
    response_mode::ResponseMode,
    response_type::ResponseType,
};

/// What is served: the others are not built, so they are refused for everybody.
const SUPPORTED: [ResponseType; 1] = [ResponseType::Code];

pub(super) fn check(facts: &Facts<'_>, draft: &mut Draft) -> Result<(), OAuthError> {
    let Some(sent) = facts.request.response_type.as_deref() else {
        return Err(OAuthError::invalid_request("The parameter response_type is missing."));
    };
    let response_type = sent
        .parse::<ResponseType>()
        .ok()
        .filter(|response_type| SUPPORTED.contains(response_type))
        .ok_or_else(|| {
            OAuthError::new(ErrorCode::UnsupportedResponseType, "The response_type is not supported.")
        })?;
    if !facts.client.metadata.allows_response_type(response_type) {
        return Err(OAuthError::new(
            ErrorCode::UnauthorizedClient,
            "The client is not registered for this response_type.",
        ));
    }
    ResponseMode::choose(facts.request.response_mode.as_deref(), response_type)?;
    draft.response_type = Some(response_type);
    Ok(())
}
