//! The single sign-on session: found by its cookie, created at sign-in, renewed at re-authentication, ended at logout.
//! Its cookie changes whenever credentials were verified.

use time::{Duration, OffsetDateTime};

use super::farewell;
use crate::{
    app::App,
    fault::Fault,
    id::{SessionId, UserId},
    model::session::{Session, VerifiedFactor},
    secret::{Secret, TokenHash, opaque_token},
    store::{self, session::Origin, unit::Unit},
    syslog::Caller,
};

/// How precisely the last use is kept: a write a minute at most.
const TOUCH_EVERY: Duration = Duration::MINUTE;

/// The live session that a cookie opens. Its idle end is moved along.
///
/// # Errors
/// The database failed.
pub async fn find(app: &App, cookie: &str) -> Result<Option<Session>, Fault> {
    let now = app.now();
    let Some(session) = peek(app, cookie).await? else { return Ok(None) };
    if now - session.last_seen_at >= TOUCH_EVERY {
        app.db.writer().commit(Unit::new().change(store::session::touch(&session.id, now))).await?;
    }
    Ok(Some(session))
}

/// The live session that a cookie opens, left as it is.
///
/// # Errors
/// The database failed.
pub async fn peek(app: &App, cookie: &str) -> Result<Option<Session>, Fault> {
    let session = store::session::find_by_token(&app.db, &TokenHash::of(cookie)).await?;
    Ok(session.filter(|session| is_live(session, app.settings.session.idle, app.now())))
}

/// Whether a session counts: not ended, not idle too long, not past its absolute end.
pub fn is_live(session: &Session, idle: Duration, now: OffsetDateTime) -> bool {
    session.ended_at.is_none() && session.expires_at > now && session.last_seen_at + idle > now
}

/// A session that is about to exist, with the cookie that opens it.
pub struct Opened {
    /// The session.
    pub session: Session,
    /// The value of its cookie.
    pub cookie: Secret<String>,
}

/// Adds a new session for the user to the unit; a previous session of the browser that belongs to somebody else ends,
/// one of the same user is renewed under its `sid`. Either way the cookie is new, so a planted one opens nothing.
///
/// # Errors
/// The factors cannot be stored, or the database failed.
pub async fn open(
    app: &App,
    mut unit: Unit,
    user: &UserId,
    factors: Vec<VerifiedFactor>,
    (previous, caller): (Option<&Session>, &Caller),
) -> Result<(Unit, Opened), Fault> {
    let now = app.now();
    let cookie = opaque_token(app.random.as_ref());
    let hash = TokenHash::of(cookie.expose());
    // Authenticated when the last factor was verified, which a session token may carry over from minutes ago.
    let auth_time = factors.iter().map(|factor| factor.at).max().unwrap_or(now);
    if let Some(previous) = previous.filter(|previous| previous.user_id == *user) {
        let session = Session { auth_time, factors, last_seen_at: now, ..previous.clone() };
        unit = unit.claim(store::session::renew(&session, &hash)?);
        return Ok((unit, Opened { session, cookie }));
    }
    if let Some(previous) = previous {
        let parties = farewell::relying_parties(app, &previous.id).await?;
        unit = unit.change(store::session::end(&previous.id, now));
        unit = farewell::add(app, unit, previous, &parties, now)?;
    }
    let session = Session {
        id: SessionId::generate(app.random.as_ref()),
        user_id: user.clone(),
        auth_time,
        factors,
        created_at: now,
        last_seen_at: now,
        expires_at: now + app.settings.session.absolute,
        ended_at: None,
    };
    let origin = Origin { ip: caller.ip.map(|ip| ip.to_string()), user_agent: caller.user_agent.clone() };
    unit = unit.row(store::session::row(&session, &hash, origin)?);
    Ok((unit, Opened { session, cookie }))
}
