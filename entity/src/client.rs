//! An OAuth client.

use sea_orm::entity::prelude::*;

/// An OAuth client.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "client")]
pub struct Model {
    /// `client_id`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// `client_name`.
    pub name: String,
    /// `ACTIVE` or `INACTIVE`.
    pub status: String,
    /// Client metadata (RFC 7591 §2) as JSON.
    pub metadata: String,
    /// Who may use the client, as JSON; absent: everyone.
    pub assignment: Option<String>,
    /// Tokens issued before this moment (milliseconds) are dead.
    pub not_before: i64,
    /// When it was registered, in milliseconds.
    pub created_at: i64,
    /// When it last changed, in milliseconds.
    pub updated_at: i64,
    /// `ADMINISTRATOR`, `INITIAL_ACCESS_TOKEN` or `ANYONE`.
    pub registered_by: String,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
