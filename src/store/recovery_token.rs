//! Tokens of recovery, unlocking and activation: one-time, kept as a hash only, at most one of each kind a user.

use entity::recovery_token;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use time::OffsetDateTime;

use super::{Database, instant, instant_opt, millis, unit::Change};
use crate::{
    fault::Fault,
    id::UserId,
    model::{recovery::RecoveryKind, user::User},
    secret::TokenHash,
};

/// What a recovery token stands for.
#[derive(Clone, Debug)]
pub struct RecoveryToken {
    /// Its hash.
    pub hash: TokenHash,
    /// Whose account it is about.
    pub user_id: UserId,
    /// What it permits.
    pub kind: RecoveryKind,
    /// The user's mail addresses when it was issued, hashed.
    pub addresses: String,
    /// When the user's password had been set, at that time.
    pub password_changed_at: Option<OffsetDateTime>,
    /// When it was issued.
    pub created_at: OffsetDateTime,
    /// When it dies.
    pub expires_at: OffsetDateTime,
    /// When it was used or became void.
    pub consumed_at: Option<OffsetDateTime>,
}

impl RecoveryToken {
    /// Whether it can still be used by that user: not used, not expired, and neither the password nor a mail
    /// address, which are hashed in `addresses`, has changed since it was issued (security rule S4).
    pub fn is_live(&self, user: &User, addresses: &str, now: OffsetDateTime) -> bool {
        self.consumed_at.is_none()
            && self.expires_at > now
            && self.user_id == user.id
            && self.password_changed_at.map(millis) == user.password_changed_at.map(millis)
            && self.addresses == addresses
    }
}

/// Issues a token; an older one of the same kind and user is no more.
pub fn issue(token: &RecoveryToken) -> Change {
    Change::new(
        r#"INSERT INTO "recovery_token" ("user_id", "kind", "token_hash", "addresses_hash", "password_changed_at",
             "created_at", "expires_at", "consumed_at") VALUES ($1, $2, $3, $4, $5, $6, $7, NULL)
           ON CONFLICT ("user_id", "kind") DO UPDATE SET "token_hash" = excluded."token_hash",
             "addresses_hash" = excluded."addresses_hash", "password_changed_at" = excluded."password_changed_at",
             "created_at" = excluded."created_at", "expires_at" = excluded."expires_at", "consumed_at" = NULL"#,
        vec![
            token.user_id.as_str().into(),
            token.kind.as_str().into(),
            token.hash.encoded().into(),
            token.addresses.as_str().into(),
            token.password_changed_at.map(millis).into(),
            millis(token.created_at).into(),
            millis(token.expires_at).into(),
        ],
    )
}

/// Finds a token, whether or not it can still be used.
///
/// # Errors
/// The database failed.
pub async fn find(db: &Database, hash: &TokenHash) -> Result<Option<RecoveryToken>, Fault> {
    let row = recovery_token::Entity::find()
        .filter(recovery_token::Column::TokenHash.eq(hash.encoded()))
        .one(db.reader())
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(RecoveryToken {
        hash: *hash,
        kind: RecoveryKind::parse(&row.kind).ok_or_else(|| Fault::stored("recovery_token.kind"))?,
        user_id: UserId::new(row.user_id),
        addresses: row.addresses_hash,
        password_changed_at: instant_opt(row.password_changed_at)?,
        created_at: instant(row.created_at)?,
        expires_at: instant(row.expires_at)?,
        consumed_at: instant_opt(row.consumed_at)?,
    }))
}

/// Uses a token; lost when it was used before, has expired, was replaced, or the password has changed since.
pub fn consume(hash: &TokenHash, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "recovery_token" SET "consumed_at" = $1
           WHERE "token_hash" = $2 AND "consumed_at" IS NULL AND "expires_at" > $1
             AND EXISTS (SELECT 1 FROM "user" u WHERE u."id" = "recovery_token"."user_id"
               AND u."password_changed_at" IS NOT DISTINCT FROM "recovery_token"."password_changed_at")"#,
        vec![millis(now).into(), hash.encoded().into()],
    )
}
