//! Introspection (RFC 7662): whether a token counts at this moment, for a caller that may know.

use serde_json::Value;

use super::{
    AccessTokenClaims, access, binding, id,
    may_issue::{SessionRule, may_issue},
};
use crate::{
    app::App,
    cache::servers::ServerState,
    claims::subject,
    fault::Fault,
    model::{Status, client::Client, confirmation::Confirmation, user::Holder},
    protocol::{
        introspection::{ActiveToken, IntrospectionResponse},
        token_response::TokenType,
    },
    secret::TokenHash,
    session::sso,
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
        match refresh_token(app, server, caller, token).await? {
            Some(found) => Some(found),
            None => device_secret(app, server, caller, token).await?,
        }
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
        let Some(client) = app.clients.find(&app.db, &claims.client).await? else { return Ok(None) };
        username(&client, facts.user)
    } else if client_token_is_live(app, server, &claims).await? {
        None
    } else {
        return Ok(None);
    };
    let text = |name: &str| claims.claims.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    let bound = binding::confirmation(&claims);
    const PLACED: [&str; 16] = [
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
        "cnf",
    ];
    Ok(Some(ActiveToken {
        token_type: Some(token_type(&bound)),
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
        cnf: cnf(&bound)?,
        claims: claims
            .claims
            .iter()
            .filter(|(name, _)| !PLACED.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    }))
}

/// `DPoP` for what is bound to the key of proofs (RFC 9449 §6.2).
fn token_type(bound: &Confirmation) -> String {
    let by_proof = bound.jkt.is_some();
    if by_proof { TokenType::DPoP } else { TokenType::Bearer }.as_str().to_owned()
}

/// What a token is bound to, if it is.
fn cnf(bound: &Confirmation) -> Result<Option<Value>, Fault> {
    if *bound == Confirmation::default() { Ok(None) } else { Ok(Some(serde_json::to_value(bound)?)) }
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
    let Some(facts) = store::grant::find_for_token(&app.db, grant, &claims.jti).await? else {
        return Ok(None);
    };
    let own = facts.grant.server_id == server.config.server.id && facts.grant.client_id == claims.client;
    let counts = !facts.jti_revoked
        && may_issue(&facts, SessionRule::OfflineOutlives).is_ok()
        && (own || is_live_exchange(app, server, claims, &facts).await?);
    Ok(counts.then_some(facts))
}

/// Whether a token names a grant of another client because it was exchanged (RFC 8693): it then says itself that its
/// client acts, which only this server can have signed, and lives as long as both clients and both servers do.
async fn is_live_exchange(
    app: &App,
    server: &ServerState,
    claims: &AccessTokenClaims,
    facts: &GrantFacts,
) -> Result<bool, Fault> {
    let actor = claims.claims.get("act").and_then(|actor| actor.get("sub")).and_then(Value::as_str);
    let own = &server.config.server;
    let from = &facts.grant.server_id;
    let trusted = *from == own.id || own.settings.trusted_servers.contains(from);
    if actor != Some(claims.client.as_str()) || !trusted {
        return Ok(false);
    }
    let client = app.clients.find(&app.db, &claims.client).await?;
    Ok(client.is_some_and(|client| {
        client.is_active() && claims.issued_at >= client.not_before.max(own.not_before)
    }))
}

/// A device secret (Okta): it tells the session, and how long the refresh token that it came with may live.
async fn device_secret(
    app: &App,
    server: &ServerState,
    caller: &Client,
    token: &str,
) -> Result<Option<ActiveToken>, Fault> {
    let facts = store::device_secret::find(&app.db, &TokenHash::of(token)).await?;
    let live = facts.filter(|facts| {
        facts.grant.server_id == server.config.server.id
            && may_know(caller, facts.grant.client_id.as_str())
            && facts.grant.expires_at.is_none_or(|end| end > app.now())
            && may_issue(facts, SessionRule::MustLive).is_ok()
    });
    Ok(live.map(|facts| ActiveToken {
        token_type: Some("urn:x-oath:params:oauth:token-type:device-secret".to_owned()),
        exp: facts.grant.expires_at.map(time::OffsetDateTime::unix_timestamp),
        claims: facts
            .grant
            .session_id
            .map(|sid| ("sid".to_owned(), sid.to_string().into()))
            .into_iter()
            .collect(),
        ..ActiveToken::default()
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
    let Some(client) = app.clients.find(&app.db, &grant.client_id).await? else { return Ok(None) };
    let rotated = client.rotates_refresh_tokens();
    if grant.server_id != server.config.server.id
        || !may_know(caller, grant.client_id.as_str())
        || token.expires_at <= now
        || grant.expires_at.is_some_and(|end| end <= now)
        || (rotated && token.first_used_at.is_some())
        || may_issue(&facts, SessionRule::OfflineOutlives).is_err()
    {
        return Ok(None);
    }
    let bound = grant.confirmation.clone().unwrap_or_default();
    let sub = match &grant.user_id {
        Some(user) => Some(subject::of(app, &client, user).await?),
        None => None,
    };
    Ok(Some(ActiveToken {
        token_type: Some(token_type(&bound)),
        cnf: cnf(&bound)?,
        scope: Some(grant.scope.to_string()),
        client_id: Some(grant.client_id.to_string()),
        username: username(&client, facts.user),
        exp: Some(token.expires_at.unix_timestamp()),
        sub,
        ..ActiveToken::default()
    }))
}

/// The login, unless the token's client is not to know the user by what other clients know (Core §8.1).
fn username(client: &Client, user: Option<Holder>) -> Option<String> {
    user.filter(|_| !client.is_pairwise()).map(|user| user.login)
}

async fn id_token(
    app: &App,
    server: &ServerState,
    caller: &Client,
    token: &str,
) -> Result<Option<ActiveToken>, Fault> {
    let Some(hint) = id::verify_hint(server, token) else { return Ok(None) };
    let exp = hint.claims.get("exp").and_then(Value::as_i64).unwrap_or(0);
    if !may_know(caller, hint.client.as_str()) || exp <= app.now().unix_timestamp() {
        return Ok(None);
    }
    if !session_lives(app, &hint).await? {
        return Ok(None);
    }
    let client = app.clients.find(&app.db, &hint.client).await?;
    let Some(client) = client.filter(|client| client.is_active()) else { return Ok(None) };
    let Some(user) = subject::user_behind(app, &client, &hint.subject).await? else { return Ok(None) };
    let user = store::user::find_holder(&app.db, &user).await?;
    let Some(user) = user.filter(Holder::is_active) else { return Ok(None) };
    let not_before = user.not_before.max(client.not_before).max(server.config.server.not_before);
    if not_before.unix_timestamp() > hint.claims.get("iat").and_then(Value::as_i64).unwrap_or(0) {
        return Ok(None);
    }
    Ok(Some(ActiveToken {
        token_type: Some("Bearer".to_owned()),
        client_id: Some(hint.client.to_string()),
        username: username(&client, Some(user)),
        claims: hint.claims,
        ..ActiveToken::default()
    }))
}

/// Whether the session that an ID token speaks of (`sid`) still is one: who signed in there is signed in no more once it
/// has ended, whatever other tokens outlive it. As a hint the token goes on to say whose it was.
async fn session_lives(app: &App, hint: &id::Hint) -> Result<bool, Fault> {
    let Some(id) = &hint.session else { return Ok(true) };
    let session = store::session::find(&app.db, id).await?;
    Ok(session.is_some_and(|session| sso::is_live(&session, app.settings.session.idle, app.now())))
}
