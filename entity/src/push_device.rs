//! A device that approves (`push`, `OKTA`).

use sea_orm::entity::prelude::*;

/// A device that approves (`push`, `OKTA`).
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "push_device")]
pub struct Model {
    /// Its factor.
    #[sea_orm(primary_key, auto_increment = false)]
    pub factor_id: String,
    /// Its public key, as a JWK.
    pub public_jwk: String,
    /// The thumbprint of the key (RFC 7638).
    pub thumbprint: String,
    /// How often it was asked without an approval within the hour that began at `hour_began_at`.
    pub asked: i32,
    /// When that hour began, in milliseconds.
    pub hour_began_at: Option<i64>,
    /// When it was enrolled, in milliseconds.
    pub created_at: i64,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
