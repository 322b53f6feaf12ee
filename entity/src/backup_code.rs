//! A code that stands in for a factor.

use sea_orm::entity::prelude::*;

/// A code that stands in for a factor.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "backup_code")]
pub struct Model {
    /// SHA-256 of the code.
    #[sea_orm(primary_key, auto_increment = false)]
    pub code_hash: String,
    /// The user.
    pub user_id: String,
    /// `recovery` or `bypass`.
    pub kind: String,
    /// How often it can still be used.
    pub uses_left: i32,
    /// Who issued it; absent: the user.
    pub issued_by: Option<String>,
    /// When it was issued, in milliseconds.
    pub created_at: i64,
    /// When it dies, in milliseconds.
    pub expires_at: Option<i64>,
    /// When it was last used, in milliseconds.
    pub last_used_at: Option<i64>,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
