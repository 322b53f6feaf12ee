//! Devices that approve. Each is a push factor's; it goes when the factor goes.

use entity::push_device;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use time::{Duration, OffsetDateTime};

use super::{Database, instant_opt, millis, unit::Change};
use crate::{fault::Fault, id::FactorId};

/// A device.
#[derive(Clone, PartialEq, Debug)]
pub struct PushDevice {
    /// Its factor.
    pub factor_id: FactorId,
    /// Its public key (RFC 7517).
    pub public_jwk: serde_json::Value,
    asked: u32,
    /// When the hour began in which it was asked so often.
    pub hour_began_at: Option<OffsetDateTime>,
}

impl PushDevice {
    /// Whether it was asked so often without an approval that it is not asked until the hour is over.
    pub fn rests(&self, limit: u32, now: OffsetDateTime) -> bool {
        self.asked >= limit && self.hour_began_at.is_some_and(|began| now - began < Duration::HOUR)
    }
}

fn model(row: push_device::Model) -> Result<PushDevice, Fault> {
    Ok(PushDevice {
        factor_id: FactorId::new(row.factor_id),
        public_jwk: serde_json::from_str(&row.public_jwk)?,
        asked: u32::try_from(row.asked).map_err(Fault::stored)?,
        hour_began_at: instant_opt(row.hour_began_at)?,
    })
}

/// Finds the device of a factor.
///
/// # Errors
/// The database failed.
pub async fn find(db: &Database, factor: &FactorId) -> Result<Option<PushDevice>, Fault> {
    push_device::Entity::find_by_id(factor.as_str()).one(db.reader()).await?.map(model).transpose()
}

/// The devices of these factors.
///
/// # Errors
/// The database failed.
pub async fn list(db: &Database, factors: &[&FactorId]) -> Result<Vec<PushDevice>, Fault> {
    if factors.is_empty() {
        return Ok(Vec::new());
    }
    let ids = factors.iter().map(|id| id.as_str());
    let rows = push_device::Entity::find().filter(push_device::Column::FactorId.is_in(ids));
    rows.all(db.reader()).await?.into_iter().map(model).collect()
}

/// Keeps the key of a factor; lost when it has one, or the key is another's.
pub fn claim_insert(factor: &FactorId, (jwk, thumbprint): (&str, &str), now: OffsetDateTime) -> Change {
    Change::new(
        r#"INSERT INTO "push_device" ("factor_id", "public_jwk", "thumbprint", "asked", "created_at")
           VALUES ($1, $2, $3, 0, $4) ON CONFLICT DO NOTHING"#,
        vec![factor.as_str().into(), jwk.into(), thumbprint.into(), millis(now).into()],
    )
}

/// Counts that a device is asked; lost when it rests, or there is no such device.
pub fn claim_ask(factor: &FactorId, limit: u32, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "push_device" SET
             "asked" = CASE WHEN "hour_began_at" > $3 THEN "asked" + 1 ELSE 1 END,
             "hour_began_at" = CASE WHEN "hour_began_at" > $3 THEN "hour_began_at" ELSE $2 END
           WHERE "factor_id" = $1 AND ("hour_began_at" IS NULL OR "hour_began_at" <= $3 OR "asked" < $4)"#,
        vec![
            factor.as_str().into(),
            millis(now).into(),
            millis(now - Duration::HOUR).into(),
            i64::from(limit).into(),
        ],
    )
}

/// Gives back what an approved question took; lost when there is no such device, or its factor is not active.
pub fn claim_approve(factor: &FactorId) -> Change {
    Change::new(
        r#"UPDATE "push_device" SET "asked" = CASE WHEN "asked" > 0 THEN "asked" - 1 ELSE 0 END
           WHERE "factor_id" = $1
             AND EXISTS (SELECT 1 FROM "factor" WHERE "factor"."id" = $1 AND "factor"."status" = 'ACTIVE')"#,
        vec![factor.as_str().into()],
    )
}
