//! A rule of a policy about signing in.

use sea_orm::entity::prelude::*;

/// A rule of a policy about signing in.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "policy_rule")]
pub struct Model {
    /// `0pr…`
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The policy.
    pub policy_id: String,
    /// The name.
    pub name: String,
    /// Ascending: the lowest is looked at first.
    pub priority: i32,
    /// `ACTIVE` or `INACTIVE`.
    pub status: String,
    /// People and networks as JSON.
    pub conditions: String,
    /// What is done, as JSON.
    pub actions: String,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
