//! `dpop_jkt` (RFC 9449 §10): the code can then be redeemed with that key only.

use super::{Draft, Facts};
use crate::protocol::{dpop::is_thumbprint, error::OAuthError};

pub(super) fn check(facts: &Facts<'_>, draft: &mut Draft) -> Result<(), OAuthError> {
    let Some(jkt) = facts.request.dpop_jkt.as_deref() else { return Ok(()) };
    if !is_thumbprint(jkt) {
        return Err(OAuthError::invalid_request("The parameter dpop_jkt is not the thumbprint of a key."));
    }
    draft.dpop_jkt = Some(jkt.to_owned());
    Ok(())
}
