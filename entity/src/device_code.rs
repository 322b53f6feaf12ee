//! A device authorization request (RFC 8628 §3.1).

use sea_orm::entity::prelude::*;

/// A device authorization request (RFC 8628 §3.1).
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "device_code")]
pub struct Model {
    /// `dvc…`
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// SHA-256 of the device code.
    pub device_code_hash: String,
    /// HMAC of the user code, until somebody decided.
    pub user_code_mac: Option<String>,
    /// The user code, sealed, to be shown again.
    pub user_code_sealed: String,
    /// The authorization server.
    pub server_id: String,
    /// The client.
    pub client_id: String,
    /// The scopes that may be approved, space separated.
    pub scope: String,
    /// The address as it is counted.
    pub client_ip: String,
    /// The address of the device.
    pub ip: Option<String>,
    /// The user agent of the device.
    pub user_agent: Option<String>,
    /// The least time between two polls, in seconds.
    pub poll_interval: i32,
    /// When the device last polled, in milliseconds.
    pub polled_at: Option<i64>,
    /// When it was requested, in milliseconds.
    pub created_at: i64,
    /// When it dies, in milliseconds.
    pub expires_at: i64,
    /// When the user decided, in milliseconds.
    pub decided_at: Option<i64>,
    /// The grant that the user's approval made; absent though decided: denied.
    pub grant_id: Option<String>,
    /// When the device code was redeemed, in milliseconds.
    pub consumed_at: Option<i64>,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
