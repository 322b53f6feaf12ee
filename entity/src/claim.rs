//! A custom claim of an authorization server.

use sea_orm::entity::prelude::*;

/// A custom claim of an authorization server.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "claim")]
pub struct Model {
    /// `ocl…`
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The authorization server.
    pub server_id: String,
    /// The claim name.
    pub name: String,
    /// `RESOURCE` (access token) or `IDENTITY` (ID token, userinfo).
    pub claim_type: String,
    /// `STATIC`, `ATTRIBUTE` or `GROUPS`.
    pub value_type: String,
    /// The JSON value, the attribute name, or the group filter.
    pub value: String,
    /// `STARTS_WITH`, `EQUALS`, `CONTAINS` or `REGEX`.
    pub group_filter_type: Option<String>,
    /// `alwaysIncludeInToken`.
    pub always_include: bool,
    /// Scopes that bring it, as a JSON array; empty: every request.
    pub scopes: String,
    /// `ACTIVE` or `INACTIVE`.
    pub status: String,
}

/// Joins are written out where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
