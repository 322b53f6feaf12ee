//! Removing what has expired, in small batches that never hold the writer for long.

use time::OffsetDateTime;

use super::{Database, db::execute, millis};
use crate::fault::Fault;

/// Rows that one statement removes at most.
pub const BATCH: u64 = 500;

/// What can expire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expired {
    /// Pending authorization requests.
    Flows,
    /// Authentication transactions.
    AuthnTransactions,
    /// Remembered devices.
    RememberedDevices,
    /// Pushed authorization requests; kept for a day, longer than any flow that they began.
    PushedRequests,
    /// Device authorization requests; kept for an hour, so that a late poll is told why.
    DeviceCodes,
    /// Authorization codes; kept for a day so that a late replay is still recognised.
    AuthorizationCodes,
    /// Refresh tokens that died of idleness.
    RefreshTokens,
    /// Sessions that were over a day ago; until then one that was ended is still known as ended.
    Sessions,
    /// Grants whose tokens are all dead.
    Grants,
    /// Session tokens, used or not.
    SessionTokens,
    /// Enrolments of factors that nobody completed within a day.
    PendingFactors,
    /// Challenges of factors.
    FactorChallenges,
    /// What devices were asked; kept for an hour, so that a late poll is told how it ended.
    PushTransactions,
    /// Budgets around factors whose time is over.
    FactorBudgets,
    /// Bypass codes.
    BackupCodes,
    /// API tokens that were not used for too long.
    ApiTokens,
    /// Revoked `jti`s of tokens that are dead anyway.
    RevokedJtis,
    /// Used `jti`s that may be forgotten.
    UsedJtis,
    /// Tokens of recovery, unlocking and activation; kept for a day, so that a late click is told why.
    RecoveryTokens,
    /// Codes of recovery by phone; kept for an hour, so that another can be sent in their place.
    RecoveryCodes,
    /// System log events past their retention.
    LogEvents,
}

impl Expired {
    /// Everything that can expire; grants last, since codes and tokens point to them.
    pub const ALL: [Self; 21] = [
        Self::Flows,
        Self::AuthnTransactions,
        Self::RememberedDevices,
        Self::PushedRequests,
        Self::DeviceCodes,
        Self::AuthorizationCodes,
        Self::RefreshTokens,
        Self::Sessions,
        Self::SessionTokens,
        Self::PendingFactors,
        Self::FactorChallenges,
        Self::PushTransactions,
        Self::FactorBudgets,
        Self::BackupCodes,
        Self::ApiTokens,
        Self::RevokedJtis,
        Self::UsedJtis,
        Self::RecoveryTokens,
        Self::RecoveryCodes,
        Self::LogEvents,
        Self::Grants,
    ];

    fn sql(self) -> &'static str {
        match self {
            Self::Flows => {
                r#"DELETE FROM "flow" WHERE "id" IN (SELECT "id" FROM "flow" WHERE "expires_at" <= $1 LIMIT $2)"#
            }
            Self::AuthnTransactions => {
                r#"DELETE FROM "authn_transaction" WHERE "id" IN
                   (SELECT "id" FROM "authn_transaction" WHERE "expires_at" <= $1 LIMIT $2)"#
            }
            Self::RememberedDevices => {
                r#"DELETE FROM "remembered_device" WHERE ("user_id", "device_hash") IN
                   (SELECT "user_id", "device_hash" FROM "remembered_device" WHERE "expires_at" <= $1 LIMIT $2)"#
            }
            Self::PushedRequests => {
                r#"DELETE FROM "pushed_request" WHERE "request_hash" IN
                   (SELECT "request_hash" FROM "pushed_request" WHERE "expires_at" <= $1 - 86400000 LIMIT $2)"#
            }
            Self::DeviceCodes => {
                r#"DELETE FROM "device_code" WHERE "id" IN
                   (SELECT "id" FROM "device_code" WHERE "expires_at" <= $1 - 3600000 LIMIT $2)"#
            }
            Self::AuthorizationCodes => {
                r#"DELETE FROM "authorization_code" WHERE "code_hash" IN
                   (SELECT "code_hash" FROM "authorization_code" WHERE "expires_at" <= $1 - 86400000 LIMIT $2)"#
            }
            Self::RefreshTokens => {
                r#"DELETE FROM "refresh_token" WHERE "token_hash" IN
                   (SELECT "token_hash" FROM "refresh_token" WHERE "expires_at" <= $1 LIMIT $2)"#
            }
            Self::Sessions => {
                r#"DELETE FROM "session" WHERE "id" IN
                   (SELECT "id" FROM "session" WHERE "expires_at" <= $1 - 86400000 LIMIT $2)"#
            }
            Self::SessionTokens => {
                r#"DELETE FROM "session_token" WHERE "token_hash" IN
                   (SELECT "token_hash" FROM "session_token" WHERE "expires_at" <= $1 LIMIT $2)"#
            }
            Self::PendingFactors => {
                r#"DELETE FROM "factor" WHERE "id" IN (SELECT "id" FROM "factor"
                   WHERE "status" = 'PENDING_ACTIVATION' AND "created_at" <= $1 - 86400000 LIMIT $2)"#
            }
            Self::FactorChallenges => {
                r#"DELETE FROM "factor_challenge" WHERE ("factor_id", "purpose") IN
                   (SELECT "factor_id", "purpose" FROM "factor_challenge" WHERE "expires_at" <= $1 LIMIT $2)"#
            }
            Self::PushTransactions => {
                r#"DELETE FROM "push_transaction" WHERE "id" IN
                   (SELECT "id" FROM "push_transaction" WHERE "expires_at" <= $1 - 3600000 LIMIT $2)"#
            }
            Self::FactorBudgets => {
                r#"DELETE FROM "factor_budget" WHERE "key" IN
                   (SELECT "key" FROM "factor_budget" WHERE "expires_at" <= $1 LIMIT $2)"#
            }
            Self::BackupCodes => {
                r#"DELETE FROM "backup_code" WHERE "code_hash" IN
                   (SELECT "code_hash" FROM "backup_code" WHERE "expires_at" <= $1 LIMIT $2)"#
            }
            Self::ApiTokens => {
                r#"DELETE FROM "api_token" WHERE "id" IN
                   (SELECT "id" FROM "api_token" WHERE "expires_at" <= $1 LIMIT $2)"#
            }
            Self::Grants => {
                r#"DELETE FROM "grant" WHERE "id" IN
                   (SELECT g."id" FROM "grant" g WHERE g."created_at" <= $1 - 172800000
                      AND NOT EXISTS (SELECT 1 FROM "refresh_token" t WHERE t."grant_id" = g."id")
                      AND NOT EXISTS (SELECT 1 FROM "authorization_code" k WHERE k."grant_id" = g."id") LIMIT $2)"#
            }
            Self::RevokedJtis => {
                r#"DELETE FROM "revoked_jti" WHERE "jti" IN
                   (SELECT "jti" FROM "revoked_jti" WHERE "expires_at" <= $1 LIMIT $2)"#
            }
            Self::UsedJtis => {
                r#"DELETE FROM "used_jti" WHERE "key" IN
                   (SELECT "key" FROM "used_jti" WHERE "expires_at" <= $1 LIMIT $2)"#
            }
            Self::RecoveryTokens => {
                r#"DELETE FROM "recovery_token" WHERE "token_hash" IN
                   (SELECT "token_hash" FROM "recovery_token" WHERE "expires_at" <= $1 - 86400000 LIMIT $2)"#
            }
            Self::RecoveryCodes => {
                r#"DELETE FROM "recovery_code" WHERE "transaction_id" IN
                   (SELECT "transaction_id" FROM "recovery_code" WHERE "expires_at" <= $1 - 3600000 LIMIT $2)"#
            }
            Self::LogEvents => {
                r#"DELETE FROM "log_event" WHERE "id" IN
                   (SELECT "id" FROM "log_event" WHERE "published_at" <= $1 LIMIT $2)"#
            }
        }
    }
}

/// Removes one batch; a full batch means that there may be more.
///
/// # Errors
/// The database failed.
pub async fn sweep(db: &Database, what: Expired, before: OffsetDateTime) -> Result<u64, Fault> {
    let tx = db.begin_write().await?;
    let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
    let removed = execute(&tx.0, what.sql(), vec![millis(before).into(), limit.into()]).await?;
    tx.0.commit().await?;
    Ok(removed)
}

/// How many messages wait for delivery.
///
/// # Errors
/// The database failed.
pub async fn outbox_depth(db: &Database) -> Result<u64, Fault> {
    use sea_orm::{EntityTrait, PaginatorTrait};
    Ok(entity::outbox::Entity::find().count(db.reader()).await?)
}
