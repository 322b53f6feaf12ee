//! The recovery question of a user.

use sea_orm::entity::prelude::*;

/// The recovery question of a user.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "recovery_question")]
pub struct Model {
    /// Whose question it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: String,
    /// The question.
    pub question: String,
    /// PHC string of the normalised answer (argon2id).
    pub answer_hash: String,
    /// Wrong answers since the last right one.
    pub failures: i32,
    /// When the lock ends, in milliseconds.
    pub locked_until: Option<i64>,
    /// When it was set, in milliseconds.
    pub changed_at: i64,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
