//! The single sign-on session: found by its cookie, created at sign-in, renewed at re-authentication, ended at logout.
//! Its cookie changes whenever credentials were verified.

use time::{Duration, OffsetDateTime};

use super::farewell;
use crate::{
    app::App,
    fault::Fault,
    id::{SessionId, UserId},
    model::{
        policy::GlobalSession,
        session::{CookieLifetime, Session, VerifiedFactor},
    },
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
    let idle = session.idle_lifetime.unwrap_or(app.settings.session.idle);
    // A short idle lifetime needs a more precise last use.
    if now - session.last_seen_at >= TOUCH_EVERY.min(idle / 10) {
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

/// Whether a session counts: not ended, not idle too long, not past its absolute end. `idle` is how long a session lives
/// without use unless its policy said otherwise.
pub fn is_live(session: &Session, idle: Duration, now: OffsetDateTime) -> bool {
    session.ended_at.is_none() && session.expires_at > now && session.idle_end(idle) > now
}

/// What a session is opened with.
pub struct Opening<'a> {
    /// The user.
    pub user: &'a UserId,
    /// What was proved. It takes the place of what the browser's session had to show: a step-up brings along what still
    /// counts of that (see [`crate::model::session::with_proofs`]).
    pub factors: Vec<VerifiedFactor>,
    /// What the global session policy decided: how long the session lives.
    pub policy: &'a GlobalSession,
    /// What answered that policy's prompt for a factor.
    pub prompt: FactorPromptMet,
    /// The live session of the browser.
    pub previous: Option<&'a Session>,
    /// Who sent the request.
    pub caller: &'a Caller,
}

/// What answered the prompt of a global session policy for a factor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FactorPromptMet {
    /// The factors themselves, or there was none.
    ByFactors,
    /// A remembered browser stood for the factor (security rule S9): as long as that policy stays as it is.
    ByRememberedDevice,
}

/// A session that is about to exist, with the cookie that opens it.
#[derive(Debug)]
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
pub async fn open(app: &App, mut unit: Unit, opening: Opening<'_>) -> Result<(Unit, Opened), Fault> {
    let Opening { user, factors, policy, prompt, previous, caller } = opening;
    let now = app.now();
    let cookie = opaque_token(app.random.as_ref());
    let hash = TokenHash::of(cookie.expose());
    // Authenticated when the last factor was verified, which a session token may carry over from minutes ago.
    let auth_time = factors.iter().map(|factor| factor.at).max().unwrap_or(now);
    let lifetime = policy.session_lifetime.unwrap_or(app.settings.session.absolute);
    let mut session = Session {
        id: SessionId::generate(app.random.as_ref()),
        user_id: user.clone(),
        auth_time,
        factors,
        created_at: now,
        last_seen_at: now,
        expires_at: now + lifetime,
        ended_at: None,
        idle_lifetime: policy.session_idle,
        cookie: if policy.persistent_cookie { CookieLifetime::Session } else { CookieLifetime::Browser },
        remembered: (prompt == FactorPromptMet::ByRememberedDevice).then(|| policy.version.clone()),
    };
    if let Some(previous) = previous.filter(|previous| previous.user_id == *user) {
        session.id = previous.id.clone();
        session.created_at = previous.created_at;
        session.expires_at = previous.expires_at;
        unit = unit.claim(store::session::renew(&session, &hash)?);
        return Ok((unit, Opened { session, cookie }));
    }
    if let Some(previous) = previous {
        let parties = farewell::relying_parties(app, &previous.id).await?;
        unit = unit.change(store::session::end(&previous.id, now));
        unit = farewell::add(app, unit, previous, &parties, now)?;
    }
    let origin = Origin { ip: caller.ip.map(|ip| ip.to_string()), user_agent: caller.user_agent.clone() };
    unit = unit.row(store::session::row(&session, &hash, origin)?);
    Ok((unit, Opened { session, cookie }))
}
