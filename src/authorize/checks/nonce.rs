//! `nonce` (OpenID Connect Core §3.2.2.1, §3.3.2.11): mandatory where an ID token travels through the browser, since
//! nothing else ties it to the request.

use super::{Draft, Facts};
use crate::protocol::{error::OAuthError, response_type::ResponseType};

pub(super) fn check(facts: &Facts<'_>, draft: &mut Draft) -> Result<(), OAuthError> {
    let required = draft.response_type.is_some_and(ResponseType::requires_nonce);
    if required && facts.request.nonce.is_none() {
        return Err(OAuthError::invalid_request("The parameter nonce is missing."));
    }
    Ok(())
}
