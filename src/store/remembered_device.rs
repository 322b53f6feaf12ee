//! Devices that stand for a factor of one user, where policy lets them.

use entity::remembered_device;
use sea_orm::EntityTrait;
use time::OffsetDateTime;

use super::{Database, instant, millis, unit::Change};
use crate::{fault::Fault, id::UserId, secret::TokenHash};

/// What is known of a remembered device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RememberedDevice {
    /// The policy that let it be remembered.
    pub policy_version: String,
    /// When a factor was proved on it.
    pub created_at: OffsetDateTime,
    /// When it is forgotten.
    pub expires_at: OffsetDateTime,
}

/// Finds what a device stands for.
///
/// # Errors
/// The database failed.
pub async fn find(
    db: &Database,
    user: &UserId,
    device: &TokenHash,
) -> Result<Option<RememberedDevice>, Fault> {
    let key = (user.to_string(), device.encoded());
    let row = remembered_device::Entity::find_by_id(key).one(db.reader()).await?;
    row.map(|row| {
        Ok(RememberedDevice {
            policy_version: row.policy_version,
            created_at: instant(row.created_at)?,
            expires_at: instant(row.expires_at)?,
        })
    })
    .transpose()
}

/// Remembers a device in place of what was remembered of it before.
pub fn upsert(user: &UserId, device: &TokenHash, remembered: &RememberedDevice) -> Change {
    Change::new(
        r#"INSERT INTO "remembered_device"
             ("user_id", "device_hash", "policy_version", "created_at", "expires_at")
           VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT ("user_id", "device_hash") DO UPDATE SET
             "policy_version" = $3, "created_at" = $4, "expires_at" = $5"#,
        vec![
            user.as_str().into(),
            device.encoded().into(),
            remembered.policy_version.clone().into(),
            millis(remembered.created_at).into(),
            millis(remembered.expires_at).into(),
        ],
    )
}

/// Forgets all devices of a user: a factor was reset, or the password was changed.
pub fn forget_all(user: &UserId) -> Change {
    Change::new(r#"DELETE FROM "remembered_device" WHERE "user_id" = $1"#, vec![user.as_str().into()])
}

/// Forgets all devices of a user but one.
pub fn forget_others(user: &UserId, kept: &TokenHash) -> Change {
    Change::new(
        r#"DELETE FROM "remembered_device" WHERE "user_id" = $1 AND "device_hash" <> $2"#,
        vec![user.as_str().into(), kept.encoded().into()],
    )
}
