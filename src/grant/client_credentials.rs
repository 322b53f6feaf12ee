//! Client credentials (RFC 6749 §4.4): a machine acts for itself. There is no user, no refresh token and no grant row;
//! only the log event is written.

use super::{Context, GrantError, Redeemed};
use crate::{
    model::authorization_server::ScopeConsent,
    policy::access,
    protocol::{
        grant_type::GrantType,
        okta_scope::OktaScope,
        scope::{ADDRESS, EMAIL, GROUPS, OFFLINE_ACCESS, OPENID, PHONE, PROFILE, ScopeSet},
    },
    store::unit::Unit,
};

/// Scopes that speak about a user.
const USER_SCOPES: [&str; 7] = [OPENID, PROFILE, EMAIL, ADDRESS, PHONE, OFFLINE_ACCESS, GROUPS];

pub(super) fn redeem(context: &Context<'_>, requested: Option<&ScopeSet>) -> Result<Redeemed, GrantError> {
    let config = &context.server.config;
    let scope = match requested {
        Some(scope) => scope.clone(),
        None => {
            let defaults =
                config.scopes.iter().filter(|scope| scope.default && scope.consent != ScopeConsent::Required);
            ScopeSet::from_tokens(defaults.map(|scope| &scope.name))
                .map_err(|_| GrantError::InvalidScope("The default scopes are not valid."))?
        }
    };
    if scope.is_empty() {
        return Err(GrantError::InvalidScope(
            "A scope is needed: none was asked for and there is no default.",
        ));
    }
    for name in scope.iter() {
        if USER_SCOPES.contains(&name) {
            return Err(GrantError::InvalidScope("Scopes that speak about a user need a user."));
        }
        // Okta's administrative scopes exist at the org server, for clients that an administrator gave them to.
        if let Ok(scope) = name.parse::<OktaScope>() {
            if config.server.is_org() && context.client.metadata.okta_scopes.contains(&scope) {
                continue;
            }
            return Err(GrantError::InvalidScope("The client may not have a requested scope."));
        }
        // Machine grants always refuse what they do not know.
        let Some(known) = config.scope(name) else {
            return Err(GrantError::InvalidScope(
                "A requested scope is not configured at this authorization server.",
            ));
        };
        if known.consent == ScopeConsent::Required {
            return Err(GrantError::ConsentRequired);
        }
    }
    let names: Vec<&str> = scope.iter().collect();
    let facts = access::Facts {
        client_id: &context.client.id,
        grant_type: GrantType::ClientCredentials.as_str(),
        user: None,
        scopes: &names,
    };
    let granted = access::evaluate(&config.policies, &facts, context.app.settings.token_lifetimes)
        .map_err(|_| GrantError::AccessDenied)?;
    Ok(Redeemed {
        unit: Unit::new(),
        lost: |_| GrantError::InvalidGrant("unexpected"),
        grant: None,
        user: None,
        access_lifetime: granted.lifetimes.access(),
        scope,
        refresh_token: None,
        nonce: None,
        kind: GrantType::ClientCredentials,
    })
}
