//! A message that will be delivered after the commit that decided it.

use sea_orm::entity::prelude::*;

/// A message that will be delivered after the commit that decided it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox")]
pub struct Model {
    /// The message id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The kind of message.
    pub kind: String,
    /// The sealed message.
    pub payload: String,
    /// Deliveries tried.
    pub attempts: i32,
    /// When it was decided, in milliseconds.
    pub created_at: i64,
    /// When it is due, in milliseconds.
    pub next_attempt_at: i64,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
