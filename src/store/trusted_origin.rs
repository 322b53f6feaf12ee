//! Trusted origins.

use entity::trusted_origin;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use super::{Database, db::Tx};
use crate::{fault::Fault, id::TrustedOriginId, model::Status};

/// An origin that may call from browsers (`CORS`) or be redirected to (`REDIRECT`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedOrigin {
    /// `tos…`
    pub id: TrustedOriginId,
    /// The name.
    pub name: String,
    /// Scheme, host and port.
    pub origin: String,
    /// What it is trusted with.
    pub scopes: Vec<String>,
    /// Whether it counts.
    pub status: Status,
}

fn model(row: trusted_origin::Model) -> Result<TrustedOrigin, Fault> {
    Ok(TrustedOrigin {
        id: TrustedOriginId::new(row.id),
        name: row.name,
        origin: row.origin,
        scopes: serde_json::from_str(&row.scopes)?,
        status: Status::parse(&row.status).ok_or_else(|| Fault::stored("trusted_origin.status"))?,
    })
}

/// All trusted origins.
///
/// # Errors
/// The database failed.
pub async fn list(db: &Database) -> Result<Vec<TrustedOrigin>, Fault> {
    trusted_origin::Entity::find().all(db.reader()).await?.into_iter().map(model).collect()
}

/// Inserts the origin, or replaces what is stored of it.
///
/// # Errors
/// The database failed.
pub async fn upsert(tx: &Tx, origin: &TrustedOrigin) -> Result<(), Fault> {
    let existing = trusted_origin::Entity::find()
        .filter(trusted_origin::Column::Origin.eq(&origin.origin))
        .one(&tx.0)
        .await?;
    let known = existing.is_some();
    let row = trusted_origin::Model {
        id: existing.map_or_else(|| origin.id.to_string(), |row| row.id),
        name: origin.name.clone(),
        origin: origin.origin.clone(),
        scopes: serde_json::to_string(&origin.scopes)?,
        status: origin.status.as_str().to_owned(),
    }
    .into_active_model();
    if known {
        row.reset_all().update(&tx.0).await?;
    } else {
        row.insert(&tx.0).await?;
    }
    Ok(())
}
