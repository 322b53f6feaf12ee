//! OAuth clients and their secrets.

use entity::{client, client_secret};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, ExprTrait, Func, LikeExpr},
};
use time::OffsetDateTime;

use super::{
    Database,
    db::{Tx, execute, find_one},
    instant, millis,
};
use crate::{
    fault::Fault,
    id::{ClientId, ClientSecretId},
    model::{
        Status,
        client::{Client, ClientSecret, RegisteredBy, SecretCustody},
    },
};

fn model(row: client::Model, secrets: Vec<client_secret::Model>) -> Result<Client, Fault> {
    Ok(Client {
        id: ClientId::new(row.id),
        status: Status::parse(&row.status).ok_or_else(|| Fault::stored("client.status"))?,
        metadata: serde_json::from_str(&row.metadata)?,
        assignment: row.assignment.as_deref().map(serde_json::from_str).transpose()?,
        secrets: secrets.into_iter().map(secret_model).collect::<Result<_, _>>()?,
        not_before: instant(row.not_before)?,
        created_at: instant(row.created_at)?,
        updated_at: instant(row.updated_at)?,
        registered_by: row.registered_by.parse::<RegisteredBy>().map_err(Fault::stored)?,
    })
}

fn secret_model(row: client_secret::Model) -> Result<ClientSecret, Fault> {
    Ok(ClientSecret {
        id: ClientSecretId::new(row.id),
        custody: match (row.digest, row.sealed) {
            (Some(digest), None) => SecretCustody::Digest(digest),
            (None, Some(sealed)) => SecretCustody::Sealed(sealed),
            _ => return Err(Fault::stored("client_secret custody")),
        },
        status: Status::parse(&row.status).ok_or_else(|| Fault::stored("client_secret.status"))?,
        created_at: instant(row.created_at)?,
    })
}

async fn find_on(connection: &impl ConnectionTrait, id: &ClientId) -> Result<Option<Client>, Fault> {
    let Some(row) = find_one(connection, client::Entity::find_by_id(id.as_str())).await? else {
        return Ok(None);
    };
    let secrets = client_secret::Entity::find()
        .filter(client_secret::Column::ClientId.eq(id.as_str()))
        .order_by_asc(client_secret::Column::CreatedAt)
        .all(connection)
        .await?;
    model(row, secrets).map(Some)
}

/// Finds a client with its secrets.
///
/// # Errors
/// The database failed.
pub async fn find(db: &Database, id: &ClientId) -> Result<Option<Client>, Fault> {
    find_on(db.reader(), id).await
}

/// Finds a client inside a transaction.
///
/// # Errors
/// The database failed.
pub async fn find_in(tx: &Tx, id: &ClientId) -> Result<Option<Client>, Fault> {
    find_on(&tx.0, id).await
}

/// All clients by name, without their secrets.
///
/// # Errors
/// The database failed.
pub async fn list(db: &Database) -> Result<Vec<Client>, Fault> {
    let rows = client::Entity::find()
        .order_by_asc(client::Column::Name)
        .order_by_asc(client::Column::Id)
        .all(db.reader())
        .await?;
    rows.into_iter().map(|row| model(row, Vec::new())).collect()
}

fn row(client: &Client) -> Result<client::Model, Fault> {
    Ok(client::Model {
        id: client.id.to_string(),
        name: client.name().to_owned(),
        status: client.status.as_str().to_owned(),
        metadata: serde_json::to_string(&client.metadata)?,
        assignment: client.assignment.as_ref().map(serde_json::to_string).transpose()?,
        not_before: millis(client.not_before),
        created_at: millis(client.created_at),
        updated_at: millis(client.updated_at),
        registered_by: client.registered_by.as_str().to_owned(),
    })
}

/// Inserts a client; its secrets are inserted apart.
///
/// # Errors
/// The id is taken, or the database failed.
pub async fn insert(tx: &Tx, client: &Client) -> Result<(), Fault> {
    row(client)?.into_active_model().insert(&tx.0).await?;
    Ok(())
}

/// Replaces everything that is stored of a client but its secrets.
///
/// # Errors
/// The database failed.
pub async fn update(tx: &Tx, client: &Client) -> Result<(), Fault> {
    row(client)?.into_active_model().reset_all().update(&tx.0).await?;
    Ok(())
}

/// Adds a secret.
///
/// # Errors
/// The database failed.
pub async fn insert_secret(tx: &Tx, client: &ClientId, secret: &ClientSecret) -> Result<(), Fault> {
    let (digest, sealed) = match &secret.custody {
        SecretCustody::Digest(digest) => (Some(digest.clone()), None),
        SecretCustody::Sealed(sealed) => (None, Some(sealed.clone())),
    };
    client_secret::Model {
        id: secret.id.to_string(),
        client_id: client.to_string(),
        digest,
        sealed,
        status: secret.status.as_str().to_owned(),
        created_at: millis(secret.created_at),
    }
    .into_active_model()
    .insert(&tx.0)
    .await?;
    Ok(())
}

/// Removes all secrets of a client but those of the given ids.
///
/// # Errors
/// The database failed.
pub async fn delete_secrets_except(tx: &Tx, client: &ClientId, keep: &[ClientSecretId]) -> Result<(), Fault> {
    client_secret::Entity::delete_many()
        .filter(client_secret::Column::ClientId.eq(client.as_str()))
        .filter(client_secret::Column::Id.is_not_in(keep.iter().map(ClientSecretId::as_str)))
        .exec(&tx.0)
        .await?;
    Ok(())
}

/// Revokes every grant of a client.
///
/// # Errors
/// The database failed.
pub async fn revoke_grants(
    tx: &Tx,
    client: &ClientId,
    reason: &str,
    now: OffsetDateTime,
) -> Result<(), Fault> {
    execute(
        &tx.0,
        r#"UPDATE "grant" SET "revoked_at" = $1, "revoke_reason" = $2 WHERE "client_id" = $3 AND "revoked_at" IS NULL"#,
        vec![millis(now).into(), reason.into(), client.as_str().into()],
    )
    .await?;
    Ok(())
}

/// Notes a change of a client and keeps other writers of it waiting until the transaction ends; says whether the client
/// exists.
///
/// # Errors
/// The database failed.
pub async fn touch(tx: &Tx, client: &ClientId, now: OffsetDateTime) -> Result<bool, Fault> {
    let sql = r#"UPDATE "client" SET "updated_at" = $1 WHERE "id" = $2"#;
    Ok(execute(&tx.0, sql, vec![millis(now).into(), client.as_str().into()]).await? == 1)
}

/// Deletes a client with its secrets, consents and grants, and with them every token of it; says whether it existed.
///
/// # Errors
/// The database failed.
pub async fn delete(tx: &Tx, client: &ClientId) -> Result<bool, Fault> {
    let deleted = client::Entity::delete_by_id(client.as_str()).exec(&tx.0).await?;
    Ok(deleted.rows_affected == 1)
}

/// Which clients a page of the list shows.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    /// Only those whose name begins with this, in upper or lower case.
    pub name_prefix: Option<&'a str>,
    /// Only those behind this one.
    pub after: Option<&'a str>,
    /// At most so many.
    pub limit: u64,
}

/// A page of the clients by id, without their secrets.
///
/// # Errors
/// The database failed.
pub async fn page(db: &Database, page: &Page<'_>) -> Result<Vec<Client>, Fault> {
    let mut query = client::Entity::find().order_by_asc(client::Column::Id).limit(page.limit);
    if let Some(after) = page.after {
        query = query.filter(client::Column::Id.gt(after));
    }
    if let Some(prefix) = page.name_prefix {
        let escaped: String = prefix
            .to_lowercase()
            .chars()
            .flat_map(|c| matches!(c, '%' | '_' | '\\').then_some('\\').into_iter().chain([c]))
            .collect();
        let name = Func::lower(Expr::col(client::Column::Name));
        query = query.filter(Expr::expr(name).like(LikeExpr::new(format!("{escaped}%")).escape('\\')));
    }
    let rows = query.all(db.reader()).await?;
    rows.into_iter().map(|row| model(row, Vec::new())).collect()
}
