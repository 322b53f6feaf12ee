//! A group of users.

use sea_orm::entity::prelude::*;

/// A group of users.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "group")]
pub struct Model {
    /// `00g…`
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The name, unique.
    pub name: String,
    /// What the group is for.
    pub description: Option<String>,
    /// When it was created, in milliseconds.
    pub created_at: i64,
    /// When it last changed, in milliseconds.
    pub updated_at: i64,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
