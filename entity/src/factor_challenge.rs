//! A challenge of a factor.

use sea_orm::entity::prelude::*;

/// A challenge of a factor.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "factor_challenge")]
pub struct Model {
    /// The factor.
    #[sea_orm(primary_key, auto_increment = false)]
    pub factor_id: String,
    /// What the answer counts for.
    #[sea_orm(primary_key, auto_increment = false)]
    pub purpose: String,
    /// The user.
    pub user_id: String,
    /// HMAC of the code that was sent.
    pub code_mac: Option<String>,
    /// SHA-256 of the token of the link that was sent.
    pub link_hash: Option<String>,
    /// How often it was answered.
    pub tries: i32,
    /// When it was sent, in milliseconds.
    pub created_at: i64,
    /// When it dies, in milliseconds.
    pub expires_at: i64,
    /// When the link was confirmed, in milliseconds.
    pub confirmed_at: Option<i64>,
    /// When it was answered rightly, in milliseconds.
    pub consumed_at: Option<i64>,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
