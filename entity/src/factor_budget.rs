//! What may still be sent or tried within a time.

use sea_orm::entity::prelude::*;

/// What may still be sent or tried within a time.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "factor_budget")]
pub struct Model {
    /// What is counted.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// How often, within the time.
    pub used: i32,
    /// The last time, in milliseconds.
    pub last_used_at: i64,
    /// When the count begins anew, in milliseconds.
    pub expires_at: i64,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
