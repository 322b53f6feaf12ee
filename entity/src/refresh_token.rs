//! A refresh token (RFC 6749 §6) of a grant, which is its family.

use sea_orm::entity::prelude::*;

/// A refresh token (RFC 6749 §6) of a grant, which is its family.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refresh_token")]
pub struct Model {
    /// SHA-256 of the token.
    #[sea_orm(primary_key, auto_increment = false)]
    pub token_hash: String,
    /// The family.
    pub grant_id: String,
    /// The token it replaced.
    pub parent_hash: Option<String>,
    /// When it was issued, in milliseconds.
    pub created_at: i64,
    /// When it dies of idleness, in milliseconds.
    pub expires_at: i64,
    /// When it was first used; with rotation it is then replaced, in milliseconds.
    pub first_used_at: Option<i64>,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
