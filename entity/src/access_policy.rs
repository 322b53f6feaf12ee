//! An access policy of an authorization server.

use sea_orm::entity::prelude::*;

/// An access policy of an authorization server.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "access_policy")]
pub struct Model {
    /// `00p…`
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The authorization server.
    pub server_id: String,
    /// The name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Ascending: the lowest is evaluated first.
    pub priority: i32,
    /// `ACTIVE` or `INACTIVE`.
    pub status: String,
    /// Client ids, or `ALL_CLIENTS`, as a JSON array.
    pub clients: String,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
