//! An access token revoked on its own.

use sea_orm::entity::prelude::*;

/// An access token revoked on its own.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "revoked_jti")]
pub struct Model {
    /// `jti` of the token.
    #[sea_orm(primary_key, auto_increment = false)]
    pub jti: String,
    /// When the token dies anyway, in milliseconds.
    pub expires_at: i64,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
