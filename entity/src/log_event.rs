//! An event of the system log.

use sea_orm::entity::prelude::*;

/// An event of the system log.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "log_event")]
pub struct Model {
    /// The event id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// When it happened, in milliseconds.
    pub published_at: i64,
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
    /// The user agent, cut at 512 characters.
    pub user_agent: Option<String>,
    /// What else is known, as JSON.
    pub detail: Option<String>,
    /// How many like events this row stands for.
    pub count: i32,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
