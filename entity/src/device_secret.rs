//! A device secret (OpenID Connect Native SSO 1.0 §3.2).

use sea_orm::entity::prelude::*;

/// A device secret (OpenID Connect Native SSO 1.0 §3.2).
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "device_secret")]
pub struct Model {
    /// SHA-256 of the secret.
    #[sea_orm(primary_key, auto_increment = false)]
    pub secret_hash: String,
    /// The grant it was issued with, and dies with.
    pub grant_id: String,
    /// When it was issued, in milliseconds.
    pub created_at: i64,
    /// When it was revoked, in milliseconds.
    pub revoked_at: Option<i64>,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
