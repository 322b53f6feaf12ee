//! `resource` (RFC 8707 §2): what the grant will be for; what is not served here is refused rather than ignored.

use super::{Draft, Facts};
use crate::protocol::{
    error::OAuthError,
    resource::{self, InvalidTarget},
};

pub(super) fn check(facts: &Facts<'_>, draft: &mut Draft) -> Result<(), OAuthError> {
    let asked = resource::requested(facts.request.resource.iter().map(String::as_str))?;
    if !asked.iter().all(|resource| facts.server.config.server.serves(resource)) {
        return Err(InvalidTarget.into());
    }
    draft.resource = asked;
    Ok(())
}
