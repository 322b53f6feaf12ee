//! An OAuth grant: what was authorized once, and the truth about every token issued from it.

use sea_orm::entity::prelude::*;

/// An OAuth grant: what was authorized once, and the truth about every token issued from it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "grant")]
pub struct Model {
    /// `oag…`
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The authorization server.
    pub server_id: String,
    /// The client.
    pub client_id: String,
    /// The user, if one took part.
    pub user_id: Option<String>,
    /// The session it was made in.
    pub session_id: Option<String>,
    /// The granted scopes, space separated.
    pub scope: String,
    /// `acr` earned.
    pub acr: Option<String>,
    /// `amr` earned, as a JSON array.
    pub amr: String,
    /// When the user authenticated, in milliseconds.
    pub auth_time: Option<i64>,
    /// Lifetime of access tokens, in seconds.
    pub access_lifetime: i64,
    /// Idle lifetime of refresh tokens, in seconds.
    pub refresh_idle_lifetime: i64,
    /// When it was made, in milliseconds.
    pub created_at: i64,
    /// Absolute end of refreshing, in milliseconds; absent: none.
    pub expires_at: Option<i64>,
    /// When it was revoked, in milliseconds.
    pub revoked_at: Option<i64>,
    /// Why it was revoked.
    pub revoke_reason: Option<String>,
    /// The key that its refresh tokens are bound to, as JSON (RFC 7800 §3.1).
    pub confirmation: Option<String>,
    /// The resources it is for, as a JSON array (RFC 8707).
    pub resource: Option<String>,
    /// The `claims` parameter, as JSON (OpenID Connect Core §5.5).
    pub claims: Option<String>,
    /// Who acts for the user, as JSON (RFC 8693 §4.1).
    pub actor: Option<String>,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
