//! The rows of the system log.

use entity::log_event;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use time::OffsetDateTime;

use super::{Database, instant, millis, unit::Row};
use crate::{fault::Fault, id::UserId};

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
    rows.into_iter().map(model).collect()
}

fn model(row: log_event::Model) -> Result<(OffsetDateTime, LogEvent), Fault> {
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
}

/// The order of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// The oldest first.
    Ascending,
    /// The newest first.
    Descending,
}

/// An event, as a place in the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// When it happened.
    pub at: OffsetDateTime,
    /// Which of those that happened then.
    pub id: String,
}

/// Which events are read.
#[derive(Clone, Debug)]
pub struct Select {
    /// From this moment on.
    pub since: OffsetDateTime,
    /// Before this moment.
    pub until: OffsetDateTime,
    /// Behind this event, in the order.
    pub after: Option<Place>,
    /// The order.
    pub order: Order,
    /// Of this type.
    pub event_type: Option<String>,
    /// By this actor.
    pub actor_id: Option<String>,
    /// Of this request.
    pub request_id: Option<String>,
    /// At most so many.
    pub limit: u64,
}

/// Reads events.
///
/// # Errors
/// The database failed.
pub async fn select(db: &Database, select: &Select) -> Result<Vec<(OffsetDateTime, LogEvent)>, Fault> {
    use log_event::Column;
    let direction = match select.order {
        Order::Ascending => sea_orm::Order::Asc,
        Order::Descending => sea_orm::Order::Desc,
    };
    let mut query = log_event::Entity::find()
        .filter(Column::PublishedAt.gte(millis(select.since)))
        .filter(Column::PublishedAt.lt(millis(select.until)))
        .order_by(Column::PublishedAt, direction.clone())
        .order_by(Column::Id, direction)
        .limit(select.limit);
    if let Some(place) = &select.after {
        let (at, id) = (millis(place.at), place.id.as_str());
        let same_moment = Condition::all().add(Column::PublishedAt.eq(at));
        query = query.filter(match select.order {
            Order::Ascending => {
                Condition::any().add(Column::PublishedAt.gt(at)).add(same_moment.add(Column::Id.gt(id)))
            }
            Order::Descending => {
                Condition::any().add(Column::PublishedAt.lt(at)).add(same_moment.add(Column::Id.lt(id)))
            }
        });
    }
    let exact = [
        (Column::EventType, &select.event_type),
        (Column::ActorId, &select.actor_id),
        (Column::RequestId, &select.request_id),
    ];
    for (column, value) in exact {
        if let Some(value) = value {
            query = query.filter(column.eq(value.as_str()));
        }
    }
    query.all(db.reader()).await?.into_iter().map(model).collect()
}

/// Events about a user of these types, the newest first, at most `limit`, behind a place in that order.
///
/// # Errors
/// The database failed.
pub async fn about_user(
    db: &Database,
    user: &UserId,
    types: &[&str],
    (behind, limit): (Option<&Place>, u64),
) -> Result<Vec<(OffsetDateTime, LogEvent)>, Fault> {
    use log_event::Column;
    let mut query = log_event::Entity::find()
        .filter(Column::UserId.eq(user.as_str()))
        .filter(Column::EventType.is_in(types.iter().copied()))
        .order_by_desc(Column::PublishedAt)
        .order_by_desc(Column::Id)
        .limit(limit);
    if let Some(place) = behind {
        let (at, id) = (millis(place.at), place.id.as_str());
        let same_moment = Condition::all().add(Column::PublishedAt.eq(at)).add(Column::Id.lt(id));
        query = query.filter(Condition::any().add(Column::PublishedAt.lt(at)).add(same_moment));
    }
    query.all(db.reader()).await?.into_iter().map(model).collect()
}
