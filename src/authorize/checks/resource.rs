//! `resource` (RFC 8707 §2): a server has one audience; asking for another one is refused rather than ignored.

use super::{Draft, Facts};
use crate::protocol::error::{ErrorCode, OAuthError};

pub(super) fn check(facts: &Facts<'_>, _: &mut Draft) -> Result<(), OAuthError> {
    let audience = &facts.server.config.server.audience;
    if facts.request.resource.iter().all(|resource| resource == audience) {
        return Ok(());
    }
    Err(OAuthError::new(ErrorCode::InvalidTarget, "The requested resource is not served here."))
}
