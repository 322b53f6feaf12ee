//! `id_token_hint` (OpenID Connect Core §3.1.2.2): one of our own ID tokens for this client, expired or not.

use super::{Draft, Facts};
use crate::{id::UserId, protocol::error::OAuthError, token::id::verify_hint};

pub(super) fn check(facts: &Facts<'_>, draft: &mut Draft) -> Result<(), OAuthError> {
    let Some(token) = facts.request.id_token_hint.as_deref() else { return Ok(()) };
    match verify_hint(facts.server, token) {
        Some(hint) if hint.client == facts.client.id => {
            draft.hinted_user = Some(UserId::new(hint.subject));
            Ok(())
        }
        Some(_) | None => Err(OAuthError::invalid_request("The id_token_hint is not valid here.")),
    }
}
