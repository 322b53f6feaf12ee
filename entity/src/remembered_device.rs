//! A device that stands for a factor of one user.

use sea_orm::entity::prelude::*;

/// A device that stands for a factor of one user.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "remembered_device")]
pub struct Model {
    /// Whose.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: String,
    /// SHA-256 of what the device is known by.
    #[sea_orm(primary_key, auto_increment = false)]
    pub device_hash: String,
    /// The policy that let it be remembered; under another one it stands for nothing.
    pub policy_version: String,
    /// When a factor was proved on it, in milliseconds.
    pub created_at: i64,
    /// When it is forgotten, in milliseconds.
    pub expires_at: i64,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
