//! Network zones.

use entity::zone;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder};

use super::{
    Database,
    db::Tx,
    server::{to_word, word},
};
use crate::{fault::Fault, id::ZoneId, model::zone::Zone};

fn model(row: zone::Model) -> Result<Zone, Fault> {
    Ok(Zone {
        id: ZoneId::new(row.id),
        name: row.name,
        status: word(&row.status)?,
        gateways: serde_json::from_str(&row.gateways)?,
    })
}

/// All zones by name.
///
/// # Errors
/// The database failed.
pub async fn list(db: &Database) -> Result<Vec<Zone>, Fault> {
    let rows = zone::Entity::find().order_by_asc(zone::Column::Name).all(db.reader()).await?;
    rows.into_iter().map(model).collect()
}

/// Finds a zone by its name, inside a transaction.
///
/// # Errors
/// The database failed.
pub async fn find_by_name_in(tx: &Tx, name: &str) -> Result<Option<Zone>, Fault> {
    zone::Entity::find().filter(zone::Column::Name.eq(name)).one(&tx.0).await?.map(model).transpose()
}

/// Inserts a zone, or replaces the one of that id.
///
/// # Errors
/// The name is another zone's, or the database failed.
pub async fn upsert(tx: &Tx, zone: &Zone) -> Result<(), Fault> {
    let known = zone::Entity::find_by_id(zone.id.as_str()).one(&tx.0).await?.is_some();
    let row = zone::Model {
        id: zone.id.to_string(),
        name: zone.name.clone(),
        status: to_word(&zone.status)?,
        gateways: serde_json::to_string(&zone.gateways)?,
    }
    .into_active_model();
    if known {
        row.reset_all().update(&tx.0).await?;
    } else {
        row.insert(&tx.0).await?;
    }
    Ok(())
}
