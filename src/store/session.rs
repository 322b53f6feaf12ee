//! Sign-on sessions. Only the SHA-256 of the cookie is kept.

use entity::session;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QueryResult, QuerySelect};
use time::{Duration, OffsetDateTime};

use super::{
    Database,
    db::{Columns, query_all, query_one},
    instant, instant_opt, millis,
    unit::{Change, Row},
};
use crate::{
    fault::Fault,
    id::{AuthorizationServerId, ClientId, FactorId, SessionId, UserId},
    model::session::{CookieLifetime, Session, VerifiedFactor},
    secret::TokenHash,
};

fn model(row: session::Model) -> Result<Session, Fault> {
    Ok(Session {
        id: SessionId::new(row.id),
        user_id: UserId::new(row.user_id),
        auth_time: instant(row.auth_time)?,
        factors: serde_json::from_str::<Vec<VerifiedFactor>>(&row.factors)?,
        created_at: instant(row.created_at)?,
        last_seen_at: instant(row.last_seen_at)?,
        expires_at: instant(row.expires_at)?,
        ended_at: instant_opt(row.ended_at)?,
        idle_lifetime: row.idle_lifetime.map(Duration::milliseconds),
        cookie: cookie(row.persistent_cookie),
        remembered: row.remembered,
    })
}

fn cookie(persistent: bool) -> CookieLifetime {
    if persistent { CookieLifetime::Session } else { CookieLifetime::Browser }
}

/// Finds the session that a cookie opens, ended or not.
///
/// # Errors
/// The database failed.
pub async fn find_by_token(db: &Database, token: &TokenHash) -> Result<Option<Session>, Fault> {
    let sql = r#"SELECT "id", "user_id", "auth_time", "factors", "created_at", "last_seen_at", "expires_at", "ended_at",
                   "idle_lifetime", "persistent_cookie", "remembered"
                 FROM "session" WHERE "token_hash" = $1"#;
    let Some(row) = query_one(db, sql, vec![token.encoded().into()]).await? else { return Ok(None) };
    let mut row = Columns::of(&row);
    Ok(Some(Session {
        id: SessionId::new(row.next::<String>()?),
        user_id: UserId::new(row.next::<String>()?),
        auth_time: instant(row.next()?)?,
        factors: serde_json::from_str(&row.next::<String>()?)?,
        created_at: instant(row.next()?)?,
        last_seen_at: instant(row.next()?)?,
        expires_at: instant(row.next()?)?,
        ended_at: instant_opt(row.next()?)?,
        idle_lifetime: row.next::<Option<i64>>()?.map(Duration::milliseconds),
        cookie: cookie(row.next()?),
        remembered: row.next()?,
    }))
}

fn idle_millis(lifetime: Duration) -> i64 {
    i64::try_from(lifetime.whole_milliseconds()).unwrap_or(i64::MAX)
}

/// Finds a session, ended or not; absent once it was swept.
///
/// # Errors
/// The database failed.
pub async fn find(db: &Database, id: &SessionId) -> Result<Option<Session>, Fault> {
    session::Entity::find_by_id(id.as_str()).one(db.reader()).await?.map(model).transpose()
}

/// The sessions of a user that were not ended and are not past their absolute end, with where they began; the last used
/// first, at most a hundred.
///
/// # Errors
/// The database failed.
pub async fn open_of_user(
    db: &Database,
    user: &UserId,
    now: OffsetDateTime,
) -> Result<Vec<(Session, Origin)>, Fault> {
    let rows = session::Entity::find()
        .filter(session::Column::UserId.eq(user.as_str()))
        .filter(session::Column::EndedAt.is_null())
        .filter(session::Column::ExpiresAt.gt(millis(now)))
        .order_by_desc(session::Column::LastSeenAt)
        .order_by_desc(session::Column::Id)
        .limit(100)
        .all(db.reader())
        .await?;
    let with_origin = |row: session::Model| {
        let origin = Origin { ip: row.ip.clone(), user_agent: row.user_agent.clone() };
        Ok((model(row)?, origin))
    };
    rows.into_iter().map(with_origin).collect()
}

/// The sessions of a user that were not ended and show a proof of this factor.
///
/// # Errors
/// The database failed.
pub async fn showing(
    db: &Database,
    (user, factor): (&UserId, &FactorId),
    now: OffsetDateTime,
) -> Result<Vec<Session>, Fault> {
    let rows = session::Entity::find()
        .filter(session::Column::UserId.eq(user.as_str()))
        .filter(session::Column::EndedAt.is_null())
        .filter(session::Column::ExpiresAt.gt(millis(now)))
        // The column is JSON: no more rows than these can show it.
        .filter(session::Column::Factors.contains(factor.as_str()))
        .all(db.reader())
        .await?;
    let shows =
        |session: &Session| session.factors.iter().any(|proof| proof.factor_id.as_ref() == Some(factor));
    let sessions = rows.into_iter().map(model).collect::<Result<Vec<_>, Fault>>()?;
    Ok(sessions.into_iter().filter(shows).collect())
}

/// Where a session began.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Origin {
    /// The client address.
    pub ip: Option<String>,
    /// The user agent.
    pub user_agent: Option<String>,
}

/// The row of a new session.
///
/// # Errors
/// The factors cannot be written as JSON.
pub fn row(session: &Session, token: &TokenHash, origin: Origin) -> Result<Row, Fault> {
    Ok(session::Model {
        id: session.id.to_string(),
        token_hash: token.encoded(),
        user_id: session.user_id.to_string(),
        auth_time: millis(session.auth_time),
        factors: serde_json::to_string(&session.factors)?,
        created_at: millis(session.created_at),
        last_seen_at: millis(session.last_seen_at),
        expires_at: millis(session.expires_at),
        ended_at: session.ended_at.map(millis),
        ip: origin.ip,
        user_agent: origin.user_agent,
        idle_lifetime: session.idle_lifetime.map(idle_millis),
        persistent_cookie: session.cookie == CookieLifetime::Session,
        remembered: session.remembered.clone(),
    }
    .into())
}

/// Replaces the cookie and the authentication facts of a live session (re-authentication of the same user).
///
/// # Errors
/// The factors cannot be written as JSON.
pub fn renew(session: &Session, token: &TokenHash) -> Result<Change, Fault> {
    Ok(Change::new(
        r#"UPDATE "session" SET "token_hash" = $1, "auth_time" = $2, "factors" = $3, "last_seen_at" = $4,
             "idle_lifetime" = $5, "persistent_cookie" = $6, "remembered" = $7
           WHERE "id" = $8 AND "ended_at" IS NULL"#,
        vec![
            token.encoded().into(),
            millis(session.auth_time).into(),
            serde_json::to_string(&session.factors)?.into(),
            millis(session.last_seen_at).into(),
            session.idle_lifetime.map(idle_millis).into(),
            (session.cookie == CookieLifetime::Session).into(),
            session.remembered.clone().into(),
            session.id.as_str().into(),
        ],
    ))
}

/// Leaves a live session with fewer proofs than it had.
///
/// # Errors
/// The factors cannot be written as JSON.
pub fn keep_factors(id: &SessionId, factors: &[VerifiedFactor]) -> Result<Change, Fault> {
    Ok(Change::new(
        r#"UPDATE "session" SET "factors" = $1 WHERE "id" = $2 AND "ended_at" IS NULL"#,
        vec![serde_json::to_string(factors)?.into(), id.as_str().into()],
    ))
}

/// A client at which the user of a session is logged in, because it was given an ID token there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoggedIn {
    /// The session.
    pub session_id: SessionId,
    /// The client.
    pub client_id: ClientId,
    /// The authorization server whose ID tokens the client has.
    pub server_id: AuthorizationServerId,
}

/// The clients at which the user of a session is logged in. Revoked grants count: what became of tokens says nothing
/// about the client's own session.
///
/// # Errors
/// The database failed.
pub async fn logged_in(db: &Database, id: &SessionId) -> Result<Vec<LoggedIn>, Fault> {
    let sql = format!(r#"{LOGGED_IN} AND s."id" = $1"#);
    logged_in_rows(&query_all(db.reader(), &sql, vec![id.as_str().into()]).await?)
}

/// The clients at which a user is logged in, over all sessions that were not ended.
///
/// # Errors
/// The database failed.
pub async fn logged_in_of_user(db: &Database, user: &UserId) -> Result<Vec<LoggedIn>, Fault> {
    let sql = format!(r#"{LOGGED_IN} AND s."user_id" = $1"#);
    logged_in_rows(&query_all(db.reader(), &sql, vec![user.as_str().into()]).await?)
}

const LOGGED_IN: &str = r#"SELECT DISTINCT g."session_id", g."client_id", g."server_id" FROM "grant" g
    JOIN "session" s ON s."id" = g."session_id"
    WHERE s."ended_at" IS NULL AND (' ' || g."scope" || ' ') LIKE '% openid %'"#;

fn logged_in_rows(rows: &[QueryResult]) -> Result<Vec<LoggedIn>, Fault> {
    let text = |row: &QueryResult, column: &str| row.try_get::<String>("", column);
    rows.iter()
        .map(|row| {
            Ok(LoggedIn {
                session_id: SessionId::new(text(row, "session_id")?),
                client_id: ClientId::new(text(row, "client_id")?),
                server_id: AuthorizationServerId::new(text(row, "server_id")?),
            })
        })
        .collect()
}

/// Moves the idle end of a session.
pub fn touch(id: &SessionId, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "session" SET "last_seen_at" = $1 WHERE "id" = $2 AND "ended_at" IS NULL"#,
        vec![millis(now).into(), id.as_str().into()],
    )
}

/// Ends the sessions of a user but one.
pub fn end_others(user: &UserId, kept: &SessionId, now: OffsetDateTime) -> Change {
    Change::of_all(
        r#"UPDATE "session" SET "ended_at" = $1 WHERE "user_id" = $2 AND "id" <> $3 AND "ended_at" IS NULL"#,
        vec![millis(now).into(), user.as_str().into(), kept.as_str().into()],
    )
}

/// Revokes the grants made in the sessions of a user that hold no offline access; before the sessions end.
pub fn revoke_online_grants_of_user(user: &UserId, now: OffsetDateTime) -> Change {
    Change::of_all(
        r#"UPDATE "grant" SET "revoked_at" = $1, "revoke_reason" = 'session_ended'
           WHERE "user_id" = $2 AND "session_id" IS NOT NULL AND "revoked_at" IS NULL
             AND (' ' || "scope" || ' ') NOT LIKE '% offline_access %'"#,
        vec![millis(now).into(), user.as_str().into()],
    )
}

/// The same for all sessions but one.
pub fn revoke_online_grants_of_others(user: &UserId, kept: &SessionId, now: OffsetDateTime) -> Change {
    Change::of_all(
        r#"UPDATE "grant" SET "revoked_at" = $1, "revoke_reason" = 'session_ended'
           WHERE "user_id" = $2 AND "session_id" <> $3 AND "revoked_at" IS NULL
             AND (' ' || "scope" || ' ') NOT LIKE '% offline_access %'"#,
        vec![millis(now).into(), user.as_str().into(), kept.as_str().into()],
    )
}

/// Ends a session.
pub fn end(id: &SessionId, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "session" SET "ended_at" = $1 WHERE "id" = $2 AND "ended_at" IS NULL"#,
        vec![millis(now).into(), id.as_str().into()],
    )
}

/// Revokes the grants made in a session that hold no offline access, so that their tokens are dead after logout.
pub fn revoke_online_grants(id: &SessionId, now: OffsetDateTime) -> Change {
    Change::of_all(
        r#"UPDATE "grant" SET "revoked_at" = $1, "revoke_reason" = 'session_ended'
           WHERE "session_id" = $2 AND "revoked_at" IS NULL
             AND (' ' || "scope" || ' ') NOT LIKE '% offline_access %'"#,
        vec![millis(now).into(), id.as_str().into()],
    )
}
