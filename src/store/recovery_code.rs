//! Codes of recovery by phone: kept as a keyed hash, at most one a transaction, with few tries.

use entity::recovery_code;
use sea_orm::EntityTrait;
use time::OffsetDateTime;

use super::{Database, instant, instant_opt, millis, unit::Change};
use crate::{
    fault::Fault,
    id::{TransactionId, UserId},
    model::recovery::{PhoneChannel, RecoveryKind},
};

/// Codes that may be tried before another has to be sent.
pub const TRIES: u32 = 5;

/// A code that was sent, or would have been if there were such a user.
#[derive(Clone, Debug)]
pub struct RecoveryCode {
    /// The transaction that waits for it.
    pub transaction_id: TransactionId,
    /// Whom wrong codes are counted for.
    pub subject: String,
    /// Whose account it is about; absent: nobody's.
    pub user_id: Option<UserId>,
    /// What it permits.
    pub kind: RecoveryKind,
    /// How it was sent.
    pub channel: PhoneChannel,
    /// HMAC over transaction and code.
    pub code_mac: String,
    /// Codes that were tried.
    pub tries: u32,
    /// When the user's password had been set, when it was sent.
    pub password_changed_at: Option<OffsetDateTime>,
    /// When it was sent.
    pub sent_at: OffsetDateTime,
    /// When it dies.
    pub expires_at: OffsetDateTime,
    /// When it was used or became void.
    pub consumed_at: Option<OffsetDateTime>,
}

/// Writes a new code; of several for one transaction at the same moment, one is written. Lost: the one before was sent
/// after `sent_before`, or the recovery succeeded meanwhile.
pub fn issue(code: &RecoveryCode, sent_before: OffsetDateTime) -> Change {
    Change::new(
        r#"INSERT INTO "recovery_code" ("transaction_id", "subject", "user_id", "kind", "channel", "code_mac", "tries",
             "password_changed_at", "sent_at", "expires_at", "consumed_at")
           VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, NULL)
           ON CONFLICT ("transaction_id") DO UPDATE SET "code_mac" = excluded."code_mac", "tries" = 0,
             "channel" = excluded."channel", "password_changed_at" = excluded."password_changed_at",
             "sent_at" = excluded."sent_at", "expires_at" = excluded."expires_at"
           WHERE "recovery_code"."sent_at" <= $10 AND "recovery_code"."consumed_at" IS NULL"#,
        vec![
            code.transaction_id.as_str().into(),
            code.subject.as_str().into(),
            code.user_id.as_ref().map(UserId::to_string).into(),
            code.kind.as_str().into(),
            code.channel.as_str().into(),
            code.code_mac.as_str().into(),
            code.password_changed_at.map(millis).into(),
            millis(code.sent_at).into(),
            millis(code.expires_at).into(),
            millis(sent_before).into(),
        ],
    )
}

/// Finds the code of a transaction.
///
/// # Errors
/// The database failed.
pub async fn find(db: &Database, transaction: &TransactionId) -> Result<Option<RecoveryCode>, Fault> {
    let row = recovery_code::Entity::find_by_id(transaction.as_str()).one(db.reader()).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(RecoveryCode {
        transaction_id: transaction.clone(),
        subject: row.subject,
        user_id: row.user_id.map(UserId::new),
        kind: RecoveryKind::parse(&row.kind).ok_or_else(|| Fault::stored("recovery_code.kind"))?,
        channel: PhoneChannel::parse(&row.channel).ok_or_else(|| Fault::stored("recovery_code.channel"))?,
        code_mac: row.code_mac,
        tries: u32::try_from(row.tries).map_err(Fault::stored)?,
        password_changed_at: instant_opt(row.password_changed_at)?,
        sent_at: instant(row.sent_at)?,
        expires_at: instant(row.expires_at)?,
        consumed_at: instant_opt(row.consumed_at)?,
    }))
}

/// Charges a try before the code is looked at; lost when the code has had [`TRIES`], has expired or was used.
pub fn claim_try(transaction: &TransactionId, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "recovery_code" SET "tries" = "tries" + 1
           WHERE "transaction_id" = $1 AND "consumed_at" IS NULL AND "expires_at" > $2 AND "tries" < $3"#,
        vec![transaction.as_str().into(), millis(now).into(), i64::from(TRIES).into()],
    )
}

/// Uses a code; lost when it was used before, has expired, was replaced, or the password has changed since.
pub fn consume(code: &RecoveryCode, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "recovery_code" SET "consumed_at" = $1
           WHERE "transaction_id" = $2 AND "code_mac" = $3 AND "consumed_at" IS NULL AND "expires_at" > $1
             AND EXISTS (SELECT 1 FROM "user" u WHERE u."id" = "recovery_code"."user_id"
               AND u."password_changed_at" IS NOT DISTINCT FROM "recovery_code"."password_changed_at")"#,
        vec![millis(now).into(), code.transaction_id.as_str().into(), code.code_mac.as_str().into()],
    )
}
