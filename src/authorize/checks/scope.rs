//! `scope` (RFC 6749 §3.3): unknown words are ignored, except for `okta_compat` clients, whose request is refused.

use super::{Draft, Facts};
use crate::{
    cache::servers::ServerState,
    model::client::Client,
    protocol::{
        error::OAuthError,
        grant_type::GrantType,
        response_type::ResponseType,
        scope::{OFFLINE_ACCESS, OPENID, ScopeSet},
    },
};

pub(super) fn check(facts: &Facts<'_>, draft: &mut Draft) -> Result<(), OAuthError> {
    let asked = facts.request.scope.as_deref().map(ScopeSet::parse).transpose()?;
    let unknown = if facts.client.is_okta_compat() { Unknown::Refused } else { Unknown::Ignored };
    let granted = granted(facts.server, facts.client, asked.as_ref(), unknown)?;
    // Core §3.1.2.1: without openid there is no ID token.
    if draft.response_type.is_some_and(ResponseType::has_id_token) && !granted.contains(OPENID) {
        return Err(OAuthError::invalid_scope("An ID token needs the scope openid."));
    }
    // Core §11: ignored where no code is issued.
    let code = draft.response_type.is_some_and(ResponseType::has_code);
    draft.scope = granted.filtered(|name| name != OFFLINE_ACCESS || code);
    Ok(())
}

/// What happens to scopes that do not exist here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::authorize) enum Unknown {
    /// They are left out (Core §3.1.2.1).
    Ignored,
    /// The request is refused.
    Refused,
}

/// The scopes of a request that a user can be asked for; the defaults where none were asked for.
pub(in crate::authorize) fn granted(
    server: &ServerState,
    client: &Client,
    asked: Option<&ScopeSet>,
    unknown: Unknown,
) -> Result<ScopeSet, OAuthError> {
    let config = &server.config;
    let asked = match asked {
        Some(scope) => scope.clone(),
        None => ScopeSet::from_tokens(
            config.scopes.iter().filter(|scope| scope.default).map(|scope| &scope.name),
        )?,
    };
    let known = asked.filtered(|name| config.scope(name).is_some());
    if unknown == Unknown::Refused && known.len() < asked.len() {
        return Err(OAuthError::invalid_scope(
            "A requested scope is not configured at this authorization server.",
        ));
    }
    if known.is_empty() {
        return Err(OAuthError::invalid_scope(
            "No requested scope is configured at this authorization server.",
        ));
    }
    // Core §11: ignored, not an error, for a client that cannot refresh.
    let refreshes = client.metadata.allows_grant_type(GrantType::RefreshToken);
    Ok(known.filtered(|name| name != OFFLINE_ACCESS || refreshes))
}
