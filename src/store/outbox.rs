//! Messages that wait for delivery, written in the unit that decides them.

use entity::outbox;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use time::OffsetDateTime;

use super::{
    Database,
    db::Tx,
    instant, millis,
    unit::{Batch, Change, Row},
};
use crate::{fault::Fault, id::MessageId};

/// A message that waits for delivery.
#[derive(Clone, Debug)]
pub struct Message {
    /// `msg…`
    pub id: MessageId,
    /// The kind of message: who delivers it.
    pub kind: String,
    /// The sealed content.
    pub payload: String,
    /// Deliveries tried.
    pub attempts: u32,
    /// When it was decided.
    pub created_at: OffsetDateTime,
    /// When it is due.
    pub next_attempt_at: OffsetDateTime,
}

/// The row of a message.
pub fn row(message: &Message) -> Row {
    outbox::Model {
        id: message.id.to_string(),
        kind: message.kind.clone(),
        payload: message.payload.clone(),
        attempts: i32::try_from(message.attempts).unwrap_or(i32::MAX),
        created_at: millis(message.created_at),
        next_attempt_at: millis(message.next_attempt_at),
    }
    .into()
}

/// Writes messages inside a transaction of an administrator.
///
/// # Errors
/// The database failed.
pub async fn insert(tx: &Tx, messages: &[Message]) -> Result<(), Fault> {
    let mut batch = Batch::default();
    for message in messages {
        batch.add(row(message));
    }
    batch.insert(&tx.0).await
}

/// The messages of a kind that are due, the oldest first, at most `limit`.
///
/// # Errors
/// The database failed.
pub async fn due(db: &Database, kind: &str, now: OffsetDateTime, limit: u64) -> Result<Vec<Message>, Fault> {
    outbox::Entity::find()
        .filter(outbox::Column::Kind.eq(kind))
        .filter(outbox::Column::NextAttemptAt.lte(millis(now)))
        .order_by_asc(outbox::Column::NextAttemptAt)
        .limit(limit)
        .all(db.reader())
        .await?
        .into_iter()
        .map(model)
        .collect()
}

fn model(row: outbox::Model) -> Result<Message, Fault> {
    Ok(Message {
        id: MessageId::new(row.id),
        kind: row.kind,
        payload: row.payload,
        attempts: u32::try_from(row.attempts).map_err(Fault::stored)?,
        created_at: instant(row.created_at)?,
        next_attempt_at: instant(row.next_attempt_at)?,
    })
}

/// Takes one attempt of a message; lost when another node took it. Until `again_at` nobody else tries.
pub fn claim_attempt(message: &Message, again_at: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "outbox" SET "attempts" = "attempts" + 1, "next_attempt_at" = $1
           WHERE "id" = $2 AND "attempts" = $3"#,
        vec![millis(again_at).into(), message.id.as_str().into(), i64::from(message.attempts).into()],
    )
}

/// Has a message tried again at `at`, earlier than its claim said.
pub fn reschedule(id: &MessageId, at: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "outbox" SET "next_attempt_at" = $1 WHERE "id" = $2"#,
        vec![millis(at).into(), id.as_str().into()],
    )
}

/// Removes a message that was delivered or given up.
pub fn remove(id: &MessageId) -> Change {
    Change::new(r#"DELETE FROM "outbox" WHERE "id" = $1"#, vec![id.as_str().into()])
}
