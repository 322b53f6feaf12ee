//! A sign-on session of a browser.

use sea_orm::entity::prelude::*;

/// A sign-on session of a browser.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "session")]
pub struct Model {
    /// `102…`: `sid` in tokens.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// SHA-256 of the session cookie.
    pub token_hash: String,
    /// The user.
    pub user_id: String,
    /// The last time credentials were verified, in milliseconds.
    pub auth_time: i64,
    /// The verified factors with their times, as JSON.
    pub factors: String,
    /// When it began, in milliseconds.
    pub created_at: i64,
    /// When it was last used, in milliseconds (coarse).
    pub last_seen_at: i64,
    /// Its absolute end, in milliseconds.
    pub expires_at: i64,
    /// When it was ended, in milliseconds.
    pub ended_at: Option<i64>,
    /// Where it began.
    pub ip: Option<String>,
    /// The browser it began in.
    pub user_agent: Option<String>,
    /// How long it lives without use, in milliseconds; absent: as the installation says.
    pub idle_lifetime: Option<i64>,
    /// Whether its cookie outlives the browser.
    pub persistent_cookie: bool,
    /// The version of the policy whose factor a remembered browser stood for.
    pub remembered: Option<String>,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
