//! An earlier password of a user.

use sea_orm::entity::prelude::*;

/// An earlier password of a user.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "password_history")]
pub struct Model {
    /// Random.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Whose password it was.
    pub user_id: String,
    /// PHC string of the password (argon2id).
    pub password_hash: String,
    /// When another one took its place, in milliseconds.
    pub replaced_at: i64,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
