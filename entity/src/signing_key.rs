//! A signing key of an authorization server.

use sea_orm::entity::prelude::*;

/// A signing key of an authorization server.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "signing_key")]
pub struct Model {
    /// RFC 7638 thumbprint.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kid: String,
    /// The authorization server.
    pub server_id: String,
    /// JWS algorithm (RFC 7518 §3.1).
    pub algorithm: String,
    /// `next`, `active`, `retired` or `gone`.
    pub state: String,
    /// The sealed private JWK.
    pub private_key: String,
    /// The public JWK.
    pub public_key: String,
    /// When it was made, in milliseconds.
    pub created_at: i64,
    /// When it entered the JWKS, in milliseconds.
    pub published_at: i64,
    /// When a requested rotation makes it active, in milliseconds.
    pub activate_at: Option<i64>,
    /// When it began to sign, in milliseconds.
    pub activated_at: Option<i64>,
    /// When it stopped signing, in milliseconds.
    pub retired_at: Option<i64>,
    /// When it leaves the JWKS, in milliseconds.
    pub remove_at: Option<i64>,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
