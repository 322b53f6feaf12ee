//! A grant that was made with a device secret (OpenID Connect Native SSO 1.0 §4).

use sea_orm::entity::prelude::*;

/// A grant that was made with a device secret (OpenID Connect Native SSO 1.0 §4).
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "device_secret_grant")]
pub struct Model {
    /// The grant, revoked with the secret.
    #[sea_orm(primary_key, auto_increment = false)]
    pub grant_id: String,
    /// SHA-256 of the secret.
    pub secret_hash: String,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
