//! Request objects are not supported yet, and never silently ignored (OpenID Connect Core §3.1.2.6).

use super::{Draft, Facts};
use crate::protocol::error::{ErrorCode, OAuthError};

pub(super) fn check(facts: &Facts<'_>, _: &mut Draft) -> Result<(), OAuthError> {
    let refuse = |code, text: &'static str| Err(OAuthError::new(code, text));
    if facts.request.request.is_some() {
        return refuse(ErrorCode::RequestNotSupported, "The parameter request is not supported.");
    }
    if facts.request.request_uri.is_some() {
        return refuse(ErrorCode::RequestUriNotSupported, "The parameter request_uri is not supported.");
    }
    if facts.request.registration {
        return refuse(ErrorCode::RegistrationNotSupported, "The parameter registration is not supported.");
    }
    Ok(())
}
