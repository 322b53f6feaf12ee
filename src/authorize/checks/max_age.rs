//! `max_age` (OpenID Connect Core §3.1.2.1), or the client's `default_max_age` (Registration §2).

use super::{Draft, Facts};
use crate::protocol::error::OAuthError;

pub(super) fn check(facts: &Facts<'_>, draft: &mut Draft) -> Result<(), OAuthError> {
    let sent = facts
        .request
        .max_age()
        .map_err(|_| OAuthError::invalid_request("The parameter max_age is not a number of seconds."))?;
    draft.max_age = sent.or(facts.client.metadata.default_max_age);
    Ok(())
}
