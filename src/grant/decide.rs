//! What grants without a page share: a user's scopes, assignment, consent and access policy, and the grant that comes of
//! them.

use serde_json::Value;
use time::OffsetDateTime;

use super::{Context, GrantError};
use crate::{
    id::{GrantId, SessionId, UserId},
    model::{
        authorization_server::{ScopeConsent, TokenLifetimes},
        grant::Grant,
        policy::Access,
        user::Holder,
    },
    policy::access::{self, Granted},
    protocol::{
        acr::Acr,
        amr::Amr,
        client_metadata::ConsentMethod,
        grant_type::GrantType,
        scope::{OFFLINE_ACCESS, ScopeSet},
    },
    store,
    user::policies::PolicyFacts,
};

/// The scopes that a request asks for, or the server's defaults; nothing that does not exist here. Grants that nobody
/// sees refuse what they do not know. Offline access is left out for a client that cannot refresh (Core §11).
pub(super) fn scope(context: &Context<'_>, requested: Option<&ScopeSet>) -> Result<ScopeSet, GrantError> {
    let config = &context.server.config;
    let scope = match requested {
        Some(scope) => scope.clone(),
        None => {
            let defaults = config.scopes.iter().filter(|scope| scope.default).map(|scope| &scope.name);
            ScopeSet::from_tokens(defaults)
                .map_err(|_| GrantError::InvalidScope("The default scopes are not valid."))?
        }
    };
    if scope.is_empty() {
        return Err(GrantError::InvalidScope(
            "A scope is needed: none was asked for and there is no default.",
        ));
    }
    if scope.iter().any(|name| config.scope(name).is_none()) {
        return Err(GrantError::InvalidScope(
            "A requested scope is not configured at this authorization server.",
        ));
    }
    let refreshes = context.client.metadata.allows_grant_type(GrantType::RefreshToken);
    Ok(scope.filtered(|name| name != OFFLINE_ACCESS || refreshes))
}

/// Nobody can be asked here: what a user has to agree to must have been agreed to before (Okta's consent matrix).
pub(super) async fn consent(
    context: &Context<'_>,
    user: &UserId,
    scope: &ScopeSet,
) -> Result<(), GrantError> {
    if context.client.metadata.consent_method == ConsentMethod::Trusted {
        return Ok(());
    }
    let config = &context.server.config;
    let required = scope
        .filtered(|name| config.scope(name).is_some_and(|scope| scope.consent == ScopeConsent::Required));
    if required.is_empty() {
        return Ok(());
    }
    let agreed = store::consent::scopes(&context.app.db, user, &context.client.id, &config.server.id).await?;
    let all = required.iter().all(|name| agreed.iter().any(|agreed| agreed == name));
    if all { Ok(()) } else { Err(GrantError::ConsentRequired) }
}

/// Assignment and access policy for a user.
pub(super) async fn policy(
    context: &Context<'_>,
    user: &UserId,
    (kind, scope): (GrantType, &ScopeSet),
) -> Result<Granted, GrantError> {
    let groups = if context.server.needs_groups || context.client.assignment.is_some() {
        store::group::of_user(&context.app.db, user).await?
    } else {
        Vec::new()
    };
    let groups: Vec<_> = groups.into_iter().map(|group| group.id).collect();
    if !context.client.is_for(user, &groups) {
        return Err(GrantError::AccessDenied);
    }
    let names: Vec<&str> = scope.iter().collect();
    let facts = access::Facts {
        client_id: &context.client.id,
        grant_type: kind.as_str(),
        user: Some((user, &groups)),
        scopes: &names,
    };
    access::evaluate(&context.server.config.policies, &facts, context.app.settings.token_lifetimes)
        .map_err(|_| GrantError::AccessDenied)
}

/// Which policies about signing in are asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SignOn {
    /// All: the user signs in by this very request.
    Now,
    /// That of the application: the user signed in before.
    Before,
    /// That of the application, if it wants to be asked again when tokens are refreshed.
    AtRefresh,
}

/// Asks the policies about signing in, where nobody can be asked for more: what was proved must do.
pub(super) async fn sign_on(
    context: &Context<'_>,
    when: SignOn,
    (user, scope): (&Holder, &ScopeSet),
    (amr, auth_time): (&[String], Option<OffsetDateTime>),
) -> Result<(), GrantError> {
    let insufficient = |reason| match when {
        // Whoever guesses passwords does not learn here that one was right.
        SignOn::Now => GrantError::InvalidGrant(reason),
        SignOn::Before | SignOn::AtRefresh => GrantError::InsufficientAuthentication(reason),
    };
    let two_factors = has_two_factors(amr);
    if when != SignOn::AtRefresh && !two_factors && has_sensitive(context, scope) {
        return Err(insufficient("mfa_required"));
    }
    let facts = PolicyFacts::load(context.app, &user.id).await?;
    let subject = facts.subject(&user.id, context.caller.ip);
    let app = facts.set.for_app(&context.client.id, &subject);
    if when == SignOn::AtRefresh && !app.on_refresh {
        return Ok(());
    }
    let session = facts.set.for_user(&subject).session;
    let denied = app.access == Access::Deny || (when == SignOn::Now && session.access == Access::Deny);
    if denied {
        return Err(insufficient("policy_denied"));
    }
    let wanted = app.assurance == Acr::TwoFactorAny || (when == SignOn::Now && session.require_factor);
    if wanted && !two_factors {
        return Err(insufficient("mfa_required"));
    }
    let fresh = |age| auth_time.is_some_and(|at| context.now - at <= age);
    if when != SignOn::Now && app.reauthenticate_in.is_some_and(|age| !fresh(age)) {
        return Err(insufficient("reauthentication_required"));
    }
    Ok(())
}

fn has_two_factors(amr: &[String]) -> bool {
    amr.iter().any(|method| method == Amr::Mfa.as_str())
}

fn has_sensitive(context: &Context<'_>, scope: &ScopeSet) -> bool {
    scope.iter().any(|name| context.server.config.scope(name).is_some_and(|scope| scope.sensitive))
}

/// Refuses sensitive scopes to whoever acts for a user who signed in with less than two factors.
pub(super) fn sensitive(context: &Context<'_>, scope: &ScopeSet, amr: &[String]) -> Result<(), GrantError> {
    if has_sensitive(context, scope) && !has_two_factors(amr) {
        return Err(GrantError::InsufficientAuthentication("mfa_required"));
    }
    Ok(())
}

/// How a user proved who they are, as far as this server knows: tokens say exactly that.
#[derive(Clone, Debug, Default)]
pub(super) struct Authentication {
    pub(super) session: Option<SessionId>,
    pub(super) auth_time: Option<OffsetDateTime>,
    pub(super) acr: Option<String>,
    pub(super) amr: Vec<String>,
}

/// A new grant for a user.
pub(super) fn grant(
    context: &Context<'_>,
    user: &Holder,
    scope: ScopeSet,
    lifetimes: &TokenLifetimes,
    how: Authentication,
) -> Grant {
    Grant {
        id: GrantId::generate(context.app.random.as_ref()),
        server_id: context.server.config.server.id.clone(),
        client_id: context.client.id.clone(),
        user_id: Some(user.id.clone()),
        session_id: how.session,
        scope,
        acr: how.acr,
        amr: how.amr,
        auth_time: how.auth_time,
        access_lifetime: lifetimes.access(),
        refresh_idle_lifetime: lifetimes.refresh_idle(),
        created_at: context.now,
        expires_at: lifetimes.refresh_absolute().map(|lifetime| context.now + lifetime),
        revoked_at: None,
        confirmation: None,
        resource: Vec::new(),
        claims: None,
        actor: None::<Value>,
    }
}
