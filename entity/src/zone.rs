//! A network zone.

use sea_orm::entity::prelude::*;

/// A network zone.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "zone")]
pub struct Model {
    /// `nzo…`
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The name.
    pub name: String,
    /// `ACTIVE` or `INACTIVE`.
    pub status: String,
    /// Networks and ranges as JSON.
    pub gateways: String,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
