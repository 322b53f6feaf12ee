//! A scope of an authorization server.

use sea_orm::entity::prelude::*;

/// A scope of an authorization server.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "scope")]
pub struct Model {
    /// `scp…`
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The authorization server.
    pub server_id: String,
    /// The scope token (RFC 6749 §3.3).
    pub name: String,
    /// Shown on the consent page.
    pub display_name: Option<String>,
    /// Shown on the consent page.
    pub description: Option<String>,
    /// `IMPLICIT`, `REQUIRED` or `FLEXIBLE`.
    pub consent: String,
    /// Whether the user may decline it.
    pub optional: bool,
    /// Granted when a request names no scope.
    pub is_default: bool,
    /// `ALL_CLIENTS` or `NO_CLIENTS`.
    pub metadata_publish: String,
    /// Built in: cannot be removed.
    pub system: bool,
    /// Takes two factors.
    pub sensitive: bool,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
