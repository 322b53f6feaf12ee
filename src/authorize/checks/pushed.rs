//! Pushed requests (RFC 9126): who may not send one by the browser, and what FAPI 2.0 asks of one.

use super::{Draft, Facts};
use crate::protocol::{client_metadata::Profile, error::OAuthError};

/// RFC 9126 §6: a client that must push is refused at the authorization endpoint (FAPI 2.0 Security Profile §5.3.2.2).
pub(super) fn direct(facts: &Facts<'_>, _: &mut Draft) -> Result<(), OAuthError> {
    if facts.client.metadata.requires_pushed_request() {
        return Err(OAuthError::invalid_request("The client must push its authorization requests."));
    }
    Ok(())
}

/// FAPI 2.0 Security Profile §5.3.2.2: the redirect URI is named in the pushed request.
pub(super) fn redirect_uri(facts: &Facts<'_>, _: &mut Draft) -> Result<(), OAuthError> {
    if facts.client.metadata.profile == Profile::Fapi2 && facts.request.redirect_uri.is_none() {
        return Err(OAuthError::invalid_request("The parameter redirect_uri is missing."));
    }
    Ok(())
}
