//! The token by which a client reads and changes its own registration (RFC 7592 §1.2).

use sea_orm::entity::prelude::*;

/// The token by which a client reads and changes its own registration.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "registration_access_token")]
pub struct Model {
    /// The client.
    #[sea_orm(primary_key, auto_increment = false)]
    pub client_id: String,
    /// SHA-256 of the token, base64url.
    pub token_hash: String,
    /// When it was made, in milliseconds.
    pub created_at: i64,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
