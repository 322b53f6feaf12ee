//! The browsers that users signed in with before, each with a budget of wrong passwords of its own.

use entity::known_device;
use sea_orm::EntityTrait;
use time::OffsetDateTime;

use super::{Database, db::find_one, instant_opt, millis, unit::Change};
use crate::{fault::Fault, id::UserId, secret::TokenHash};

/// What is stored of a browser that the user signed in with before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KnownDevice {
    /// Wrong passwords from this browser since the last right one.
    pub failures: u32,
    /// When it may try again.
    pub locked_until: Option<OffsetDateTime>,
}

/// Finds a browser that the user signed in with before.
///
/// # Errors
/// The database failed.
pub async fn find(db: &Database, id: &UserId, device: &TokenHash) -> Result<Option<KnownDevice>, Fault> {
    let key = (id.to_string(), device.encoded());
    let Some(row) = find_one(db.reader(), known_device::Entity::find_by_id(key)).await? else {
        return Ok(None);
    };
    Ok(Some(KnownDevice {
        failures: u32::try_from(row.failures).map_err(Fault::stored)?,
        locked_until: instant_opt(row.locked_until)?,
    }))
}

/// Charges one attempt to a known browser's own budget; lost when it is locked or another attempt came between.
pub fn claim_attempt(
    (id, device): (&UserId, &TokenHash),
    before: &KnownDevice,
    after: &KnownDevice,
    now: OffsetDateTime,
) -> Change {
    Change::new(
        r#"UPDATE "known_device" SET "failures" = $1, "locked_until" = $2
           WHERE "user_id" = $3 AND "device_hash" = $4 AND "failures" = $5
             AND ("locked_until" IS NULL OR "locked_until" <= $6)"#,
        vec![
            i64::from(after.failures).into(),
            after.locked_until.map(millis).into(),
            id.as_str().into(),
            device.encoded().into(),
            i64::from(before.failures).into(),
            millis(now).into(),
        ],
    )
}

/// Forgets a known browser's failures after the right password.
pub fn refresh(id: &UserId, device: &TokenHash, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "known_device" SET "failures" = 0, "locked_until" = NULL, "last_seen_at" = $1
           WHERE "user_id" = $2 AND "device_hash" = $3"#,
        vec![millis(now).into(), id.as_str().into(), device.encoded().into()],
    )
}

/// Remembers a browser that the user signed in with.
pub fn remember(id: &UserId, device: &TokenHash, now: OffsetDateTime) -> Change {
    Change::new(
        r#"INSERT INTO "known_device" ("user_id", "device_hash", "failures", "locked_until", "last_seen_at")
           VALUES ($1, $2, 0, NULL, $3) ON CONFLICT DO NOTHING"#,
        vec![id.as_str().into(), device.encoded().into(), millis(now).into()],
    )
}

/// Forgets the browsers that a user is known in.
pub fn forget_all(id: &UserId) -> Change {
    Change::new(r#"DELETE FROM "known_device" WHERE "user_id" = $1"#, vec![id.as_str().into()])
}
