//! An origin that may call from browsers or be redirected to.

use sea_orm::entity::prelude::*;

/// An origin that may call from browsers or be redirected to.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "trusted_origin")]
pub struct Model {
    /// `tos…`
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The name.
    pub name: String,
    /// Scheme, host and port.
    pub origin: String,
    /// `CORS`, `REDIRECT` as a JSON array.
    pub scopes: String,
    /// `ACTIVE` or `INACTIVE`.
    pub status: String,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
