//! Signing keys: the private half sealed, changes of state by compare-and-swap.

use entity::signing_key;
use keys::{Algorithm, KeyRecord, KeyState};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
};
use serde_json::Value;

use super::{
    Database,
    db::{Tx, execute},
    instant, instant_opt, millis,
};
use crate::{fault::Fault, id::AuthorizationServerId};

/// A signing key as it is stored.
#[derive(Clone, Debug)]
pub struct StoredKey {
    /// The authorization server it signs for.
    pub server_id: AuthorizationServerId,
    /// Its place in the ring.
    pub record: KeyRecord,
    /// The sealed private JWK.
    pub sealed_private: String,
    /// The public JWK.
    pub public: Value,
}

fn model(row: signing_key::Model) -> Result<StoredKey, Fault> {
    let state = KeyState::parse(&row.state).ok_or_else(|| Fault::stored("signing_key.state"))?;
    Ok(StoredKey {
        server_id: AuthorizationServerId::new(row.server_id),
        record: KeyRecord {
            kid: row.kid,
            algorithm: row.algorithm.parse::<Algorithm>().map_err(Fault::stored)?,
            state,
            created_at: instant(row.created_at)?,
            published_at: instant(row.published_at)?,
            activate_at: instant_opt(row.activate_at)?,
            activated_at: instant_opt(row.activated_at)?,
            retired_at: instant_opt(row.retired_at)?,
            remove_at: instant_opt(row.remove_at)?,
        },
        sealed_private: row.private_key,
        public: serde_json::from_str(&row.public_key)?,
    })
}

async fn list_on(
    connection: &impl ConnectionTrait,
    server: &AuthorizationServerId,
) -> Result<Vec<StoredKey>, Fault> {
    signing_key::Entity::find()
        .filter(signing_key::Column::ServerId.eq(server.as_str()))
        .filter(signing_key::Column::State.ne("gone"))
        .order_by_asc(signing_key::Column::CreatedAt)
        .all(connection)
        .await?
        .into_iter()
        .map(model)
        .collect()
}

/// The keys of a server that are not gone, oldest first.
///
/// # Errors
/// The database failed.
pub async fn list(db: &Database, server: &AuthorizationServerId) -> Result<Vec<StoredKey>, Fault> {
    list_on(db.reader(), server).await
}

/// The keys of a server that are not gone, inside a transaction.
///
/// # Errors
/// The database failed.
pub async fn list_in(tx: &Tx, server: &AuthorizationServerId) -> Result<Vec<StoredKey>, Fault> {
    list_on(&tx.0, server).await
}

/// Whether any sealed row exists at all.
///
/// # Errors
/// The database failed.
pub async fn any(db: &Database) -> Result<bool, Fault> {
    Ok(signing_key::Entity::find().one(db.reader()).await?.is_some())
}

/// Inserts a key. The database refuses a second active or second next key of one server and algorithm.
///
/// # Errors
/// Another node was faster, or the database failed.
pub async fn insert(tx: &Tx, key: &StoredKey) -> Result<(), Fault> {
    signing_key::Model {
        kid: key.record.kid.clone(),
        server_id: key.server_id.to_string(),
        algorithm: key.record.algorithm.as_str().to_owned(),
        state: key.record.state.as_str().to_owned(),
        private_key: key.sealed_private.clone(),
        public_key: key.public.to_string(),
        created_at: millis(key.record.created_at),
        published_at: millis(key.record.published_at),
        activate_at: key.record.activate_at.map(millis),
        activated_at: key.record.activated_at.map(millis),
        retired_at: key.record.retired_at.map(millis),
        remove_at: key.record.remove_at.map(millis),
    }
    .into_active_model()
    .insert(&tx.0)
    .await?;
    Ok(())
}

/// Moves a key from one state to what the record says; `false` when it is not in that state any more. A key that is
/// gone loses its private half.
///
/// # Errors
/// The database failed.
pub async fn transition(tx: &Tx, from: KeyState, record: &KeyRecord) -> Result<bool, Fault> {
    let changed = execute(
        &tx.0,
        r#"UPDATE "signing_key" SET "state" = $1, "activate_at" = $2, "activated_at" = $3, "retired_at" = $4,
             "remove_at" = $5, "private_key" = CASE WHEN $1 = 'gone' THEN '' ELSE "private_key" END
           WHERE "kid" = $6 AND "state" = $7"#,
        vec![
            record.state.as_str().into(),
            record.activate_at.map(millis).into(),
            record.activated_at.map(millis).into(),
            record.retired_at.map(millis).into(),
            record.remove_at.map(millis).into(),
            record.kid.as_str().into(),
            from.as_str().into(),
        ],
    )
    .await?;
    Ok(changed == 1)
}
