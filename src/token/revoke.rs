//! Revocation (RFC 7009): of a refresh token with everything of its grant, or of one access token.

use super::access;
use crate::{
    app::App,
    cache::servers::ServerState,
    fault::Fault,
    model::client::Client,
    secret::TokenHash,
    store::{self, unit::Unit},
    syslog::{Caller, Event, EventType},
};

/// Revokes a token of the caller's. A token that is unknown, dead or another client's changes nothing, and the caller
/// cannot tell (RFC 7009 §2.2).
///
/// # Errors
/// The database failed: the token must be taken to live on.
pub async fn revoke(
    app: &App,
    server: &ServerState,
    client: &Client,
    token: &str,
    caller: &Caller,
) -> Result<(), Fault> {
    let now = app.now();
    let event = |kind: &str| {
        Event::new(EventType::TokenRevoke)
            .server(&server.config.server.id)
            .client(&client.id)
            .with("tokenType", kind)
    };
    if token.contains('.') {
        let Ok(claims) = access::verify(server, token, now) else { return Ok(()) };
        if claims.client != client.id {
            return Ok(());
        }
        let mut event = event("access_token").with("jti", claims.jti.as_str());
        if let Some(grant) = &claims.grant {
            event = event.with("grant", grant.as_str());
        }
        let unit = Unit::new()
            .change(store::grant::revoke_jti(&claims.jti, claims.expires_at + app.settings.clock_skew))
            .row(event.row(caller, app.random.as_ref(), now));
        app.db.writer().commit(unit).await?;
        return Ok(());
    }
    let hash = TokenHash::of(token);
    let Some((_, facts)) = store::refresh_token::find(&app.db, &hash).await? else {
        // Native SSO: a device secret takes what was signed in with it along.
        let facts = store::device_secret::find(&app.db, &hash).await?;
        let own = |grant: &crate::model::grant::Grant| {
            grant.client_id == client.id && grant.server_id == server.config.server.id
        };
        if let Some(facts) = facts.filter(|facts| own(&facts.grant)) {
            let mut event = event("device_secret").with("grant", facts.grant.id.as_str());
            if let Some(user) = &facts.grant.user_id {
                event = event.user(user);
            }
            let unit = Unit::new()
                .change(store::device_secret::revoke(&hash, now))
                .change(store::device_secret::revoke_derived(&hash, now))
                .row(event.row(caller, app.random.as_ref(), now));
            app.db.writer().commit(unit).await?;
        }
        return Ok(());
    };
    let grant = &facts.grant;
    if grant.client_id != client.id
        || grant.server_id != server.config.server.id
        || grant.revoked_at.is_some()
    {
        return Ok(());
    }
    let mut event = event("refresh_token").with("grant", grant.id.as_str());
    if let Some(user) = &grant.user_id {
        event = event.user(user);
    }
    let unit = Unit::new().change(store::grant::revoke(&grant.id, "revoked_by_client", now)).row(event.row(
        caller,
        app.random.as_ref(),
        now,
    ));
    app.db.writer().commit(unit).await?;
    Ok(())
}
