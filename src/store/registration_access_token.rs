//! Registration access tokens (RFC 7592 §1.2): one a client, known by its hash.

use entity::registration_access_token;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use time::OffsetDateTime;

use super::{Database, db::Tx, millis};
use crate::{fault::Fault, id::ClientId, secret::TokenHash};

/// Stores the token of a client.
///
/// # Errors
/// The database failed.
pub async fn insert(tx: &Tx, client: &ClientId, token: &TokenHash, now: OffsetDateTime) -> Result<(), Fault> {
    registration_access_token::Model {
        client_id: client.to_string(),
        token_hash: token.encoded(),
        created_at: millis(now),
    }
    .into_active_model()
    .insert(&tx.0)
    .await?;
    Ok(())
}

/// The client that a token belongs to.
///
/// # Errors
/// The database failed.
pub async fn find_client(db: &Database, token: &TokenHash) -> Result<Option<ClientId>, Fault> {
    let row = registration_access_token::Entity::find()
        .filter(registration_access_token::Column::TokenHash.eq(token.encoded()))
        .one(db.reader())
        .await?;
    Ok(row.map(|row| ClientId::new(row.client_id)))
}
