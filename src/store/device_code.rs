//! Device authorization requests (RFC 8628): the device code as SHA-256, the user code as HMAC; decided once, redeemed
//! once.

use entity::device_code;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use time::{Duration, OffsetDateTime};

use super::{
    Database,
    db::{count_up_to, find_one},
    instant, instant_opt, millis,
    unit::Change,
};
use crate::{
    fault::Fault,
    id::{AuthorizationServerId, ClientId, DeviceCodeId, GrantId},
    protocol::scope::ScopeSet,
    secret::TokenHash,
};

/// What a device asked for, and what became of it.
#[derive(Clone, Debug)]
pub struct DeviceCode {
    /// `dvc…`
    pub id: DeviceCodeId,
    /// The user code, sealed.
    pub user_code_sealed: String,
    /// The authorization server.
    pub server_id: AuthorizationServerId,
    /// The client.
    pub client_id: ClientId,
    /// The scopes that may be approved.
    pub scope: ScopeSet,
    /// The address of the device.
    pub ip: Option<String>,
    /// The user agent of the device.
    pub user_agent: Option<String>,
    /// When it was requested.
    pub created_at: OffsetDateTime,
    /// When it dies.
    pub expires_at: OffsetDateTime,
    /// What the user decided.
    pub decision: Decision,
    /// When the device code was redeemed.
    pub consumed_at: Option<OffsetDateTime>,
}

/// What a user decided about a device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Nothing yet.
    Pending,
    /// Approved: this grant was made.
    Approved(GrantId),
    /// Denied.
    Denied,
}

fn model(row: device_code::Model) -> Result<DeviceCode, Fault> {
    Ok(DeviceCode {
        id: DeviceCodeId::new(row.id),
        user_code_sealed: row.user_code_sealed,
        server_id: AuthorizationServerId::new(row.server_id),
        client_id: ClientId::new(row.client_id),
        scope: ScopeSet::parse(&row.scope).map_err(Fault::stored)?,
        ip: row.ip,
        user_agent: row.user_agent,
        created_at: instant(row.created_at)?,
        expires_at: instant(row.expires_at)?,
        decision: match (row.decided_at, row.grant_id) {
            (None, _) => Decision::Pending,
            (Some(_), Some(grant)) => Decision::Approved(GrantId::new(grant)),
            (Some(_), None) => Decision::Denied,
        },
        consumed_at: instant_opt(row.consumed_at)?,
    })
}

/// Finds a request by its device code, whatever became of it.
///
/// # Errors
/// The database failed.
pub async fn find_by_device_code(db: &Database, code: &TokenHash) -> Result<Option<DeviceCode>, Fault> {
    let by_hash = device_code::Column::DeviceCodeHash.eq(code.encoded());
    find_one(db.reader(), device_code::Entity::find().filter(by_hash)).await?.map(model).transpose()
}

/// Finds a request that waits for its user by the MAC of the user code.
///
/// # Errors
/// The database failed.
pub async fn find_by_user_code(
    db: &Database,
    user_code_mac: &str,
    now: OffsetDateTime,
) -> Result<Option<DeviceCode>, Fault> {
    let query = device_code::Entity::find()
        .filter(device_code::Column::UserCodeMac.eq(user_code_mac))
        .filter(device_code::Column::DecidedAt.is_null())
        .filter(device_code::Column::ExpiresAt.gt(millis(now)));
    find_one(db.reader(), query).await?.map(model).transpose()
}

/// Finds a request that waits for its user.
///
/// # Errors
/// The database failed.
pub async fn find_pending(
    db: &Database,
    id: &DeviceCodeId,
    now: OffsetDateTime,
) -> Result<Option<DeviceCode>, Fault> {
    let query = device_code::Entity::find_by_id(id.as_str())
        .filter(device_code::Column::DecidedAt.is_null())
        .filter(device_code::Column::ExpiresAt.gt(millis(now)));
    find_one(db.reader(), query).await?.map(model).transpose()
}

/// How many requests of one address wait for their users; counting stops at `most`.
///
/// # Errors
/// The database failed.
pub async fn pending_from(
    db: &Database,
    client_ip: &str,
    now: OffsetDateTime,
    most: u32,
) -> Result<u64, Fault> {
    let selected = r#"FROM "device_code"
           WHERE "client_ip" = $1 AND "expires_at" > $2 AND "decided_at" IS NULL LIMIT $3"#;
    count_up_to(db, selected, vec![client_ip.into(), millis(now).into(), i64::from(most).into()]).await
}

/// The secrets of a new request, as they are kept.
pub struct Kept<'a> {
    /// Of the device code.
    pub device_code: &'a TokenHash,
    /// Of the user code.
    pub user_code_mac: &'a str,
    /// The address as it is counted.
    pub client_ip: &'a str,
    /// The least time between two polls.
    pub interval: Duration,
}

/// Inserts a request; lost when its user code is taken.
pub fn claim_insert(code: &DeviceCode, kept: &Kept<'_>) -> Change {
    Change::new(
        r#"INSERT INTO "device_code" ("id", "device_code_hash", "user_code_mac", "user_code_sealed", "server_id",
             "client_id", "scope", "client_ip", "ip", "user_agent", "poll_interval", "created_at", "expires_at")
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING"#,
        vec![
            code.id.as_str().into(),
            kept.device_code.encoded().into(),
            kept.user_code_mac.into(),
            code.user_code_sealed.as_str().into(),
            code.server_id.as_str().into(),
            code.client_id.as_str().into(),
            code.scope.to_string().into(),
            kept.client_ip.into(),
            code.ip.clone().into(),
            code.user_agent.clone().into(),
            i32::try_from(kept.interval.whole_seconds()).unwrap_or(i32::MAX).into(),
            millis(code.created_at).into(),
            millis(code.expires_at).into(),
        ],
    )
}

/// Approves the request with a grant: it is decided once, and its user code opens nothing any more.
pub fn claim_approval(id: &DeviceCodeId, grant: &GrantId, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "device_code" SET "decided_at" = $1, "grant_id" = $2, "user_code_mac" = NULL
           WHERE "id" = $3 AND "decided_at" IS NULL AND "expires_at" > $1"#,
        vec![millis(now).into(), grant.as_str().into(), id.as_str().into()],
    )
}

/// Denies the request: it is decided once, and its user code opens nothing any more.
pub fn claim_denial(id: &DeviceCodeId, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "device_code" SET "decided_at" = $1, "user_code_mac" = NULL
           WHERE "id" = $2 AND "decided_at" IS NULL AND "expires_at" > $1"#,
        vec![millis(now).into(), id.as_str().into()],
    )
}

/// Counts a poll that came after the interval.
pub fn claim_poll(id: &DeviceCodeId, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "device_code" SET "polled_at" = $1
           WHERE "id" = $2 AND ("polled_at" IS NULL OR "polled_at" + "poll_interval" * 1000 <= $1)"#,
        vec![millis(now).into(), id.as_str().into()],
    )
}

/// Makes the interval five seconds longer for this and all later polls (RFC 8628 §3.5), up to the life of a code.
pub fn slow_down(id: &DeviceCodeId, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "device_code" SET "polled_at" = $1,
             "poll_interval" = CASE WHEN "poll_interval" < 600 THEN "poll_interval" + 5 ELSE "poll_interval" END
           WHERE "id" = $2"#,
        vec![millis(now).into(), id.as_str().into()],
    )
}

/// Redeems the device code: one poll wins.
pub fn claim_redeem(id: &DeviceCodeId, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "device_code" SET "consumed_at" = $1
           WHERE "id" = $2 AND "consumed_at" IS NULL AND "grant_id" IS NOT NULL AND "expires_at" > $1"#,
        vec![millis(now).into(), id.as_str().into()],
    )
}
