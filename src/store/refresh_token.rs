//! Refresh tokens (RFC 6749 §6): stored as SHA-256; the grant is their family.

use entity::refresh_token;
use time::OffsetDateTime;

use super::{
    Database,
    db::{Columns, query_one},
    grant::{COLUMNS, GrantFacts, JOINS, facts},
    instant, instant_opt, millis,
    unit::{Change, Row},
};
use crate::{fault::Fault, id::GrantId, secret::TokenHash};

/// What is stored of a refresh token.
#[derive(Clone, Debug)]
pub struct RefreshToken {
    /// The family.
    pub grant_id: GrantId,
    /// When it dies of idleness.
    pub expires_at: OffsetDateTime,
    /// When it was first used.
    pub first_used_at: Option<OffsetDateTime>,
    /// Whether the token that replaced it has been used.
    pub child_used: bool,
}

/// Finds a refresh token with its grant and all that decides about it, in one statement.
///
/// # Errors
/// The database failed.
pub async fn find(db: &Database, token: &TokenHash) -> Result<Option<(RefreshToken, GrantFacts)>, Fault> {
    let sql = format!(
        r#"SELECT {COLUMNS}, t."expires_at", t."first_used_at",
             EXISTS (SELECT 1 FROM "refresh_token" n
                     WHERE n."parent_hash" = t."token_hash" AND n."first_used_at" IS NOT NULL)
           FROM "refresh_token" t JOIN "grant" g ON g."id" = t."grant_id" {JOINS} WHERE t."token_hash" = $1"#
    );
    let Some(row) = query_one(db, &sql, vec![token.encoded().into()]).await? else { return Ok(None) };
    let mut row = Columns::of(&row);
    let facts = facts(&mut row)?;
    let token = RefreshToken {
        grant_id: facts.grant.id.clone(),
        expires_at: instant(row.next()?)?,
        first_used_at: instant_opt(row.next()?)?,
        child_used: row.next()?,
    };
    Ok(Some((token, facts)))
}

/// The row of a new refresh token; `parent` is the one it replaces.
pub fn row(
    hash: &TokenHash,
    grant: &GrantId,
    parent: Option<&TokenHash>,
    now: OffsetDateTime,
    expires_at: OffsetDateTime,
) -> Row {
    refresh_token::Model {
        token_hash: hash.encoded(),
        grant_id: grant.to_string(),
        parent_hash: parent.map(TokenHash::encoded),
        created_at: millis(now),
        expires_at: millis(expires_at),
        first_used_at: None,
    }
    .into()
}

/// Uses a token for the first time: one caller wins, and only while the family lives.
pub fn claim_first_use(hash: &TokenHash, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "refresh_token" SET "first_used_at" = $1
           WHERE "token_hash" = $2 AND "first_used_at" IS NULL AND "expires_at" > $1
             AND EXISTS (SELECT 1 FROM "grant" g WHERE g."id" = "grant_id" AND g."revoked_at" IS NULL)"#,
        vec![millis(now).into(), hash.encoded().into()],
    )
}

/// Claims that a token was first used at that moment, that its child is unused and that the family lives: a repeat
/// inside the leeway.
pub fn claim_repeat(hash: &TokenHash, first_used_at: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "refresh_token" SET "first_used_at" = $1
           WHERE "token_hash" = $2 AND "first_used_at" = $1
             AND NOT EXISTS (SELECT 1 FROM "refresh_token" n
                             WHERE n."parent_hash" = $2 AND n."first_used_at" IS NOT NULL)
             AND EXISTS (SELECT 1 FROM "grant" g WHERE g."id" = "grant_id" AND g."revoked_at" IS NULL)"#,
        vec![millis(first_used_at).into(), hash.encoded().into()],
    )
}

/// Uses a token that is not rotated: its idle end moves, while the family lives.
pub fn claim_static_use(hash: &TokenHash, now: OffsetDateTime, expires_at: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "refresh_token" SET "expires_at" = $1, "first_used_at" = COALESCE("first_used_at", $2)
           WHERE "token_hash" = $3 AND "expires_at" > $2
             AND EXISTS (SELECT 1 FROM "grant" g WHERE g."id" = "grant_id" AND g."revoked_at" IS NULL)"#,
        vec![millis(expires_at).into(), millis(now).into(), hash.encoded().into()],
    )
}
