//! Pending authorization requests, frozen when they arrived.

use entity::flow;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use time::OffsetDateTime;

use super::{
    Database,
    db::{count_up_to, find_one},
    instant, millis,
    unit::{Change, Row},
};
use crate::{fault::Fault, id::FlowId, secret::TokenHash};

/// What is stored of a pending authorization request.
#[derive(Clone, Debug)]
pub struct StoredFlow {
    /// `flw…`
    pub id: FlowId,
    /// SHA-256 of the cookie of the browser that it belongs to.
    pub browser: TokenHashText,
    /// The request and its progress, as the flow writes it.
    pub payload: String,
    /// Grows with each change.
    pub version: i32,
    /// When it arrived.
    pub created_at: OffsetDateTime,
    /// When it dies.
    pub expires_at: OffsetDateTime,
}

/// A stored hash in its text form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenHashText(String);

impl TokenHashText {
    /// Whether it is the hash of the same artefact.
    pub fn is(&self, hash: &TokenHash) -> bool {
        self.0 == hash.encoded()
    }
}

/// Finds a pending request that has not expired.
///
/// # Errors
/// The database failed.
pub async fn find(db: &Database, id: &FlowId, now: OffsetDateTime) -> Result<Option<StoredFlow>, Fault> {
    let query = flow::Entity::find_by_id(id.as_str()).filter(flow::Column::ExpiresAt.gt(millis(now)));
    let row = find_one(db.reader(), query).await?;
    row.map(|row| {
        Ok(StoredFlow {
            id: FlowId::new(row.id),
            browser: TokenHashText(row.browser_hash),
            payload: row.payload,
            version: row.version,
            created_at: instant(row.created_at)?,
            expires_at: instant(row.expires_at)?,
        })
    })
    .transpose()
}

/// How many requests of one address are pending; counting stops at `most`.
///
/// # Errors
/// The database failed.
pub async fn pending_from(
    db: &Database,
    client_ip: &str,
    now: OffsetDateTime,
    most: u32,
) -> Result<u64, Fault> {
    let selected = r#"FROM "flow" WHERE "client_ip" = $1 AND "expires_at" > $2 LIMIT $3"#;
    count_up_to(db, selected, vec![client_ip.into(), millis(now).into(), i64::from(most).into()]).await
}

/// The row of a new pending request.
pub fn row(
    id: &FlowId,
    browser: &TokenHash,
    payload: String,
    client_ip: &str,
    times: [OffsetDateTime; 2],
) -> Row {
    let [created_at, expires_at] = times;
    flow::Model {
        id: id.to_string(),
        browser_hash: browser.encoded(),
        payload,
        version: 0,
        client_ip: client_ip.to_owned(),
        created_at: millis(created_at),
        expires_at: millis(expires_at),
    }
    .into()
}

/// Saves progress, unless somebody else did so meanwhile.
pub fn claim_update(id: &FlowId, version: i32, payload: String) -> Change {
    Change::new(
        r#"UPDATE "flow" SET "payload" = $1, "version" = "version" + 1 WHERE "id" = $2 AND "version" = $3"#,
        vec![payload.into(), id.as_str().into(), version.into()],
    )
}

/// Completes a pending request: it can be completed once.
pub fn claim_completion(id: &FlowId, version: i32) -> Change {
    Change::new(
        r#"DELETE FROM "flow" WHERE "id" = $1 AND "version" = $2"#,
        vec![id.as_str().into(), version.into()],
    )
}
