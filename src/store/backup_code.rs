//! Recovery and bypass codes. They have 120 random bits, so a plain hash is all that is kept of them (ASVS 6.5.2).

use entity::backup_code;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use time::OffsetDateTime;

use super::{Database, instant, instant_opt, millis, unit::Change};
use crate::{fault::Fault, id::UserId, secret::TokenHash};

/// Who made a code, and for what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BackupKind {
    /// The user, for the day when the factor is lost.
    Recovery,
    /// An administrator, for a user who cannot use the factor.
    Bypass,
}

impl BackupKind {
    /// The word in the database, and in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recovery => "recovery",
            Self::Bypass => "bypass",
        }
    }
}

/// What is known of a code that can still be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BackupCode {
    /// What kind of code it is.
    pub kind: BackupKind,
    /// How often it can still be used.
    pub uses_left: u32,
    /// Who issued it; absent: the user.
    pub issued_by: Option<String>,
    /// When it was issued.
    pub created_at: OffsetDateTime,
    /// When it dies; absent: with its last use.
    pub expires_at: Option<OffsetDateTime>,
}

/// Inserts a code. Not as a row, which units that are committed together insert at their end: each of them removes the codes of
/// those before it.
pub fn insert(user: &UserId, hash: &TokenHash, code: &BackupCode) -> Change {
    Change::new(
        r#"INSERT INTO "backup_code" ("code_hash", "user_id", "kind", "uses_left", "issued_by", "created_at",
             "expires_at") VALUES ($1, $2, $3, $4, $5, $6, $7)"#,
        vec![
            hash.encoded().into(),
            user.as_str().into(),
            code.kind.as_str().into(),
            i32::try_from(code.uses_left).unwrap_or(i32::MAX).into(),
            code.issued_by.clone().into(),
            millis(code.created_at).into(),
            code.expires_at.map(millis).into(),
        ],
    )
}

/// The codes of a kind that a user can still use.
///
/// # Errors
/// The database failed.
pub async fn list(
    db: &Database,
    user: &UserId,
    kind: BackupKind,
    now: OffsetDateTime,
) -> Result<Vec<BackupCode>, Fault> {
    let rows = backup_code::Entity::find()
        .filter(backup_code::Column::UserId.eq(user.as_str()))
        .filter(backup_code::Column::Kind.eq(kind.as_str()))
        .filter(backup_code::Column::UsesLeft.gt(0))
        .order_by_asc(backup_code::Column::CreatedAt)
        .order_by_asc(backup_code::Column::CodeHash)
        .all(db.reader())
        .await?;
    let live = rows.into_iter().filter(|row| row.expires_at.is_none_or(|end| end > millis(now)));
    live.map(model).collect()
}

/// Finds a code of a user that can still be used.
///
/// # Errors
/// The database failed.
pub async fn find(
    db: &Database,
    user: &UserId,
    hash: &TokenHash,
    now: OffsetDateTime,
) -> Result<Option<BackupCode>, Fault> {
    let row = backup_code::Entity::find_by_id(hash.encoded())
        .filter(backup_code::Column::UserId.eq(user.as_str()))
        .filter(backup_code::Column::UsesLeft.gt(0))
        .one(db.reader())
        .await?;
    row.filter(|row| row.expires_at.is_none_or(|end| end > millis(now))).map(model).transpose()
}

fn model(row: backup_code::Model) -> Result<BackupCode, Fault> {
    let kinds = [BackupKind::Recovery, BackupKind::Bypass];
    Ok(BackupCode {
        kind: kinds
            .into_iter()
            .find(|kind| kind.as_str() == row.kind)
            .ok_or_else(|| Fault::stored("backup_code.kind"))?,
        uses_left: u32::try_from(row.uses_left).map_err(Fault::stored)?,
        issued_by: row.issued_by,
        created_at: instant(row.created_at)?,
        expires_at: instant_opt(row.expires_at)?,
    })
}

/// Holds the user until the unit is committed, so that of two who issue codes at once one comes after the other and
/// removes what the first made; lost when there is no such user.
pub fn claim_user(user: &UserId) -> Change {
    Change::new(r#"UPDATE "user" SET "id" = "id" WHERE "id" = $1"#, vec![user.as_str().into()])
}

/// Whether a user has a code that can still be used.
///
/// # Errors
/// The database failed.
pub async fn any(db: &Database, user: &UserId, now: OffsetDateTime) -> Result<bool, Fault> {
    let sql = r#"SELECT 1 FROM "backup_code" WHERE "user_id" = $1 AND "uses_left" > 0
                 AND ("expires_at" IS NULL OR "expires_at" > $2) LIMIT 1"#;
    Ok(super::db::query_one(db, sql, vec![user.as_str().into(), millis(now).into()]).await?.is_some())
}

/// Uses a code once; lost when it is used up or has expired.
pub fn claim_use(user: &UserId, hash: &TokenHash, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "backup_code" SET "uses_left" = "uses_left" - 1, "last_used_at" = $3
           WHERE "code_hash" = $1 AND "user_id" = $2 AND "uses_left" > 0
             AND ("expires_at" IS NULL OR "expires_at" > $3)"#,
        vec![hash.encoded().into(), user.as_str().into(), millis(now).into()],
    )
}

/// Removes all codes of a kind.
pub fn remove(user: &UserId, kind: BackupKind) -> Change {
    Change::new(
        r#"DELETE FROM "backup_code" WHERE "user_id" = $1 AND "kind" = $2"#,
        vec![user.as_str().into(), kind.as_str().into()],
    )
}

/// Removes all codes of a user.
pub fn remove_all(user: &UserId) -> Change {
    Change::new(r#"DELETE FROM "backup_code" WHERE "user_id" = $1"#, vec![user.as_str().into()])
}
