//! The one row that describes this installation.

use sea_orm::entity::prelude::*;

/// The one row that describes this installation.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "installation")]
pub struct Model {
    /// Always 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// Whether `stepgate dev` made this database; production commands refuse it.
    pub dev: bool,
    /// A known text sealed under the master key: proves that the right key is loaded.
    pub seal_check: String,
    /// Counts administrative writes; running processes watch it and drop their caches.
    pub generation: i64,
    /// When the database was set up, in milliseconds of the Unix epoch.
    pub created_at: i64,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
