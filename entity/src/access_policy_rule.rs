//! A rule of an access policy.

use sea_orm::entity::prelude::*;

/// A rule of an access policy.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "access_policy_rule")]
pub struct Model {
    /// `0pr…`
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The policy.
    pub policy_id: String,
    /// The name.
    pub name: String,
    /// Ascending: the lowest is evaluated first.
    pub priority: i32,
    /// `ACTIVE` or `INACTIVE`.
    pub status: String,
    /// Grant types, people and scopes as JSON.
    pub conditions: String,
    /// Token lifetimes as JSON.
    pub actions: String,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
