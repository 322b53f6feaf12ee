//! Refresh (RFC 6749 §6), with rotation that survives lost responses (see [`crate::token::refresh`]).

use super::{Context, GrantError, Redeemed, decide};
use crate::{
    model::grant::Grant,
    protocol::{
        grant_type::GrantType,
        scope::{OFFLINE_ACCESS, ScopeSet},
    },
    secret::{Secret, TokenHash, opaque_token},
    store::{
        self,
        grant::GrantFacts,
        refresh_token::RefreshToken,
        unit::{Change, Row, Unit},
    },
    syslog::{Event, EventType},
    token::{
        may_issue::{SessionRule, may_issue},
        refresh::{Use, child, classify},
    },
};

/// The first refresh token of a new grant, and its row; absent without offline access (Core §11).
pub(super) fn first_of(context: &Context<'_>, grant: &Grant) -> Option<(Secret<String>, Row)> {
    let refreshes = grant.scope.contains(OFFLINE_ACCESS)
        && context.client.metadata.allows_grant_type(GrantType::RefreshToken);
    refreshes.then(|| {
        let token = opaque_token(context.app.random.as_ref());
        let idle_end = context.now + grant.refresh_idle_lifetime;
        let expires_at = grant.expires_at.map_or(idle_end, |end| end.min(idle_end));
        let hash = TokenHash::of(token.expose());
        (token, store::refresh_token::row(&hash, &grant.id, None, context.now, expires_at))
    })
}

pub(super) async fn redeem(
    context: &Context<'_>,
    presented: &Secret<String>,
    requested: Option<&ScopeSet>,
) -> Result<Redeemed, GrantError> {
    let hash = TokenHash::of(presented.expose());
    let Some((token, facts)) = store::refresh_token::find(&context.app.db, &hash).await? else {
        return Err(GrantError::InvalidRefreshToken("refresh_token_unknown"));
    };
    check(context, &facts)?;
    let scope = narrowed(&facts.grant.scope, requested)?;
    if let Some(user) = &facts.user {
        let how = (facts.grant.amr.as_slice(), facts.grant.auth_time);
        decide::sign_on(context, decide::SignOn::AtRefresh, (user, &scope), how).await?;
    }
    if !context.client.rotates_refresh_tokens() {
        return use_static(context, &hash, presented, (token, facts), scope);
    }
    let leeway = time::Duration::seconds(context.client.metadata.refresh_token_settings().leeway.into());
    match classify(&token, leeway, context.now) {
        Use::Expired => Err(GrantError::InvalidRefreshToken("refresh_token_expired")),
        Use::Reuse => Err(reused(context, &facts).await?),
        Use::Repeat => Ok(repeat(context, &hash, &token, facts, scope)),
        Use::First => Ok(first(context, &hash, facts, scope)),
    }
}

/// What must hold whatever use this is.
fn check(context: &Context<'_>, facts: &GrantFacts) -> Result<(), GrantError> {
    let grant = &facts.grant;
    // RFC 6749 §6: bound to the client it was issued to. The rightful client can still use it.
    if grant.client_id != context.client.id || grant.server_id != context.server.config.server.id {
        return Err(GrantError::InvalidRefreshToken("refresh_token_of_another_client_or_server"));
    }
    // RFC 9449 §5, RFC 8705 §4: neither used nor spent, nor its reuse noticed, by whoever does not hold the key.
    context.sender.may_use(grant)?;
    if grant.expires_at.is_some_and(|end| end <= context.now) {
        return Err(GrantError::InvalidRefreshToken("refresh_token_expired"));
    }
    // Core §11: without the scope there is nothing to refresh; it may have been taken from the server since.
    let offered = context.server.config.scope(OFFLINE_ACCESS).is_some();
    if !grant.scope.contains(OFFLINE_ACCESS) || !offered {
        return Err(GrantError::InvalidRefreshToken("offline_access_removed"));
    }
    may_issue(facts, SessionRule::OfflineOutlives)
        .map_err(|refusal| GrantError::InvalidRefreshToken(refusal.reason()))
}

/// RFC 6749 §6: no wider than the grant; the grant itself stays as it is.
fn narrowed(granted: &ScopeSet, requested: Option<&ScopeSet>) -> Result<ScopeSet, GrantError> {
    match requested {
        None => Ok(granted.clone()),
        Some(requested) if requested.is_subset_of(granted) => {
            Ok(granted.filtered(|name| requested.contains(name)))
        }
        Some(_) => Err(GrantError::InvalidScope("A requested scope was not granted.")),
    }
}

fn first(context: &Context<'_>, hash: &TokenHash, facts: GrantFacts, scope: ScopeSet) -> Redeemed {
    let new = child(&context.app.derived, hash, &facts.grant.id);
    let idle_end = context.now + facts.grant.refresh_idle_lifetime;
    // Sliding never passes the absolute end.
    let expires_at = facts.grant.expires_at.map_or(idle_end, |end| end.min(idle_end));
    let row = store::refresh_token::row(
        &TokenHash::of(new.expose()),
        &facts.grant.id,
        Some(hash),
        context.now,
        expires_at,
    );
    let unit = Unit::new().claim(store::refresh_token::claim_first_use(hash, context.now)).row(row);
    redeemed(unit, |_| GrantError::InvalidRefreshToken(RACE), facts, scope, new)
}

/// The word for a first use that lost against a concurrent one.
pub(super) const RACE: &str = "refresh_token_raced";

fn repeat(
    context: &Context<'_>,
    hash: &TokenHash,
    token: &RefreshToken,
    facts: GrantFacts,
    scope: ScopeSet,
) -> Redeemed {
    let same = child(&context.app.derived, hash, &facts.grant.id);
    let (revoke, event) = reuse(context, &facts);
    let first_used_at = token.first_used_at.unwrap_or(context.now);
    // If the child was used meanwhile, this parent is proof of reuse.
    let unit = Unit::new()
        .claim(store::refresh_token::claim_repeat(hash, first_used_at))
        .denial_change(revoke)
        .denial_row(event);
    redeemed(unit, |_| GrantError::InvalidRefreshToken("refresh_token_reused"), facts, scope, same)
}

fn use_static(
    context: &Context<'_>,
    hash: &TokenHash,
    presented: &Secret<String>,
    (token, facts): (RefreshToken, GrantFacts),
    scope: ScopeSet,
) -> Result<Redeemed, GrantError> {
    if token.expires_at <= context.now {
        return Err(GrantError::InvalidRefreshToken("refresh_token_expired"));
    }
    let idle_end = context.now + facts.grant.refresh_idle_lifetime;
    let expires_at = facts.grant.expires_at.map_or(idle_end, |end| end.min(idle_end));
    let unit = Unit::new().claim(store::refresh_token::claim_static_use(hash, context.now, expires_at));
    let lost = |_| GrantError::InvalidRefreshToken("refresh_token_expired");
    Ok(redeemed(unit, lost, facts, scope, presented.clone()))
}

fn redeemed(
    unit: Unit,
    lost: fn(usize) -> GrantError,
    facts: GrantFacts,
    scope: ScopeSet,
    refresh_token: Secret<String>,
) -> Redeemed {
    Redeemed {
        unit,
        lost,
        access_lifetime: facts.grant.access_lifetime,
        user: facts.user,
        grant: Some(facts.grant),
        scope,
        refresh_token: Some(refresh_token),
        device_secret: None,
        // Core §12.2: no new nonce.
        nonce: None,
        kind: GrantType::RefreshToken,
    }
}

fn reuse(context: &Context<'_>, facts: &GrantFacts) -> (Change, Row) {
    let mut event = Event::failure(EventType::TokenDetectReuse, "refresh_token_reused")
        .with("grant", facts.grant.id.as_str())
        .with("artefact", "refresh_token");
    if let Some(user) = &facts.grant.user_id {
        event = event.user(user);
    }
    (store::grant::revoke(&facts.grant.id, "refresh_token_reused", context.now), context.event(event))
}

async fn reused(context: &Context<'_>, facts: &GrantFacts) -> Result<GrantError, GrantError> {
    let (revoke, event) = reuse(context, facts);
    context.app.db.writer().commit(Unit::new().change(revoke).row(event)).await?;
    Ok(GrantError::InvalidRefreshToken("refresh_token_reused"))
}
