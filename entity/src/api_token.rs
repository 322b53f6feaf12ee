//! A token with which a program acts for an administrator.

use sea_orm::entity::prelude::*;

/// A token with which a program acts for an administrator.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_token")]
pub struct Model {
    /// `00T…`
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// The administrator it acts for.
    pub user_id: String,
    /// SHA-256 of the token.
    #[sea_orm(unique)]
    pub token_hash: String,
    /// `READ` or `MANAGE`.
    pub access: String,
    /// When it was made, in milliseconds.
    pub created_at: i64,
    /// When it was last used, in milliseconds, to the minute.
    pub last_used_at: Option<i64>,
    /// When it dies if it is not used, in milliseconds.
    pub expires_at: i64,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
