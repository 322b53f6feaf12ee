//! A secret of a client.

use sea_orm::entity::prelude::*;

/// A secret of a client.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "client_secret")]
pub struct Model {
    /// `ocs…`
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The client.
    pub client_id: String,
    /// HMAC-SHA-256 of the secret (client_secret_basic, client_secret_post).
    pub digest: Option<String>,
    /// The sealed secret (client_secret_jwt needs it in clear).
    pub sealed: Option<String>,
    /// `ACTIVE` or `INACTIVE`.
    pub status: String,
    /// When it was made, in milliseconds.
    pub created_at: i64,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
