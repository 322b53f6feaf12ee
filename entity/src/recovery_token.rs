//! A one-time token of recovery, unlocking or activation.

use sea_orm::entity::prelude::*;

/// A one-time token of recovery, unlocking or activation.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "recovery_token")]
pub struct Model {
    /// Whose account it is about.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: String,
    /// `PASSWORD`, `UNLOCK` or `ACCOUNT_ACTIVATION`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: String,
    /// SHA-256 of the token.
    pub token_hash: String,
    /// SHA-256 of the user's mail addresses when it was issued.
    pub addresses_hash: String,
    /// When the user's password had been set, in milliseconds, at that time.
    pub password_changed_at: Option<i64>,
    /// When it was issued, in milliseconds.
    pub created_at: i64,
    /// When it dies, in milliseconds.
    pub expires_at: i64,
    /// When it was used or became void, in milliseconds.
    pub consumed_at: Option<i64>,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
