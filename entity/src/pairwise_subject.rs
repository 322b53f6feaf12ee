//! A pairwise subject identifier (OpenID Connect Core §8.1).

use sea_orm::entity::prelude::*;

/// A pairwise subject identifier (OpenID Connect Core §8.1).
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "pairwise_subject")]
pub struct Model {
    /// The sector identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub sector: String,
    /// The user.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: String,
    /// `sub` in that sector.
    pub subject: String,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
