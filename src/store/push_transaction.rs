//! What devices were asked. A device has one question at a time; whatever becomes of it is written once.

use entity::push_transaction;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use time::OffsetDateTime;

use super::{Database, instant, millis, unit::Change};
use crate::{
    fault::Fault,
    id::{FactorId, PushTransactionId},
    model::push::{PushState, PushTransaction},
};

fn model(row: push_transaction::Model) -> Result<PushTransaction, Fault> {
    Ok(PushTransaction {
        id: PushTransactionId::new(row.id),
        factor_id: FactorId::new(row.factor_id),
        purpose: row.purpose,
        state: PushState::parse(&row.state).ok_or_else(|| Fault::stored("push_transaction.state"))?,
        numbers: row.numbers.map(|numbers| serde_json::from_str(&numbers)).transpose()?,
        application: row.application,
        ip: row.ip.and_then(|ip| ip.parse().ok()),
        user_agent: row.user_agent,
        created_at: instant(row.created_at)?,
        expires_at: instant(row.expires_at)?,
        told: row.told_at.is_some(),
        consumed: row.consumed_at.is_some(),
    })
}

/// Finds what a device was asked.
///
/// # Errors
/// The database failed.
pub async fn find(
    db: &Database,
    factor: &FactorId,
    id: &PushTransactionId,
) -> Result<Option<PushTransaction>, Fault> {
    push_transaction::Entity::find_by_id(id.as_str())
        .filter(push_transaction::Column::FactorId.eq(factor.as_str()))
        .one(db.reader())
        .await?
        .map(model)
        .transpose()
}

/// The last that a device was asked for a purpose.
///
/// # Errors
/// The database failed.
pub async fn find_last(
    db: &Database,
    factor: &FactorId,
    purpose: &str,
) -> Result<Option<PushTransaction>, Fault> {
    push_transaction::Entity::find()
        .filter(push_transaction::Column::FactorId.eq(factor.as_str()))
        .filter(push_transaction::Column::Purpose.eq(purpose))
        .order_by_desc(push_transaction::Column::CreatedAt)
        .limit(1)
        .one(db.reader())
        .await?
        .map(model)
        .transpose()
}

/// What a device is asked now.
///
/// # Errors
/// The database failed.
pub async fn find_waiting(
    db: &Database,
    factor: &FactorId,
    now: OffsetDateTime,
) -> Result<Option<PushTransaction>, Fault> {
    push_transaction::Entity::find()
        .filter(push_transaction::Column::FactorId.eq(factor.as_str()))
        .filter(push_transaction::Column::State.eq(PushState::Waiting.as_str()))
        .filter(push_transaction::Column::ExpiresAt.gt(millis(now)))
        .one(db.reader())
        .await?
        .map(model)
        .transpose()
}

/// What was asked since then, and of which factors.
///
/// # Errors
/// The database failed.
pub async fn asked_since(
    db: &Database,
    since: OffsetDateTime,
) -> Result<Vec<(PushTransactionId, FactorId)>, Fault> {
    let asked: Vec<(String, String)> = push_transaction::Entity::find()
        .select_only()
        .column(push_transaction::Column::Id)
        .column(push_transaction::Column::FactorId)
        .filter(push_transaction::Column::CreatedAt.gte(millis(since)))
        .into_tuple()
        .all(db.reader())
        .await?;
    Ok(asked.into_iter().map(|(id, factor)| (PushTransactionId::new(id), FactorId::new(factor))).collect())
}

/// Asks a device something; by a change, since what was asked before is cancelled by one in the same unit.
///
/// # Errors
/// The numbers cannot be written as JSON.
pub fn insert(asked: &PushTransaction) -> Result<Change, Fault> {
    let numbers = asked.numbers.map(|numbers| serde_json::to_string(&numbers)).transpose()?;
    Ok(Change::new(
        r#"INSERT INTO "push_transaction" ("id", "factor_id", "purpose", "state", "numbers", "application", "ip",
             "user_agent", "created_at", "expires_at")
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"#,
        vec![
            asked.id.as_str().into(),
            asked.factor_id.as_str().into(),
            asked.purpose.as_str().into(),
            asked.state.as_str().into(),
            numbers.into(),
            asked.application.clone().into(),
            asked.ip.map(|ip| ip.to_string()).into(),
            asked.user_agent.clone().into(),
            millis(asked.created_at).into(),
            millis(asked.expires_at).into(),
        ],
    ))
}

/// Cancels whatever a device is asked.
pub fn cancel_all(factor: &FactorId) -> Change {
    Change::new(
        r#"UPDATE "push_transaction" SET "state" = 'CANCELLED' WHERE "factor_id" = $1 AND "state" = 'WAITING'"#,
        vec![factor.as_str().into()],
    )
}

/// Cancels what devices are asked for a purpose.
pub fn cancel_of(factor: &FactorId, purpose: &str) -> Change {
    Change::new(
        r#"UPDATE "push_transaction" SET "state" = 'CANCELLED'
           WHERE "factor_id" = $1 AND "purpose" = $2 AND "state" = 'WAITING'"#,
        vec![factor.as_str().into(), purpose.into()],
    )
}

/// Takes a question back; lost when it was answered, or is over.
pub fn claim_cancel(id: &PushTransactionId) -> Change {
    Change::new(
        r#"UPDATE "push_transaction" SET "state" = 'CANCELLED' WHERE "id" = $1 AND "state" = 'WAITING'"#,
        vec![id.as_str().into()],
    )
}

/// Writes the answer of a device, once; lost when there is one, it was taken back, or its time is over.
pub fn claim_answer(id: &PushTransactionId, answer: PushState, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "push_transaction" SET "state" = $2, "answered_at" = $3
           WHERE "id" = $1 AND "state" = 'WAITING' AND "expires_at" > $3"#,
        vec![id.as_str().into(), answer.as_str().into(), millis(now).into()],
    )
}

/// Uses an approval, once; lost when there is none, or it was used.
pub fn claim_consume(asked: &PushTransaction, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "push_transaction" SET "consumed_at" = $2
           WHERE "id" = $1 AND "state" = 'APPROVED' AND "consumed_at" IS NULL AND $2 < $3"#,
        vec![asked.id.as_str().into(), millis(now).into(), millis(asked.usable_until()).into()],
    )
}

/// Notes that whoever waits was told how it ended, once; lost when that was noted.
pub fn claim_told(id: &PushTransactionId, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "push_transaction" SET "told_at" = $2 WHERE "id" = $1 AND "told_at" IS NULL"#,
        vec![id.as_str().into(), millis(now).into()],
    )
}
