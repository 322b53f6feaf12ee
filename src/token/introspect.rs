//! Introspection (RFC 7662): whether a token counts at this moment, for a caller that may know.

use serde_json::Value;

use super::{
    AccessTokenClaims, access,
    may_issue::{SessionRule, may_issue},
};
use crate::{
    app::App,
    cache::servers::ServerState,
    fault::Fault,
    model::{Status, client::Client},
    protocol::introspection::{ActiveToken, IntrospectionResponse},
    secret::TokenHash,
    store::{self, grant::GrantFacts},
};

/// Answers for one token. Unknown, expired, revoked, foreign and hidden from the caller look alike.
///
/// # Errors
/// The database failed.
pub async fn introspect(
    app: &App,
    server: &ServerState,
    caller: &Client,
    token: &str,
) -> Result<IntrospectionResponse, Fault> {
    let found = if token.contains('.') {
        match access_token(app, server, caller, token).await? {
            Some(found) => Some(found),
            None => id_token(app, server, caller, token).await?,
        }
    } else {
        refresh_token(app, server, caller, token).await?
    };
    Ok(found
        .map_or(IntrospectionResponse::Inactive, |active| IntrospectionResponse::Active(Box::new(active))))
}

fn may_know(caller: &Client, owner: &str) -> bool {
    caller.introspects_whole_server() || caller.id.as_str() == owner
}

async fn access_token(
    app: &App,
    server: &ServerState,
    caller: &Client,
    token: &str,
) -> Result<Option<ActiveToken>, Fault> {
    let now = app.now();
    let Ok(claims) = access::verify(server, token, now) else { return Ok(None) };
    if !may_know(caller, claims.client.as_str()) {
        return Ok(None);
    }
    let username = if claims.grant.is_some() {
        let Some(facts) = live_facts(app, server, &claims).await? else { return Ok(None) };
        facts.user.map(|user| user.login)
    } else if client_token_is_live(app, server, &claims).await? {
        None
    } else {
        return Ok(None);
    };
    let text = |name: &str| claims.claims.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    const PLACED: [&str; 15] = [
        "ver",
        "jti",
        "iss",
        "aud",
        "sub",
        "iat",
        "exp",
        "cid",
        "client_id",
        "uid",
        "scp",
        "scope",
        "auth_time",
        "acr",
        "amr",
    ];
    Ok(Some(ActiveToken {
        token_type: Some("Bearer".to_owned()),
        scope: Some(claims.scope.to_string()),
        client_id: Some(claims.client.to_string()),
        username,
        exp: Some(claims.expires_at.unix_timestamp()),
        iat: Some(claims.issued_at.unix_timestamp()),
        auth_time: claims.claims.get("auth_time").and_then(Value::as_i64),
        sub: text("sub"),
        aud: claims.claims.get("aud").cloned(),
        iss: text("iss"),
        jti: Some(claims.jti.clone()),
        uid: text("uid"),
        acr: text("acr"),
        cnf: None,
        claims: claims
            .claims
            .iter()
            .filter(|(name, _)| !PLACED.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    }))
}

/// Whether an access token without a grant (client credentials) still counts: one statement.
///
/// # Errors
/// The database failed.
pub async fn client_token_is_live(
    app: &App,
    server: &ServerState,
    claims: &AccessTokenClaims,
) -> Result<bool, Fault> {
    let id = &server.config.server.id;
    let facts = store::grant::find_for_client_token(&app.db, &claims.client, id, &claims.jti).await?;
    Ok(facts.is_some_and(|facts| {
        facts.client_status == Status::Active
            && !facts.jti_revoked
            // `iat` has whole seconds: what was issued in the second of the cut is dead too.
            && claims.issued_at >= facts.not_before
    }))
}

/// The facts of the grant behind an access token that verified, as long as the token counts: one statement.
///
/// # Errors
/// The database failed.
pub async fn live_facts(
    app: &App,
    server: &ServerState,
    claims: &AccessTokenClaims,
) -> Result<Option<GrantFacts>, Fault> {
    let Some(grant) = &claims.grant else { return Ok(None) };
    let facts = store::grant::find_for_token(&app.db, grant, &claims.jti).await?;
    Ok(facts.filter(|facts| {
        !facts.jti_revoked
            && facts.grant.server_id == server.config.server.id
            && facts.grant.client_id == claims.client
            && may_issue(facts, SessionRule::OfflineOutlives).is_ok()
    }))
}

async fn refresh_token(
    app: &App,
    server: &ServerState,
    caller: &Client,
    token: &str,
) -> Result<Option<ActiveToken>, Fault> {
    let now = app.now();
    let Some((token, facts)) = store::refresh_token::find(&app.db, &TokenHash::of(token)).await? else {
        return Ok(None);
    };
    let grant = &facts.grant;
    let rotated = caller_of(app, grant).await?.is_some_and(|client| client.rotates_refresh_tokens());
    if grant.server_id != server.config.server.id
        || !may_know(caller, grant.client_id.as_str())
        || token.expires_at <= now
        || grant.expires_at.is_some_and(|end| end <= now)
        || (rotated && token.first_used_at.is_some())
        || may_issue(&facts, SessionRule::OfflineOutlives).is_err()
    {
        return Ok(None);
    }
    Ok(Some(ActiveToken {
        token_type: Some("Bearer".to_owned()),
        scope: Some(grant.scope.to_string()),
        client_id: Some(grant.client_id.to_string()),
        username: facts.user.as_ref().map(|user| user.login.clone()),
        exp: Some(token.expires_at.unix_timestamp()),
        sub: grant.user_id.as_ref().map(ToString::to_string),
        ..ActiveToken::default()
    }))
}

async fn caller_of(
    app: &App,
    grant: &crate::model::grant::Grant,
) -> Result<Option<std::sync::Arc<Client>>, Fault> {
    app.clients.find(&app.db, &grant.client_id).await
}

async fn id_token(
    app: &App,
    server: &ServerState,
    caller: &Client,
    token: &str,
) -> Result<Option<ActiveToken>, Fault> {
    let Some(hint) = super::id::verify_hint(server, token) else { return Ok(None) };
    let exp = hint.claims.get("exp").and_then(Value::as_i64).unwrap_or(0);
    if !may_know(caller, hint.client.as_str()) || exp <= app.now().unix_timestamp() {
        return Ok(None);
    }
    let client = app.clients.find(&app.db, &hint.client).await?;
    let Some(client) = client.filter(|client| client.is_active()) else { return Ok(None) };
    let user = store::user::find(&app.db, &hint.user).await?;
    let Some(user) = user.filter(crate::model::user::User::is_active) else { return Ok(None) };
    let not_before = user.not_before.max(client.not_before).max(server.config.server.not_before);
    if not_before.unix_timestamp() > hint.claims.get("iat").and_then(Value::as_i64).unwrap_or(0) {
        return Ok(None);
    }
    Ok(Some(ActiveToken {
        token_type: Some("Bearer".to_owned()),
        client_id: Some(hint.client.to_string()),
        username: Some(user.login),
        claims: hint.claims,
        ..ActiveToken::default()
    }))
}
