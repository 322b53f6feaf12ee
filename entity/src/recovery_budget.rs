//! How much recovery a login has used in its window of time.

use sea_orm::entity::prelude::*;

/// How much recovery a login has used in its window of time.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "recovery_budget")]
pub struct Model {
    /// What is counted, and for whom.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// How much was used.
    pub used: i32,
    /// When the window ends, in milliseconds.
    pub expires_at: i64,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
