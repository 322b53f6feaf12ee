//! A pending authorization request, frozen when it arrived.

use sea_orm::entity::prelude::*;

/// A pending authorization request, frozen when it arrived.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "flow")]
pub struct Model {
    /// `flw…`
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// SHA-256 of the cookie of the browser it belongs to.
    pub browser_hash: String,
    /// The validated request and its progress, as JSON.
    pub payload: String,
    /// Compare-and-swap counter.
    pub version: i32,
    /// Where it came from; pending requests are capped per address.
    pub client_ip: String,
    /// When it arrived, in milliseconds.
    pub created_at: i64,
    /// When it dies, in milliseconds.
    pub expires_at: i64,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
