//! A one-time token that opens a session for a user who has authenticated already.

use sea_orm::entity::prelude::*;

/// A one-time token that opens a session for a user who has authenticated already.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "session_token")]
pub struct Model {
    /// SHA-256 of the token.
    #[sea_orm(primary_key, auto_increment = false)]
    pub token_hash: String,
    /// Who authenticated.
    pub user_id: String,
    /// The verified factors with their times, as JSON.
    pub factors: String,
    /// The client it was issued for, if it was a client.
    pub client_id: Option<String>,
    /// The origin it was issued for, if it was a page.
    pub origin: Option<String>,
    /// What kind of program it was issued for, if it was neither: `public` or `trusted`.
    pub program: Option<String>,
    /// The version of the policy whose factor a remembered device stood for.
    pub remembered: Option<String>,
    /// When it was issued, in milliseconds.
    pub created_at: i64,
    /// When it dies, in milliseconds.
    pub expires_at: i64,
    /// When it was used, in milliseconds.
    pub consumed_at: Option<i64>,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
