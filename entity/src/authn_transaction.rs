//! An authentication transaction that is under way.

use sea_orm::entity::prelude::*;

/// An authentication transaction that is under way.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "authn_transaction")]
pub struct Model {
    /// `txn…`
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// SHA-256 of the state token.
    #[sea_orm(unique)]
    pub state_token_hash: String,
    /// Whose it is; absent: nobody's.
    pub user_id: Option<String>,
    /// Where it stands, as JSON.
    pub payload: String,
    /// Compare-and-swap counter.
    pub version: i32,
    /// When it began, in milliseconds.
    pub created_at: i64,
    /// When it dies unless it goes on, in milliseconds.
    pub expires_at: i64,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
