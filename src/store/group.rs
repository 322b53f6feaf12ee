//! Groups and who belongs to them.

use entity::{group, group_member};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};
use time::OffsetDateTime;

use super::{
    Database,
    db::{Tx, statement},
    instant, millis,
};
use crate::{
    fault::Fault,
    id::{GroupId, UserId},
};

/// A group as facts about a user need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupName {
    /// `00g…`
    pub id: GroupId,
    /// The name.
    pub name: String,
}

/// The groups of a user, by name.
///
/// # Errors
/// The database failed.
pub async fn of_user(db: &Database, user: &UserId) -> Result<Vec<GroupName>, Fault> {
    let connection = db.reader();
    let rows = connection
        .query_all_raw(statement(
            connection.get_database_backend(),
            r#"SELECT g."id", g."name" FROM "group" g JOIN "group_member" m ON m."group_id" = g."id"
               WHERE m."user_id" = $1 ORDER BY g."name""#,
            vec![user.as_str().into()],
        ))
        .await?;
    rows.iter()
        .map(|row| {
            Ok(GroupName {
                id: GroupId::new(row.try_get::<String>("", "id")?),
                name: row.try_get("", "name")?,
            })
        })
        .collect()
}

/// Finds a group by its name, inside a transaction.
///
/// # Errors
/// The database failed.
pub async fn find_by_name_in(tx: &Tx, name: &str) -> Result<Option<GroupId>, Fault> {
    let row = group::Entity::find().filter(group::Column::Name.eq(name)).one(&tx.0).await?;
    Ok(row.map(|row| GroupId::new(row.id)))
}

/// Whether a group exists, inside a transaction.
///
/// # Errors
/// The database failed.
pub async fn exists_in(tx: &Tx, id: &GroupId) -> Result<bool, Fault> {
    Ok(group::Entity::find_by_id(id.as_str()).one(&tx.0).await?.is_some())
}

/// A group as administrators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDetail {
    /// `00g…`
    pub id: GroupId,
    /// The name.
    pub name: String,
    /// What the group is for.
    pub description: Option<String>,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
}

/// The groups of a user with everything that is known of them, in the order of their ids, after one, at most `limit`.
///
/// # Errors
/// The database failed.
pub async fn details_of_user(
    db: &Database,
    user: &UserId,
    after: Option<&str>,
    limit: u64,
) -> Result<Vec<GroupDetail>, Fault> {
    let members = group_member::Entity::find()
        .filter(group_member::Column::UserId.eq(user.as_str()))
        .all(db.reader())
        .await?;
    let ids = members.into_iter().map(|member| member.group_id);
    let mut query = group::Entity::find()
        .filter(group::Column::Id.is_in(ids))
        .order_by_asc(group::Column::Id)
        .limit(limit);
    if let Some(after) = after {
        query = query.filter(group::Column::Id.gt(after));
    }
    let detail = |row: group::Model| {
        Ok(GroupDetail {
            id: GroupId::new(row.id),
            name: row.name,
            description: row.description,
            created_at: instant(row.created_at)?,
            updated_at: instant(row.updated_at)?,
        })
    };
    query.all(db.reader()).await?.into_iter().map(detail).collect()
}

/// All groups by name.
///
/// # Errors
/// The database failed.
pub async fn list(db: &Database) -> Result<Vec<GroupName>, Fault> {
    let rows = group::Entity::find().order_by_asc(group::Column::Name).all(db.reader()).await?;
    Ok(rows.into_iter().map(|row| GroupName { id: GroupId::new(row.id), name: row.name }).collect())
}

/// Inserts a group.
///
/// # Errors
/// The name is taken, or the database failed.
pub async fn insert(
    tx: &Tx,
    id: &GroupId,
    name: &str,
    description: Option<&str>,
    now: OffsetDateTime,
) -> Result<(), Fault> {
    group::Model {
        id: id.to_string(),
        name: name.to_owned(),
        description: description.map(ToOwned::to_owned),
        created_at: millis(now),
        updated_at: millis(now),
    }
    .into_active_model()
    .insert(&tx.0)
    .await?;
    Ok(())
}

/// Sets the description of a group.
///
/// # Errors
/// The database failed.
pub async fn describe(
    tx: &Tx,
    id: &GroupId,
    description: Option<&str>,
    now: OffsetDateTime,
) -> Result<(), Fault> {
    super::db::execute(
        &tx.0,
        r#"UPDATE "group" SET "description" = $1, "updated_at" = $2 WHERE "id" = $3 AND "description" IS DISTINCT FROM $1"#,
        vec![description.into(), millis(now).into(), id.as_str().into()],
    )
    .await?;
    Ok(())
}

/// Makes exactly these the groups of a user.
///
/// # Errors
/// The database failed.
pub async fn set_memberships(tx: &Tx, user: &UserId, groups: &[GroupId]) -> Result<(), Fault> {
    group_member::Entity::delete_many()
        .filter(group_member::Column::UserId.eq(user.as_str()))
        .exec(&tx.0)
        .await?;
    for group in groups {
        group_member::Model { group_id: group.to_string(), user_id: user.to_string() }
            .into_active_model()
            .insert(&tx.0)
            .await?;
    }
    Ok(())
}
