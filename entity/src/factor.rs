//! A factor of a user beside the password (Okta Factors API).

use sea_orm::entity::prelude::*;

/// A factor of a user beside the password (Okta Factors API).
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "factor")]
pub struct Model {
    /// `ost…`, `mbl…` and so on.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The user.
    pub user_id: String,
    /// The kind, by its key.
    pub kind: String,
    /// Okta's status.
    pub status: String,
    /// `only` for a kind of which a user has one; else `pending`, then its id.
    pub slot: String,
    /// What the user calls it.
    pub name: Option<String>,
    /// SHA-256 of the id of its WebAuthn credential, or of the public key of U2F: nobody else's.
    pub credential_hash: Option<String>,
    /// The public profile, as JSON.
    pub profile: String,
    /// The seed, or the hash of the answer, sealed.
    pub secret: Option<String>,
    /// The last step (RFC 6238) or counter (RFC 4226) that was accepted.
    pub counter: Option<i64>,
    /// SHA-256 of the token that shows the QR code, until the factor is active.
    pub qr_token_hash: Option<String>,
    /// The profile that a custom token follows.
    pub factor_profile_id: Option<String>,
    /// Wrong answers since the last right one.
    pub failures: i32,
    /// Wrong answers within the hour that began at `hour_began_at`.
    pub failures_this_hour: i32,
    /// When that hour began, in milliseconds.
    pub hour_began_at: Option<i64>,
    /// When it was enrolled, in milliseconds.
    pub created_at: i64,
    /// When it was last changed, in milliseconds.
    pub updated_at: i64,
    /// When it was last used with success, in milliseconds.
    pub last_verified_at: Option<i64>,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
