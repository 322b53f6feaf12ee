//! A code of recovery by text message or voice call.

use sea_orm::entity::prelude::*;

/// A code of recovery by text message or voice call.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "recovery_code")]
pub struct Model {
    /// The transaction that waits for it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub transaction_id: String,
    /// Whom wrong codes are counted for; also for logins that nobody has.
    pub subject: String,
    /// Whose account it is about; absent: nobody's, and no code is right.
    pub user_id: Option<String>,
    /// `PASSWORD` or `UNLOCK`.
    pub kind: String,
    /// `SMS` or `CALL`.
    pub channel: String,
    /// HMAC over transaction and code.
    pub code_mac: String,
    /// Codes that were tried.
    pub tries: i32,
    /// When the user's password had been set, in milliseconds, when it was sent.
    pub password_changed_at: Option<i64>,
    /// When it was sent, in milliseconds.
    pub sent_at: i64,
    /// When it dies, in milliseconds.
    pub expires_at: i64,
    /// When it was used or became void, in milliseconds.
    pub consumed_at: Option<i64>,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
