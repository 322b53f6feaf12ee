//! A browser in which a user has signed in: it has its own budget of wrong passwords.

use sea_orm::entity::prelude::*;

/// A browser in which a user has signed in: it has its own budget of wrong passwords.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "known_device")]
pub struct Model {
    /// The user.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: String,
    /// SHA-256 of the device cookie.
    #[sea_orm(primary_key, auto_increment = false)]
    pub device_hash: String,
    /// Consecutive wrong passwords from this browser.
    pub failures: i32,
    /// When this browser may try again, in milliseconds.
    pub locked_until: Option<i64>,
    /// The last successful sign-in from it, in milliseconds.
    pub last_seen_at: i64,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
