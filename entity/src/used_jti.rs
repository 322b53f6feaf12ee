//! A one-time assertion or proof that was used.

use sea_orm::entity::prelude::*;

/// A one-time assertion or proof that was used.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "used_jti")]
pub struct Model {
    /// SHA-256 of kind, issuer and `jti`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// When it may be forgotten, in milliseconds.
    pub expires_at: i64,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
