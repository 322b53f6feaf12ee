//! A policy about signing in.

use sea_orm::entity::prelude::*;

/// A policy about signing in.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "policy")]
pub struct Model {
    /// `00p…`
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Okta's `type`: `OKTA_SIGN_ON`, `ACCESS_POLICY`, `MFA_ENROLL` or `PASSWORD`.
    pub kind: String,
    /// The name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Ascending: the lowest is looked at first.
    pub priority: i32,
    /// `ACTIVE` or `INACTIVE`.
    pub status: String,
    /// The groups it speaks about, as JSON; none: everyone.
    pub group_ids: String,
    /// What its kind sets beside rules, as JSON.
    pub settings: String,
    /// When it was made, in milliseconds.
    pub created_at: i64,
    /// When it, or a rule of it, last changed, in milliseconds.
    pub updated_at: i64,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
