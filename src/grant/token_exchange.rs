//! Token exchange (RFC 8693) at custom authorization servers: a service acts on behalf of the user whose access token it
//! received, or a second native application signs in with the device secret of the first (OpenID Connect Native SSO 1.0).
//!
//! A token on behalf of a user has no grant of its own: its `jti` names the grant of the subject token. Whatever ends that
//! grant (revocation, logout, suspension, its client switched off) ends every token exchanged from it, at any depth; the
//! acting client's own state is checked beside it ([`crate::token::introspect::live_facts`]).

use std::sync::Arc;

use keys::{Algorithm, Limits};
use serde_json::{Value, json};

use super::{Context, GrantError, Redeemed, decide, refresh_token};
use crate::{
    cache::servers::ServerState,
    claims::subject,
    model::authorization_server::AccessRule,
    policy::access::Granted,
    protocol::{
        client_metadata::ApplicationType,
        grant_type::GrantType,
        resource::InvalidTarget,
        scope::{ADDRESS, DEVICE_SSO, EMAIL, GROUPS, OFFLINE_ACCESS, OPENID, PHONE, PROFILE, ScopeSet},
        token_exchange::{TokenExchange, TokenTypeUri},
    },
    secret::{Secret, TokenHash, constant_time_eq},
    store::{self, unit::Unit},
    token::{
        AccessTokenClaims, access, id, introspect,
        may_issue::{SessionRule, may_issue},
    },
};

/// Scopes that only a user's own sign-in gives.
const USER_SCOPES: [&str; 8] = [OPENID, PROFILE, EMAIL, ADDRESS, PHONE, OFFLINE_ACCESS, GROUPS, DEVICE_SSO];
/// How many services may act one behind the other.
const MAX_ACTORS: usize = 5;

pub(super) async fn redeem(context: &Context<'_>, request: &TokenExchange) -> Result<Redeemed, GrantError> {
    let server = &context.server.config.server;
    if server.is_org() {
        return Err(GrantError::UnsupportedGrantType);
    }
    if request.requested_token_type.is_some_and(|kind| kind != TokenTypeUri::AccessToken) {
        return Err(GrantError::InvalidRequest("Only access tokens are issued here."));
    }
    // RFC 8693 §2.2.2: tokens are for what this server protects, and for nothing else.
    if request.targets.iter().any(|target| *target != server.audience) {
        return Err(InvalidTarget.into());
    }
    match (&request.actor_token, request.subject_token_type) {
        (None, TokenTypeUri::AccessToken) => on_behalf_of(context, request).await,
        (Some((secret, TokenTypeUri::DeviceSecret)), TokenTypeUri::IdToken) => {
            native_sso(context, request, secret).await
        }
        _ => Err(GrantError::InvalidRequest("These token types cannot be exchanged.")),
    }
}

async fn on_behalf_of(context: &Context<'_>, request: &TokenExchange) -> Result<Redeemed, GrantError> {
    // A public client proves nothing: whoever holds the token could act.
    if context.client.metadata.is_public() {
        return Err(GrantError::UnauthorizedClient(context.client.metadata.grant_types.clone()));
    }
    let (issuer, claims) = subject(context, &request.subject_token).await?;
    // Whoever exchanges a bound token without its key would free it of the binding.
    if claims.claims.contains_key("cnf") {
        return Err(GrantError::InvalidGrant("subject_token_bound"));
    }
    let facts = introspect::live_facts(context.app, &issuer, &claims)
        .await?
        .ok_or(GrantError::InvalidGrant("subject_token_dead"))?;
    let user = facts.user.ok_or(GrantError::InvalidGrant("subject_token_without_user"))?;
    let actor = actor(context, &claims)?;
    let scope = scope(context, request.scope.as_ref(), &claims)?;
    let granted = decide::policy(context, &user.id, (GrantType::TokenExchange, &scope)).await?;
    let more = scope.difference(&claims.scope);
    widened(context, &granted, &more)?;
    decide::sensitive(context, &more, &facts.grant.amr)?;
    let mut grant = facts.grant;
    grant.actor = Some(actor);
    grant.resource.clear();
    let unit = Unit::new().claim(store::grant::claim_live(&grant.id));
    Ok(Redeemed {
        // RFC 8693 §2.2.1: not beyond what it was exchanged for.
        access_lifetime: granted.lifetimes.access().min(claims.expires_at - context.now),
        ..Redeemed::of(unit, grant, user, (GrantType::TokenExchange, scope))
    })
}

/// The subject token, of this server or of one that this one trusts.
async fn subject(
    context: &Context<'_>,
    token: &Secret<String>,
) -> Result<(Arc<ServerState>, AccessTokenClaims), GrantError> {
    let own = &context.server.config.server;
    for id in std::iter::once(&own.id).chain(&own.settings.trusted_servers) {
        let Some(server) = context.app.server(id.as_str()).await? else { continue };
        if let Ok(claims) = access::verify(&server, token.expose(), context.now) {
            return Ok((server, claims));
        }
    }
    Err(GrantError::InvalidGrant("subject_token_invalid"))
}

/// RFC 8693 §4.1: the client acts, and behind it whoever acted before.
fn actor(context: &Context<'_>, claims: &AccessTokenClaims) -> Result<Value, GrantError> {
    let before = claims.claims.get("act");
    let chain = std::iter::successors(before, |actor| actor.get("act"));
    if chain.take(MAX_ACTORS).count() == MAX_ACTORS {
        return Err(GrantError::InvalidGrant("too_many_actors"));
    }
    let mut actor = json!({ "sub": context.client.id });
    if let (Some(before), Some(members)) = (before, actor.as_object_mut()) {
        members.insert("act".to_owned(), before.clone());
    }
    Ok(actor)
}

/// What is asked for, or else all that the subject token has and a service may have.
fn scope(
    context: &Context<'_>,
    requested: Option<&ScopeSet>,
    claims: &AccessTokenClaims,
) -> Result<ScopeSet, GrantError> {
    let config = &context.server.config;
    let known = |name: &str| config.scope(name).is_some() && !USER_SCOPES.contains(&name);
    let scope = requested.unwrap_or(&claims.scope).filtered(known);
    match requested {
        Some(requested) if scope.len() < requested.len() => Err(GrantError::InvalidScope(
            "A requested scope is not configured at this authorization server, or needs the user.",
        )),
        _ if scope.is_empty() => Err(GrantError::InvalidScope("No scope is left to act with.")),
        _ => Ok(scope),
    }
}

/// A scope that the subject token does not have is had only where a rule names both it and this grant: rules for
/// everything were not written with a user in mind who never saw the scope.
fn widened(context: &Context<'_>, granted: &Granted, more: &ScopeSet) -> Result<(), GrantError> {
    if more.is_empty() {
        return Ok(());
    }
    let policies = &context.server.config.policies;
    let rule = granted.rule.as_ref().and_then(|(policy, rule)| {
        let policy = policies.iter().find(|known| known.id == *policy)?;
        policy.rules.iter().find(|known| known.id == *rule)
    });
    let names = |rule: &AccessRule, name: &str| {
        let conditions = &rule.conditions;
        conditions.grant_types.iter().any(|kind| kind == GrantType::TokenExchange.as_str())
            && conditions.scopes.iter().any(|scope| scope == name)
    };
    if rule.is_some_and(|rule| more.iter().all(|name| names(rule, name))) {
        Ok(())
    } else {
        Err(GrantError::InvalidScope("A requested scope is not the subject token's."))
    }
}

async fn native_sso(
    context: &Context<'_>,
    request: &TokenExchange,
    secret: &Secret<String>,
) -> Result<Redeemed, GrantError> {
    if context.client.metadata.application_type != ApplicationType::Native {
        return Err(GrantError::UnauthorizedClient(context.client.metadata.grant_types.clone()));
    }
    let hash = TokenHash::of(secret.expose());
    let facts = store::device_secret::find(&context.app.db, &hash).await?;
    let facts = facts.ok_or(GrantError::InvalidGrant("device_secret_unknown"))?;
    let first = &facts.grant;
    if first.server_id != context.server.config.server.id {
        return Err(GrantError::InvalidGrant("device_secret_of_another_server"));
    }
    if first.expires_at.is_some_and(|end| end <= context.now) {
        return Err(GrantError::InvalidGrant("device_secret_expired"));
    }
    may_issue(&facts, SessionRule::MustLive).map_err(|refusal| GrantError::InvalidGrant(refusal.reason()))?;
    // The ID token may have expired, but it is of the same user, session and application (Native SSO §4.3).
    let token = request.subject_token.expose();
    let hint = id::verify_hint(context.server, token).ok_or(GrantError::InvalidGrant("id_token_invalid"))?;
    let subject = match (&first.user_id, context.app.clients.find(&context.app.db, &first.client_id).await?) {
        (Some(user), Some(client)) => Some(subject::of(context.app, &client, user).await?),
        _ => None,
    };
    let same = subject.as_deref() == Some(hint.subject.as_str())
        && hint.client == first.client_id
        && hint.session == first.session_id
        && hint.claims.get("ds_hash").is_none_or(|claimed| is_hash_of(claimed, token, secret));
    if !same {
        return Err(GrantError::InvalidGrant("id_token_of_another_sign_in"));
    }
    let scope = decide::scope(context, request.scope.as_ref())?;
    if !scope.contains(OPENID) {
        return Err(GrantError::InvalidScope("The scope openid is needed."));
    }
    let scope = scope.filtered(|name| name != DEVICE_SSO);
    let user = facts.user.ok_or(GrantError::InvalidGrant("user_gone"))?;
    // The second application has a policy of its own, which the sign-in at the first must satisfy.
    let proved = (first.amr.as_slice(), first.auth_time);
    decide::sign_on(context, decide::SignOn::Before, (&user, &scope), proved).await?;
    decide::consent(context, &user.id, &scope).await?;
    let granted = decide::policy(context, &user.id, (GrantType::TokenExchange, &scope)).await?;
    let how = decide::Authentication {
        session: first.session_id.clone(),
        auth_time: first.auth_time,
        acr: first.acr.clone(),
        amr: first.amr.clone(),
    };
    let mut grant = decide::grant(context, &user, scope.clone(), &granted.lifetimes, how);
    // The sign-in of the first application is what all of this rests on.
    grant.expires_at = match (grant.expires_at, first.expires_at) {
        (Some(own), Some(first)) => Some(own.min(first)),
        (own, first) => own.or(first),
    };
    let mut unit = Unit::new()
        .claim(store::device_secret::claim_live(&hash))
        .claim(store::grant::claim_live(&first.id))
        .change(store::grant::insertion(&grant)?)
        .change(store::device_secret::derive(&hash, &grant.id));
    let refresh_token = refresh_token::first_of(context, &grant).map(|(token, row)| {
        unit = std::mem::take(&mut unit).row(row);
        token
    });
    Ok(Redeemed { refresh_token, ..Redeemed::of(unit, grant, user, (GrantType::TokenExchange, scope)) })
}

/// `ds_hash`, made as `at_hash` is (Native SSO §3.4).
fn is_hash_of(claimed: &Value, id_token: &str, secret: &Secret<String>) -> bool {
    let algorithm = keys::parse(id_token, &Limits::default())
        .ok()
        .and_then(|token| token.header().alg().parse::<Algorithm>().ok());
    algorithm.zip(claimed.as_str()).is_some_and(|(algorithm, claimed)| {
        constant_time_eq(algorithm.left_half_hash(secret.expose().as_bytes()).as_bytes(), claimed.as_bytes())
    })
}
