//! Profiles of custom one-time password tokens.

use entity::factor_profile;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder};

use super::{
    Database,
    db::{Tx, execute},
    instant, millis,
};
use crate::{fault::Fault, id::FactorProfileId, model::factor_profile::FactorProfile};

fn model(row: factor_profile::Model) -> Result<FactorProfile, Fault> {
    Ok(FactorProfile {
        id: FactorProfileId::new(row.id),
        name: row.name,
        settings: serde_json::from_str(&row.settings)?,
        created_at: instant(row.created_at)?,
        updated_at: instant(row.updated_at)?,
    })
}

fn row(profile: &FactorProfile) -> Result<factor_profile::Model, Fault> {
    Ok(factor_profile::Model {
        id: profile.id.to_string(),
        name: profile.name.clone(),
        settings: serde_json::to_string(&profile.settings)?,
        created_at: millis(profile.created_at),
        updated_at: millis(profile.updated_at),
    })
}

/// All profiles, by name.
///
/// # Errors
/// The database failed.
pub async fn list(db: &Database) -> Result<Vec<FactorProfile>, Fault> {
    let rows =
        factor_profile::Entity::find().order_by_asc(factor_profile::Column::Name).all(db.reader()).await?;
    rows.into_iter().map(model).collect()
}

/// Finds a profile.
///
/// # Errors
/// The database failed.
pub async fn find(db: &Database, id: &FactorProfileId) -> Result<Option<FactorProfile>, Fault> {
    factor_profile::Entity::find_by_id(id.as_str()).one(db.reader()).await?.map(model).transpose()
}

/// Finds a profile by its name, inside a transaction.
///
/// # Errors
/// The database failed.
pub async fn find_by_name_in(tx: &Tx, name: &str) -> Result<Option<FactorProfile>, Fault> {
    let named = factor_profile::Entity::find().filter(factor_profile::Column::Name.eq(name));
    named.one(&tx.0).await?.map(model).transpose()
}

/// Replaces everything that is stored of a profile.
///
/// # Errors
/// The database failed.
pub async fn update(tx: &Tx, profile: &FactorProfile) -> Result<(), Fault> {
    row(profile)?.into_active_model().reset_all().update(&tx.0).await?;
    Ok(())
}

/// Removes a profile that no factor names; says whether it did.
///
/// # Errors
/// The database failed.
pub async fn delete_unless_used(tx: &Tx, id: &FactorProfileId) -> Result<bool, Fault> {
    let sql = r#"DELETE FROM "factor_profile" WHERE "id" = $1
                 AND NOT EXISTS (SELECT 1 FROM "factor" WHERE "factor_profile_id" = $1)"#;
    Ok(execute(&tx.0, sql, vec![id.as_str().into()]).await? == 1)
}

/// Inserts a profile.
///
/// # Errors
/// The name is taken, or the database failed.
pub async fn insert(tx: &Tx, profile: &FactorProfile) -> Result<(), Fault> {
    row(profile)?.into_active_model().insert(&tx.0).await?;
    Ok(())
}
