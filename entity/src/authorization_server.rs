//! An authorization server; `org` and `default` always exist.

use sea_orm::entity::prelude::*;

/// An authorization server; `org` and `default` always exist.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "authorization_server")]
pub struct Model {
    /// The id in its URL.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The name, unique.
    pub name: String,
    /// What it protects.
    pub description: String,
    /// `aud` of its access tokens.
    pub audience: String,
    /// `ACTIVE` or `INACTIVE`.
    pub status: String,
    /// `okta` or `rfc9068`.
    pub access_token_profile: String,
    /// Signing algorithms and lifetimes as JSON.
    pub settings: String,
    /// Tokens issued before this moment (milliseconds) are dead.
    pub not_before: i64,
    /// When it was created, in milliseconds.
    pub created_at: i64,
    /// When it last changed, in milliseconds.
    pub updated_at: i64,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
