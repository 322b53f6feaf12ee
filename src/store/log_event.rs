//! The rows of the system log.

use entity::log_event;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use time::OffsetDateTime;

use super::{Database, instant, millis, unit::Row};
use crate::fault::Fault;

/// An event as it is stored.
#[derive(Clone, Debug, Default)]
pub struct LogEvent {
    /// The event id.
    pub id: String,
    /// Okta's event type.
    pub event_type: String,
    /// `INFO`, `WARN` or `ERROR`.
    pub severity: String,
    /// `SUCCESS`, `FAILURE` …
    pub outcome: String,
    /// Why it failed.
    pub reason: Option<String>,
    /// `User`, `PublicClientApp`, `SystemPrincipal` …
    pub actor_type: String,
    /// Who did it.
    pub actor_id: Option<String>,
    /// The OAuth client concerned.
    pub client_id: Option<String>,
    /// The user concerned.
    pub user_id: Option<String>,
    /// The session concerned.
    pub session_id: Option<String>,
    /// `X-Okta-Request-Id` of the request.
    pub request_id: String,
    /// The client address.
    pub ip: Option<String>,
    /// The user agent.
    pub user_agent: Option<String>,
    /// What else is known, as JSON.
    pub detail: Option<String>,
    /// How many like events this one stands for.
    pub count: u32,
}

/// The row of an event.
pub fn row(event: LogEvent, now: OffsetDateTime) -> Row {
    log_event::Model {
        id: event.id,
        published_at: millis(now),
        event_type: event.event_type,
        severity: event.severity,
        outcome: event.outcome,
        reason: event.reason,
        actor_type: event.actor_type,
        actor_id: event.actor_id,
        client_id: event.client_id,
        user_id: event.user_id,
        session_id: event.session_id,
        request_id: event.request_id,
        ip: event.ip,
        user_agent: event.user_agent,
        detail: event.detail,
        count: i32::try_from(event.count).unwrap_or(i32::MAX),
    }
    .into()
}

/// Writes an event inside a transaction of an administrator.
///
/// # Errors
/// The database failed.
pub async fn insert(tx: &super::db::Tx, event: LogEvent, now: OffsetDateTime) -> Result<(), Fault> {
    let mut batch = super::unit::Batch::default();
    batch.add(row(event, now));
    batch.insert(&tx.0).await
}

/// Events since a moment in the order they happened, at most `limit`, each with its time.
///
/// # Errors
/// The database failed.
pub async fn list(
    db: &Database,
    since: OffsetDateTime,
    limit: u64,
) -> Result<Vec<(OffsetDateTime, LogEvent)>, Fault> {
    let rows = log_event::Entity::find()
        .filter(log_event::Column::PublishedAt.gte(millis(since)))
        .order_by_asc(log_event::Column::PublishedAt)
        .order_by_asc(log_event::Column::Id)
        .limit(limit)
        .all(db.reader())
        .await?;
    rows.into_iter()
        .map(|row| {
            let event = LogEvent {
                id: row.id,
                event_type: row.event_type,
                severity: row.severity,
                outcome: row.outcome,
                reason: row.reason,
                actor_type: row.actor_type,
                actor_id: row.actor_id,
                client_id: row.client_id,
                user_id: row.user_id,
                session_id: row.session_id,
                request_id: row.request_id,
                ip: row.ip,
                user_agent: row.user_agent,
                detail: row.detail,
                count: u32::try_from(row.count).unwrap_or(0),
            };
            Ok((instant(row.published_at)?, event))
        })
        .collect()
}
