//! A profile of custom one-time password tokens.

use sea_orm::entity::prelude::*;

/// A profile of custom one-time password tokens.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "factor_profile")]
pub struct Model {
    /// `fpr…`
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// What administrators call it.
    pub name: String,
    /// How its codes are made, as JSON.
    pub settings: String,
    /// When it was created, in milliseconds.
    pub created_at: i64,
    /// When it was last changed, in milliseconds.
    pub updated_at: i64,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
