//! `scope` (RFC 6749 §3.3): unknown words are ignored, except for `okta_compat` clients, whose request is refused.

use super::{Draft, Facts};
use crate::protocol::{
    error::OAuthError,
    grant_type::GrantType,
    response_type::ResponseType,
    scope::{OFFLINE_ACCESS, OPENID, ScopeSet},
};

pub(super) fn check(facts: &Facts<'_>, draft: &mut Draft) -> Result<(), OAuthError> {
    let config = &facts.server.config;
    let asked = match facts.request.scope.as_deref() {
        Some(scope) => ScopeSet::parse(scope)?,
        None => ScopeSet::from_tokens(
            config.scopes.iter().filter(|scope| scope.default).map(|scope| &scope.name),
        )?,
    };
    let known = asked.filtered(|name| config.scope(name).is_some());
    if facts.client.is_okta_compat() && known.len() < asked.len() {
        return Err(OAuthError::invalid_scope(
            "A requested scope is not configured at this authorization server.",
        ));
    }
    if known.is_empty() {
        return Err(OAuthError::invalid_scope(
            "No requested scope is configured at this authorization server.",
        ));
    }
    // Core §3.1.2.1: without openid there is no ID token.
    if draft.response_type.is_some_and(ResponseType::has_id_token) && !known.contains(OPENID) {
        return Err(OAuthError::invalid_scope("An ID token needs the scope openid."));
    }
    // Core §11: ignored, not an error, for a client that cannot refresh, and where no code is issued.
    let refreshes = facts.client.metadata.allows_grant_type(GrantType::RefreshToken)
        && draft.response_type.is_some_and(ResponseType::has_code);
    draft.scope = known.filtered(|name| name != OFFLINE_ACCESS || refreshes);
    Ok(())
}
