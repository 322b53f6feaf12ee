//! A user.

use sea_orm::entity::prelude::*;

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user")]
pub struct Model {
    /// `00u…`
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Okta's user status.
    pub status: String,
    /// The login as it was written.
    pub login: String,
    /// The login after NFC and PRECIS UsernameCaseMapped: what is compared.
    pub login_key: String,
    /// Profile attributes, standard and custom, as JSON.
    pub profile: String,
    /// PHC string of the password (argon2id).
    pub password_hash: Option<String>,
    /// When the password was set, in milliseconds.
    pub password_changed_at: Option<i64>,
    /// Consecutive wrong passwords from unknown browsers.
    pub password_failures: i32,
    /// Wrong passwords since the last right one, reset or unlock.
    pub password_failures_total: i32,
    /// How often in a row the user was locked; doubles the next lock.
    pub lockouts: i32,
    /// When the lock ends, in milliseconds.
    pub locked_until: Option<i64>,
    /// Whether the user administers this installation.
    pub admin: bool,
    /// Tokens issued before this moment (milliseconds) are dead.
    pub not_before: i64,
    /// When the user was created, in milliseconds.
    pub created_at: i64,
    /// When the user was activated, in milliseconds.
    pub activated_at: Option<i64>,
    /// When the status last changed, in milliseconds.
    pub status_changed_at: i64,
    /// The last successful sign-in, in milliseconds.
    pub last_login_at: Option<i64>,
    /// When the profile last changed, in milliseconds.
    pub updated_at: i64,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
