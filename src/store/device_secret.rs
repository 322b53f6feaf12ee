//! Device secrets (OpenID Connect Native SSO 1.0 §3.2): stored as SHA-256; they die with the grant they came with, and
//! the grants made with them die with them.

use entity::device_secret;
use time::OffsetDateTime;

use super::{
    Database,
    db::{Columns, query_one},
    grant::{COLUMNS, GrantFacts, JOINS, facts},
    millis,
    unit::{Change, Row},
};
use crate::{fault::Fault, id::GrantId, secret::TokenHash};

/// Finds a secret that was not revoked with its grant and all that decides about it, in one statement.
///
/// # Errors
/// The database failed.
pub async fn find(db: &Database, secret: &TokenHash) -> Result<Option<GrantFacts>, Fault> {
    let sql = format!(
        r#"SELECT {COLUMNS} FROM "device_secret" d JOIN "grant" g ON g."id" = d."grant_id" {JOINS}
           WHERE d."secret_hash" = $1 AND d."revoked_at" IS NULL"#
    );
    query_one(db, &sql, vec![secret.encoded().into()])
        .await?
        .map(|row| facts(&mut Columns::of(&row)))
        .transpose()
}

/// The row of a new secret.
pub fn row(hash: &TokenHash, grant: &GrantId, now: OffsetDateTime) -> Row {
    device_secret::Model {
        secret_hash: hash.encoded(),
        grant_id: grant.to_string(),
        created_at: millis(now),
        revoked_at: None,
    }
    .into()
}

/// Notes which secret a grant was made with, after [`super::grant::insertion`]: a revocation that follows finds both.
pub fn derive(hash: &TokenHash, grant: &GrantId) -> Change {
    Change::new(
        r#"INSERT INTO "device_secret_grant" ("grant_id", "secret_hash") VALUES ($1, $2)"#,
        vec![grant.as_str().into(), hash.encoded().into()],
    )
}

/// Claims that the secret is not revoked at the moment of the commit.
pub fn claim_live(hash: &TokenHash) -> Change {
    Change::new(
        r#"UPDATE "device_secret" SET "revoked_at" = NULL WHERE "secret_hash" = $1 AND "revoked_at" IS NULL"#,
        vec![hash.encoded().into()],
    )
}

/// Revokes a secret.
pub fn revoke(hash: &TokenHash, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "device_secret" SET "revoked_at" = $1 WHERE "secret_hash" = $2 AND "revoked_at" IS NULL"#,
        vec![millis(now).into(), hash.encoded().into()],
    )
}

/// Revokes the grants that were made with a secret.
pub fn revoke_derived(hash: &TokenHash, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "grant" SET "revoked_at" = $1, "revoke_reason" = 'device_secret_revoked'
           WHERE "revoked_at" IS NULL
             AND "id" IN (SELECT "grant_id" FROM "device_secret_grant" WHERE "secret_hash" = $2)"#,
        vec![millis(now).into(), hash.encoded().into()],
    )
}
