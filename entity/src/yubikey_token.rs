//! A YubiKey whose secrets an administrator imported.

use sea_orm::entity::prelude::*;

/// A YubiKey whose secrets an administrator imported.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "yubikey_token")]
pub struct Model {
    /// `ykk…`
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The serial number, 12 digits.
    pub serial: String,
    /// What its passwords begin with.
    pub public_id: String,
    /// The private id and the AES key, sealed.
    pub secret: String,
    /// The last use that was accepted, of both counters together.
    pub counter: Option<i64>,
    /// The factor that it is; null: nobody's.
    pub factor_id: Option<String>,
    /// When its secrets were imported first, in milliseconds.
    pub created_at: i64,
    /// When it was last changed, in milliseconds.
    pub updated_at: i64,
    /// When it was enrolled, in milliseconds.
    pub activated_at: Option<i64>,
    /// When a password of it was last accepted, in milliseconds.
    pub last_verified_at: Option<i64>,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
