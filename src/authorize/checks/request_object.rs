//! Whether the request had to be signed (RFC 9101 §10.5); the object itself was verified before.

use super::{Draft, Facts};
use crate::{
    authorize::parse::Source,
    protocol::error::{ErrorCode, OAuthError},
};

pub(super) fn check(facts: &Facts<'_>, _: &mut Draft) -> Result<(), OAuthError> {
    if facts.request.registration {
        return Err(OAuthError::new(
            ErrorCode::RegistrationNotSupported,
            "The parameter registration is not supported.",
        ));
    }
    if facts.client.metadata.require_signed_request_object && facts.source == Source::Parameters {
        return Err(OAuthError::invalid_request("The client must sign its authorization requests."));
    }
    Ok(())
}
