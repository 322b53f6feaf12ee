//! An authorization code (RFC 6749 §4.1.2).

use sea_orm::entity::prelude::*;

/// An authorization code (RFC 6749 §4.1.2).
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "authorization_code")]
pub struct Model {
    /// SHA-256 of the code.
    #[sea_orm(primary_key, auto_increment = false)]
    pub code_hash: String,
    /// What it buys.
    pub grant_id: String,
    /// The client it was issued to.
    pub client_id: String,
    /// The authorization server that issued it.
    pub server_id: String,
    /// The redirect URI of the request.
    pub redirect_uri: String,
    /// Whether the request named it (RFC 6749 §4.1.3).
    pub redirect_uri_sent: bool,
    /// S256 challenge (RFC 7636).
    pub code_challenge: Option<String>,
    /// `nonce` for the ID token.
    pub nonce: Option<String>,
    /// The thumbprint of the DPoP key that must redeem it (RFC 9449 §10).
    pub dpop_jkt: Option<String>,
    /// Wrong code verifiers so far.
    pub failures: i32,
    /// When it was issued, in milliseconds.
    pub created_at: i64,
    /// When it dies, in milliseconds.
    pub expires_at: i64,
    /// When it was redeemed, in milliseconds.
    pub consumed_at: Option<i64>,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
