//! API tokens: kept as a hash only.

use entity::{api_token, user};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder};
use time::OffsetDateTime;

use super::{
    Database,
    db::{Tx, execute},
    instant, instant_opt, millis,
    unit::Change,
};
use crate::{
    fault::Fault,
    id::{ApiTokenId, UserId},
    model::{api_token::ApiToken, user::User},
    secret::TokenHash,
};

fn model(row: api_token::Model) -> Result<ApiToken, Fault> {
    Ok(ApiToken {
        access: row.access.parse().map_err(|_| Fault::stored("api_token.access"))?,
        id: ApiTokenId::new(row.id),
        name: row.name,
        user_id: UserId::new(row.user_id),
        created_at: instant(row.created_at)?,
        last_used_at: instant_opt(row.last_used_at)?,
        expires_at: instant(row.expires_at)?,
    })
}

/// Finds a token with the user it acts for.
///
/// # Errors
/// The database failed.
pub async fn find_by_hash(db: &Database, hash: &TokenHash) -> Result<Option<(ApiToken, User)>, Fault> {
    let token =
        api_token::Entity::find().filter(api_token::Column::TokenHash.eq(hash.encoded())).one(db.reader());
    let Some(token) = token.await? else { return Ok(None) };
    // Read after the token: what was taken from the user by then counts.
    let owner = user::Entity::find_by_id(token.user_id.as_str()).one(db.reader()).await?;
    let Some(owner) = owner else { return Ok(None) };
    Ok(Some((model(token)?, super::user::model(owner)?)))
}

/// Finds a token by its id.
///
/// # Errors
/// The database failed.
pub async fn find(db: &Database, id: &ApiTokenId) -> Result<Option<ApiToken>, Fault> {
    api_token::Entity::find_by_id(id.as_str()).one(db.reader()).await?.map(model).transpose()
}

/// Finds a token of a user by its name, inside a transaction.
///
/// # Errors
/// The database failed.
pub async fn find_by_name_in(tx: &Tx, user: &UserId, name: &str) -> Result<Option<ApiToken>, Fault> {
    api_token::Entity::find()
        .filter(api_token::Column::UserId.eq(user.as_str()))
        .filter(api_token::Column::Name.eq(name))
        .one(&tx.0)
        .await?
        .map(model)
        .transpose()
}

/// All tokens, the oldest first.
///
/// # Errors
/// The database failed.
pub async fn list(db: &Database) -> Result<Vec<ApiToken>, Fault> {
    let tokens = api_token::Entity::find()
        .order_by_asc(api_token::Column::CreatedAt)
        .order_by_asc(api_token::Column::Id)
        .all(db.reader())
        .await?;
    tokens.into_iter().map(model).collect()
}

/// Inserts a token.
///
/// # Errors
/// The database failed.
pub async fn insert(tx: &Tx, token: &ApiToken, hash: &TokenHash) -> Result<(), Fault> {
    api_token::Model {
        id: token.id.to_string(),
        name: token.name.clone(),
        user_id: token.user_id.to_string(),
        token_hash: hash.encoded(),
        access: token.access.as_str().to_owned(),
        created_at: millis(token.created_at),
        last_used_at: token.last_used_at.map(millis),
        expires_at: millis(token.expires_at),
    }
    .into_active_model()
    .insert(&tx.0)
    .await?;
    Ok(())
}

/// Removes a token; says whether there was one.
///
/// # Errors
/// The database failed.
pub async fn delete(tx: &Tx, id: &ApiTokenId) -> Result<bool, Fault> {
    let removed =
        execute(&tx.0, r#"DELETE FROM "api_token" WHERE "id" = $1"#, vec![id.as_str().into()]).await?;
    Ok(removed == 1)
}

/// Notes a use, and moves the end along; lost when the token was removed or has died.
pub fn touch(id: &ApiTokenId, now: OffsetDateTime, expires_at: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "api_token" SET "last_used_at" = $1, "expires_at" = $2 WHERE "id" = $3 AND "expires_at" > $1"#,
        vec![millis(now).into(), millis(expires_at).into(), id.as_str().into()],
    )
}
