//! What a device was asked to approve.

use sea_orm::entity::prelude::*;

/// What a device was asked to approve.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "push_transaction")]
pub struct Model {
    /// `mst…`
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The factor.
    pub factor_id: String,
    /// What the approval counts for.
    pub purpose: String,
    /// `WAITING`, `APPROVED`, `REJECTED` or `CANCELLED`.
    pub state: String,
    /// The right number and the three that the device shows, as JSON.
    pub numbers: Option<String>,
    /// What the user signs in to.
    pub application: Option<String>,
    /// The address of whoever asks.
    pub ip: Option<String>,
    /// Their user agent.
    pub user_agent: Option<String>,
    /// When it was asked, in milliseconds.
    pub created_at: i64,
    /// Until when it can be answered, in milliseconds.
    pub expires_at: i64,
    /// When it was answered, in milliseconds.
    pub answered_at: Option<i64>,
    /// When its end was told to whoever waits, in milliseconds.
    pub told_at: Option<i64>,
    /// When its approval was used, in milliseconds.
    pub consumed_at: Option<i64>,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
