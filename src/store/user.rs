//! Users and their password locks.

use entity::user;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, SqlErr, sea_query::LikeExpr,
};
use time::OffsetDateTime;

use super::{
    Database,
    db::{Columns, Tx, find_one, query_one},
    instant, instant_opt, millis,
    unit::Change,
};
use crate::{
    fault::Fault,
    id::{SessionId, UserId},
    model::user::{Holder, PasswordLock, Profile, User, UserStatus},
    secret::Secret,
};

pub(super) fn model(row: user::Model) -> Result<User, Fault> {
    let count = |n: i32| u32::try_from(n).map_err(Fault::stored);
    Ok(User {
        status: UserStatus::parse(&row.status).ok_or_else(|| Fault::stored("user.status"))?,
        profile: serde_json::from_str::<Profile>(&row.profile)?,
        id: UserId::new(row.id),
        login: row.login,
        password_hash: row.password_hash.map(Secret::new),
        password_changed_at: instant_opt(row.password_changed_at)?,
        lock: PasswordLock {
            failures: count(row.password_failures)?,
            failures_total: count(row.password_failures_total)?,
            lockouts: count(row.lockouts)?,
            locked_until: instant_opt(row.locked_until)?,
        },
        admin: row.admin,
        not_before: instant(row.not_before)?,
        created_at: instant(row.created_at)?,
        activated_at: instant_opt(row.activated_at)?,
        status_changed_at: instant(row.status_changed_at)?,
        last_login_at: instant_opt(row.last_login_at)?,
        updated_at: instant(row.updated_at)?,
    })
}

/// The columns of [`holder`], in its order.
const HOLDER: &str = r#""id", "status", "login", "profile", "locked_until", "not_before", "updated_at""#;

/// Reads what a statement selects of a user, which an outer join may have left empty.
pub(super) fn holder(row: &mut Columns<'_>) -> Result<Option<Holder>, Fault> {
    let id: Option<String> = row.next()?;
    let status: Option<String> = row.next()?;
    let login: Option<String> = row.next()?;
    let profile: Option<String> = row.next()?;
    let locked_until = instant_opt(row.next()?)?;
    let not_before = instant_opt(row.next()?)?;
    let updated_at = instant_opt(row.next()?)?;
    let (Some(id), Some(status), Some(login), Some(profile), Some(not_before), Some(updated_at)) =
        (id, status, login, profile, not_before, updated_at)
    else {
        return Ok(None);
    };
    Ok(Some(Holder {
        id: UserId::new(id),
        status: UserStatus::parse(&status).ok_or_else(|| Fault::stored("user.status"))?,
        login,
        profile: serde_json::from_str(&profile)?,
        locked_until,
        not_before,
        updated_at,
    }))
}

/// Finds a user for a session or a token.
///
/// # Errors
/// The database failed.
pub async fn find_holder(db: &Database, id: &UserId) -> Result<Option<Holder>, Fault> {
    let sql = format!(r#"SELECT {HOLDER} FROM "user" WHERE "id" = $1"#);
    let Some(row) = query_one(db, &sql, vec![id.as_str().into()]).await? else { return Ok(None) };
    holder(&mut Columns::of(&row))
}

fn row(user: &User, login_key: &str) -> Result<user::Model, Fault> {
    let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    Ok(user::Model {
        id: user.id.to_string(),
        status: user.status.as_str().to_owned(),
        login: user.login.clone(),
        login_key: login_key.to_owned(),
        profile: serde_json::to_string(&user.profile)?,
        password_hash: user.password_hash.as_ref().map(|hash| hash.expose().clone()),
        password_changed_at: user.password_changed_at.map(millis),
        password_failures: count(user.lock.failures),
        password_failures_total: count(user.lock.failures_total),
        lockouts: count(user.lock.lockouts),
        locked_until: user.lock.locked_until.map(millis),
        admin: user.admin,
        not_before: millis(user.not_before),
        created_at: millis(user.created_at),
        activated_at: user.activated_at.map(millis),
        status_changed_at: millis(user.status_changed_at),
        last_login_at: user.last_login_at.map(millis),
        updated_at: millis(user.updated_at),
    })
}

/// Finds a user.
///
/// # Errors
/// The database failed.
pub async fn find(db: &Database, id: &UserId) -> Result<Option<User>, Fault> {
    find_one(db.reader(), user::Entity::find_by_id(id.as_str())).await?.map(model).transpose()
}

/// Finds a user by the normalised login.
///
/// # Errors
/// The database failed.
pub async fn find_by_login(db: &Database, login_key: &str) -> Result<Option<User>, Fault> {
    let query = user::Entity::find().filter(user::Column::LoginKey.eq(login_key));
    find_one(db.reader(), query).await?.map(model).transpose()
}

/// Finds a user by the normalised login, inside a transaction.
///
/// # Errors
/// The database failed.
pub async fn find_by_login_in(tx: &Tx, login_key: &str) -> Result<Option<User>, Fault> {
    // Locked where the database locks rows: what is written back is what was read.
    let user = user::Entity::find().filter(user::Column::LoginKey.eq(login_key)).lock_exclusive();
    user.one(&tx.0).await?.map(model).transpose()
}

/// Finds a user, inside a transaction.
///
/// # Errors
/// The database failed.
pub async fn find_in(tx: &Tx, id: &UserId) -> Result<Option<User>, Fault> {
    user::Entity::find_by_id(id.as_str()).lock_exclusive().one(&tx.0).await?.map(model).transpose()
}

/// Finds the user whose login is this before its `@`, if there is only one.
///
/// # Errors
/// The database failed.
pub async fn find_by_short_name(db: &Database, name: &str) -> Result<Option<User>, Fault> {
    let escaped: String = name
        .chars()
        .flat_map(|c| matches!(c, '%' | '_' | '\\').then_some('\\').into_iter().chain([c]))
        .collect();
    let begins = LikeExpr::new(format!("{escaped}@%")).escape('\\');
    let found =
        user::Entity::find().filter(user::Column::LoginKey.like(begins)).limit(2).all(db.reader()).await?;
    match <[user::Model; 1]>::try_from(found) {
        Ok([only]) => model(only).map(Some),
        Err(_) => Ok(None),
    }
}

/// Which users are read.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Those whose ids come after this one.
    pub after: Option<String>,
    /// The one with this id.
    pub id: Option<String>,
    /// The one with this login.
    pub login_key: Option<String>,
    /// At most so many.
    pub limit: u64,
}

/// Users in the order of their ids.
///
/// # Errors
/// The database failed.
pub async fn page(db: &Database, page: &Page) -> Result<Vec<User>, Fault> {
    let mut query = user::Entity::find().order_by_asc(user::Column::Id).limit(page.limit);
    if let Some(after) = &page.after {
        query = query.filter(user::Column::Id.gt(after.as_str()));
    }
    if let Some(id) = &page.id {
        query = query.filter(user::Column::Id.eq(id.as_str()));
    }
    if let Some(key) = &page.login_key {
        query = query.filter(user::Column::LoginKey.eq(key.as_str()));
    }
    query.all(db.reader()).await?.into_iter().map(model).collect()
}

/// The users with these ids.
///
/// # Errors
/// The database failed.
pub async fn find_all(db: &Database, ids: &[&str]) -> Result<Vec<User>, Fault> {
    let query = user::Entity::find().filter(user::Column::Id.is_in(ids.iter().copied()));
    query.all(db.reader()).await?.into_iter().map(model).collect()
}

/// Whether a user was inserted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Inserted {
    /// It was.
    Yes,
    /// Somebody else has the login; the transaction is good for nothing more.
    LoginTaken,
}

/// Inserts a user, unless somebody else took the login since it was looked for.
///
/// # Errors
/// The database failed.
pub async fn insert_unless_taken(tx: &Tx, user: &User, login_key: &str) -> Result<Inserted, Fault> {
    match row(user, login_key)?.into_active_model().insert(&tx.0).await {
        Ok(_) => Ok(Inserted::Yes),
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            Ok(Inserted::LoginTaken)
        }
        Err(error) => Err(error.into()),
    }
}

/// Users in the order of their logins, after a login key, at most `limit`.
///
/// # Errors
/// The database failed.
pub async fn list(db: &Database, after: Option<&str>, limit: u64) -> Result<Vec<User>, Fault> {
    let mut query = user::Entity::find().order_by_asc(user::Column::LoginKey).limit(limit);
    if let Some(after) = after {
        query = query.filter(user::Column::LoginKey.gt(after));
    }
    query.all(db.reader()).await?.into_iter().map(model).collect()
}

/// Whether any user exists.
///
/// # Errors
/// The database failed.
pub async fn any(db: &Database) -> Result<bool, Fault> {
    Ok(user::Entity::find().limit(1).count(db.reader()).await? > 0)
}

/// Inserts a user.
///
/// # Errors
/// The login is taken, or the database failed.
pub async fn insert(tx: &Tx, user: &User, login_key: &str) -> Result<(), Fault> {
    row(user, login_key)?.into_active_model().insert(&tx.0).await?;
    Ok(())
}

/// Replaces everything that is stored of a user.
///
/// # Errors
/// The database failed.
pub async fn update(tx: &Tx, user: &User, login_key: &str) -> Result<(), Fault> {
    row(user, login_key)?.into_active_model().reset_all().update(&tx.0).await?;
    Ok(())
}

/// Deletes a user with sessions, consents and grants.
///
/// # Errors
/// The database failed.
pub async fn delete(tx: &Tx, id: &UserId) -> Result<(), Fault> {
    user::Entity::delete_by_id(id.as_str()).exec(&tx.0).await?;
    Ok(())
}

/// Ends all sessions of a user.
pub fn end_sessions(id: &UserId, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "session" SET "ended_at" = $1 WHERE "user_id" = $2 AND "ended_at" IS NULL"#,
        vec![millis(now).into(), id.as_str().into()],
    )
}

/// Revokes all grants of a user.
pub fn revoke_grants(id: &UserId, reason: &str, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "grant" SET "revoked_at" = $1, "revoke_reason" = $2 WHERE "user_id" = $3 AND "revoked_at" IS NULL"#,
        vec![millis(now).into(), reason.into(), id.as_str().into()],
    )
}

/// Moves the `not_before` of a user to now; lost when there is no such user.
pub fn cut(id: &UserId, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "user" SET "not_before" = $1 WHERE "id" = $2"#,
        vec![millis(now).into(), id.as_str().into()],
    )
}

/// Revokes all grants of a user but those made in one session.
pub fn revoke_grants_but(id: &UserId, kept: &SessionId, reason: &str, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "grant" SET "revoked_at" = $1, "revoke_reason" = $2
           WHERE "user_id" = $3 AND ("session_id" IS NULL OR "session_id" <> $4) AND "revoked_at" IS NULL"#,
        vec![millis(now).into(), reason.into(), id.as_str().into(), kept.as_str().into()],
    )
}

/// Makes all session tokens of a user void.
pub fn void_session_tokens(id: &UserId, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "session_token" SET "consumed_at" = $1 WHERE "user_id" = $2 AND "consumed_at" IS NULL"#,
        vec![millis(now).into(), id.as_str().into()],
    )
}

/// Sets the password and the status that follows, and lifts any lock; lost when password or status have changed since
/// the user was read.
pub fn set_password(before: &User, hash: &Secret<String>, status: UserStatus, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "user" SET "password_hash" = $1, "password_changed_at" = $2, "status" = $3,
             "status_changed_at" = CASE WHEN "status" = $3 THEN "status_changed_at" ELSE $2 END,
             "password_failures" = 0, "password_failures_total" = 0, "lockouts" = 0, "locked_until" = NULL
           WHERE "id" = $4 AND "status" = $5 AND "password_hash" IS NOT DISTINCT FROM $6"#,
        vec![
            hash.expose().as_str().into(),
            millis(now).into(),
            status.as_str().into(),
            before.id.as_str().into(),
            before.status.as_str().into(),
            before.password_hash.as_ref().map(|hash| hash.expose().clone()).into(),
        ],
    )
}

/// Moves a user from one status to another; lost when the status has changed since the user was read.
pub fn set_status(before: &User, status: UserStatus, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "user" SET "status" = $1,
             "status_changed_at" = CASE WHEN "status" = $1 THEN "status_changed_at" ELSE $2 END
           WHERE "id" = $3 AND "status" = $4"#,
        vec![
            status.as_str().into(),
            millis(now).into(),
            before.id.as_str().into(),
            before.status.as_str().into(),
        ],
    )
}

/// Forgets wrong passwords.
pub fn forgive(id: &UserId) -> Change {
    Change::new(
        r#"UPDATE "user" SET "password_failures" = 0, "password_failures_total" = 0, "lockouts" = 0,
             "locked_until" = NULL WHERE "id" = $1"#,
        vec![id.as_str().into()],
    )
}

/// Lifts a lock that time would lift too; what was counted in all, up to the lock that only a reset ends, stays.
pub fn lift_lock(id: &UserId, until_reset: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "user" SET "password_failures" = 0, "locked_until" = NULL
           WHERE "id" = $1 AND ("locked_until" IS NULL OR "locked_until" < $2)"#,
        vec![id.as_str().into(), millis(until_reset).into()],
    )
}

/// Ends all sessions of a user and revokes all grants.
///
/// # Errors
/// The database failed.
pub async fn end_everything(tx: &Tx, id: &UserId, reason: &str, now: OffsetDateTime) -> Result<(), Fault> {
    end_sessions(id, now).run(&tx.0).await?;
    revoke_grants(id, reason, now).run(&tx.0).await?;
    Ok(())
}

/// The moments that charging an attempt writes: now, the end of a lock by the number of locks before it, and the end
/// that only a reset brings.
pub struct Charge<'a> {
    /// A lock that ended by then no longer counts.
    pub now: OffsetDateTime,
    /// The end of a lock by the number of locks before it.
    pub lock_ends: &'a [OffsetDateTime; 9],
    /// The end of a lock that only a reset ends.
    pub until_reset: OffsetDateTime,
    /// Wrong passwords in a row that lock.
    pub threshold: u32,
    /// Wrong passwords in all that lock until a reset.
    pub cap: u32,
}

/// Charges one attempt to the user before the password is looked at: a burst of parallel guesses cannot get more tries
/// than the budget has. Lost when the user is locked.
pub fn claim_attempt(id: &UserId, charge: &Charge<'_>) -> Change {
    let mut values: Vec<sea_orm::Value> = vec![
        id.as_str().into(),
        millis(charge.now).into(),
        i64::from(charge.threshold).into(),
        i64::from(charge.cap).into(),
        millis(charge.until_reset).into(),
    ];
    values.extend(charge.lock_ends.iter().map(|&end| sea_orm::Value::from(millis(end))));
    Change::new(
        r#"UPDATE "user" SET
             "password_failures_total" = "password_failures_total" + 1,
             "password_failures" = CASE WHEN "password_failures" + 1 >= $3 THEN 0 ELSE "password_failures" + 1 END,
             "lockouts" = CASE WHEN "password_failures" + 1 >= $3 THEN "lockouts" + 1 ELSE "lockouts" END,
             "locked_until" = CASE
               WHEN "password_failures_total" + 1 >= $4 THEN $5
               WHEN "password_failures" + 1 < $3 THEN NULL
               WHEN "lockouts" = 0 THEN $6 WHEN "lockouts" = 1 THEN $7 WHEN "lockouts" = 2 THEN $8
               WHEN "lockouts" = 3 THEN $9 WHEN "lockouts" = 4 THEN $10 WHEN "lockouts" = 5 THEN $11
               WHEN "lockouts" = 6 THEN $12 WHEN "lockouts" = 7 THEN $13 ELSE $14 END
           WHERE "id" = $1 AND ("locked_until" IS NULL OR "locked_until" <= $2)"#,
        values,
    )
}

/// Charges an attempt that is looked at while the user is locked; lost when there is no lock, or one that only a reset ends.
pub fn claim_locked_attempt(id: &UserId, (cap, until_reset): (u32, OffsetDateTime)) -> Change {
    Change::new(
        r#"UPDATE "user" SET "password_failures_total" = "password_failures_total" + 1,
             "locked_until" = CASE WHEN "password_failures_total" + 1 >= $1 THEN $2 ELSE "locked_until" END
           WHERE "id" = $3 AND "password_failures_total" < $1"#,
        vec![i64::from(cap).into(), millis(until_reset).into(), id.as_str().into()],
    )
}

/// Notes a sign-in that did not touch the user's own budget (a known browser has its own).
pub fn touch_last_login(id: &UserId, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "user" SET "last_login_at" = $1 WHERE "id" = $2"#,
        vec![millis(now).into(), id.as_str().into()],
    )
}

/// Replaces a password hash by one with today's parameters, unless the password has changed meanwhile.
pub fn replace_password_hash(id: &UserId, old: &Secret<String>, new: &Secret<String>) -> Change {
    Change::new(
        r#"UPDATE "user" SET "password_hash" = $1 WHERE "id" = $2 AND "password_hash" = $3"#,
        vec![new.expose().as_str().into(), id.as_str().into(), old.expose().as_str().into()],
    )
}
