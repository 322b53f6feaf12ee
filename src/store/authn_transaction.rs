//! Authentication transactions that are under way, found by the hash of their state token.

use entity::authn_transaction;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use time::OffsetDateTime;

use super::{Database, instant, millis, unit::Change};
use crate::{
    fault::Fault,
    id::{TransactionId, UserId},
    secret::TokenHash,
};

/// What is stored of a transaction.
#[derive(Clone, Debug)]
pub struct StoredTransaction {
    /// `txn…`
    pub id: TransactionId,
    /// Whose it is.
    pub user_id: Option<UserId>,
    /// Where it stands, as the flow writes it.
    pub payload: String,
    /// Grows with each change.
    pub version: i32,
    /// When it began.
    pub created_at: OffsetDateTime,
    /// When it dies unless it goes on.
    pub expires_at: OffsetDateTime,
}

/// Finds a transaction that has not expired.
///
/// # Errors
/// The database failed.
pub async fn find(
    db: &Database,
    state_token: &TokenHash,
    now: OffsetDateTime,
) -> Result<Option<StoredTransaction>, Fault> {
    let row = authn_transaction::Entity::find()
        .filter(authn_transaction::Column::StateTokenHash.eq(state_token.encoded()))
        .filter(authn_transaction::Column::ExpiresAt.gt(millis(now)))
        .one(db.reader())
        .await?;
    row.map(|row| {
        Ok(StoredTransaction {
            id: TransactionId::new(row.id),
            user_id: row.user_id.map(UserId::new),
            payload: row.payload,
            version: row.version,
            created_at: instant(row.created_at)?,
            expires_at: instant(row.expires_at)?,
        })
    })
    .transpose()
}

/// Inserts a new transaction in place of the one that its state token opened: one statement, so that of two that a page
/// begins at once the later one stands.
pub fn upsert(transaction: &StoredTransaction, state_token: &TokenHash) -> Change {
    Change::new(
        r#"INSERT INTO "authn_transaction"
             ("id", "state_token_hash", "user_id", "payload", "version", "created_at", "expires_at")
           VALUES ($1, $2, $3, $4, $5, $6, $7)
           ON CONFLICT ("state_token_hash") DO UPDATE SET
             "id" = excluded."id", "user_id" = excluded."user_id", "payload" = excluded."payload",
             "version" = excluded."version", "created_at" = excluded."created_at",
             "expires_at" = excluded."expires_at""#,
        vec![
            transaction.id.as_str().into(),
            state_token.encoded().into(),
            transaction.user_id.as_ref().map(ToString::to_string).into(),
            transaction.payload.clone().into(),
            transaction.version.into(),
            millis(transaction.created_at).into(),
            millis(transaction.expires_at).into(),
        ],
    )
}

/// Ends the transaction that a state token opens, wherever it stands.
pub fn remove_by_token(state_token: &TokenHash) -> Change {
    Change::new(
        r#"DELETE FROM "authn_transaction" WHERE "state_token_hash" = $1"#,
        vec![state_token.encoded().into()],
    )
}

/// Saves where a transaction stands, unless somebody else did so meanwhile.
pub fn claim_update(transaction: &StoredTransaction) -> Change {
    Change::new(
        r#"UPDATE "authn_transaction"
           SET "payload" = $1, "user_id" = $2, "expires_at" = $3, "version" = "version" + 1
           WHERE "id" = $4 AND "version" = $5"#,
        vec![
            transaction.payload.clone().into(),
            transaction.user_id.as_ref().map(ToString::to_string).into(),
            millis(transaction.expires_at).into(),
            transaction.id.as_str().into(),
            transaction.version.into(),
        ],
    )
}

/// Keeps a transaction alive while its user thinks.
pub fn extend(id: &TransactionId, expires_at: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "authn_transaction" SET "expires_at" = $1 WHERE "id" = $2 AND "expires_at" < $1"#,
        vec![millis(expires_at).into(), id.as_str().into()],
    )
}

/// Ends a transaction: it ends once.
pub fn claim_completion(id: &TransactionId, version: i32) -> Change {
    Change::new(
        r#"DELETE FROM "authn_transaction" WHERE "id" = $1 AND "version" = $2"#,
        vec![id.as_str().into(), version.into()],
    )
}

/// Ends a transaction, wherever it stands.
pub fn remove(id: &TransactionId) -> Change {
    Change::new(r#"DELETE FROM "authn_transaction" WHERE "id" = $1"#, vec![id.as_str().into()])
}
