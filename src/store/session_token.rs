//! Session tokens: one-time, and kept as a hash only.

use entity::session_token;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use time::OffsetDateTime;

use super::{
    Database,
    db::find_one,
    instant, millis,
    unit::{Change, Row},
};
use crate::{
    fault::Fault,
    id::{ClientId, UserId},
    model::session::VerifiedFactor,
    secret::TokenHash,
};

/// For whom a session token was issued; nobody else's request can use it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BoundTo {
    /// A client.
    Client(ClientId),
    /// The pages of an origin.
    Origin(String),
    /// A program that is no page, and that anybody may run.
    Program,
    /// An application that holds an API token, and hands the session token to whom it likes.
    TrustedApplication,
}

const PROGRAM: &str = "public";
const TRUSTED_APPLICATION: &str = "trusted";

/// What a session token stands for.
#[derive(Clone, Debug)]
pub struct SessionToken {
    /// Who authenticated.
    pub user_id: UserId,
    /// The factors that were verified.
    pub factors: Vec<VerifiedFactor>,
    /// For whom it was issued.
    pub bound_to: BoundTo,
    /// The version of the global session policy whose factor a remembered device stood for.
    pub remembered: Option<String>,
    /// When it was issued.
    pub created_at: OffsetDateTime,
    /// When it dies.
    pub expires_at: OffsetDateTime,
}

/// The row of a new token.
///
/// # Errors
/// The factors cannot be written as JSON.
pub fn row(hash: &TokenHash, token: &SessionToken) -> Result<Row, Fault> {
    let (client_id, origin, program) = match &token.bound_to {
        BoundTo::Client(client) => (Some(client.to_string()), None, None),
        BoundTo::Origin(origin) => (None, Some(origin.clone()), None),
        BoundTo::Program => (None, None, Some(PROGRAM)),
        BoundTo::TrustedApplication => (None, None, Some(TRUSTED_APPLICATION)),
    };
    Ok(session_token::Model {
        token_hash: hash.encoded(),
        user_id: token.user_id.to_string(),
        factors: serde_json::to_string(&token.factors)?,
        client_id,
        origin,
        program: program.map(ToOwned::to_owned),
        remembered: token.remembered.clone(),
        created_at: millis(token.created_at),
        expires_at: millis(token.expires_at),
        consumed_at: None,
    }
    .into())
}

/// Finds a token that was neither used nor has expired.
///
/// # Errors
/// The database failed.
pub async fn find(
    db: &Database,
    hash: &TokenHash,
    now: OffsetDateTime,
) -> Result<Option<SessionToken>, Fault> {
    let query = session_token::Entity::find_by_id(hash.encoded())
        .filter(session_token::Column::ConsumedAt.is_null())
        .filter(session_token::Column::ExpiresAt.gt(millis(now)));
    let row = find_one(db.reader(), query).await?;
    let Some(row) = row else { return Ok(None) };
    let bound_to = match (row.client_id, row.origin, row.program.as_deref()) {
        (Some(client), None, None) => BoundTo::Client(ClientId::new(client)),
        (None, Some(origin), None) => BoundTo::Origin(origin),
        (None, None, Some(PROGRAM)) => BoundTo::Program,
        (None, None, Some(TRUSTED_APPLICATION)) => BoundTo::TrustedApplication,
        _ => return Err(Fault::stored("session_token.client_id")),
    };
    Ok(Some(SessionToken {
        user_id: UserId::new(row.user_id),
        factors: serde_json::from_str(&row.factors)?,
        bound_to,
        remembered: row.remembered,
        created_at: instant(row.created_at)?,
        expires_at: instant(row.expires_at)?,
    }))
}

/// Uses a token; lost when it was used before or has expired.
pub fn consume(hash: &TokenHash, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "session_token" SET "consumed_at" = $1
           WHERE "token_hash" = $2 AND "consumed_at" IS NULL AND "expires_at" > $1"#,
        vec![millis(now).into(), hash.encoded().into()],
    )
}
