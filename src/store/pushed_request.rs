//! Pushed authorization requests (RFC 9126): stored under the SHA-256 of their `request_uri`, spent by one conditional
//! update when a flow that they began is completed.

use entity::pushed_request;
use sea_orm::EntityTrait;
use time::OffsetDateTime;

use super::{
    Database,
    db::{count_up_to, find_one},
    instant, instant_opt, millis,
    unit::{Change, Row},
};
use crate::{
    fault::Fault,
    id::{AuthorizationServerId, ClientId},
    secret::TokenHash,
};

/// What is stored of a pushed request.
#[derive(Clone, Debug)]
pub struct PushedRequest {
    /// The client that pushed it.
    pub client_id: ClientId,
    /// The authorization server it was pushed to.
    pub server_id: AuthorizationServerId,
    /// The validated request, as the flow writes it.
    pub payload: String,
    /// Until when it can be opened.
    pub expires_at: OffsetDateTime,
    /// When a flow that it began was completed.
    pub consumed_at: Option<OffsetDateTime>,
}

/// Finds a pushed request, whether or not it still counts.
///
/// # Errors
/// The database failed.
pub async fn find(db: &Database, request_uri: &TokenHash) -> Result<Option<PushedRequest>, Fault> {
    let row = find_one(db.reader(), pushed_request::Entity::find_by_id(request_uri.encoded())).await?;
    row.map(|row| {
        Ok(PushedRequest {
            client_id: ClientId::new(row.client_id),
            server_id: AuthorizationServerId::new(row.server_id),
            payload: row.payload,
            expires_at: instant(row.expires_at)?,
            consumed_at: instant_opt(row.consumed_at)?,
        })
    })
    .transpose()
}

/// How many requests that were pushed from one address can still be opened; counting stops at `most`.
///
/// # Errors
/// The database failed.
pub async fn pending_from(
    db: &Database,
    client_ip: &str,
    now: OffsetDateTime,
    most: u32,
) -> Result<u64, Fault> {
    let selected = r#"FROM "pushed_request" WHERE "client_ip" = $1 AND "expires_at" > $2 LIMIT $3"#;
    count_up_to(db, selected, vec![client_ip.into(), millis(now).into(), i64::from(most).into()]).await
}

/// The row of a new pushed request.
pub fn row(request_uri: &TokenHash, pushed: PushedRequest, client_ip: &str, now: OffsetDateTime) -> Row {
    pushed_request::Model {
        request_hash: request_uri.encoded(),
        client_id: pushed.client_id.into_string(),
        server_id: pushed.server_id.to_string(),
        payload: pushed.payload,
        client_ip: client_ip.to_owned(),
        created_at: millis(now),
        expires_at: millis(pushed.expires_at),
        consumed_at: None,
    }
    .into()
}

/// Spends a pushed request, by the text form of its hash: of all flows that it began, one is completed (RFC 9126 §4).
pub fn claim_completion(request_hash: &str, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "pushed_request" SET "consumed_at" = $1 WHERE "request_hash" = $2 AND "consumed_at" IS NULL"#,
        vec![millis(now).into(), request_hash.into()],
    )
}
