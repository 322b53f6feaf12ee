//! A pushed authorization request (RFC 9126).

use sea_orm::entity::prelude::*;

/// A pushed authorization request (RFC 9126).
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "pushed_request")]
pub struct Model {
    /// SHA-256 of the `request_uri`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub request_hash: String,
    /// The client that pushed it.
    pub client_id: String,
    /// The authorization server it was pushed to.
    pub server_id: String,
    /// The validated request, as JSON.
    pub payload: String,
    /// Where it came from; those of public clients are capped per address.
    pub client_ip: String,
    /// When it was pushed, in milliseconds.
    pub created_at: i64,
    /// Until when it can be opened, in milliseconds.
    pub expires_at: i64,
    /// When a flow that it began was completed, in milliseconds.
    pub consumed_at: Option<i64>,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
