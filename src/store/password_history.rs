//! Earlier passwords of users; the current one is with the user.

use entity::password_history;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use time::OffsetDateTime;

use super::{
    Database, millis,
    unit::{Change, Row},
};
use crate::{fault::Fault, id::UserId, secret::Secret};

/// Earlier passwords that are kept of a user.
pub const KEPT: u64 = 10;

/// The row of a password that another one replaces; `id` is random.
pub fn row(id: String, user: &UserId, hash: &Secret<String>, now: OffsetDateTime) -> Row {
    password_history::Model {
        id,
        user_id: user.to_string(),
        password_hash: hash.expose().clone(),
        replaced_at: millis(now),
    }
    .into()
}

/// The hashes of the latest earlier passwords, the latest first.
///
/// # Errors
/// The database failed.
pub async fn latest(db: &Database, user: &UserId, count: u64) -> Result<Vec<Secret<String>>, Fault> {
    let rows = password_history::Entity::find()
        .filter(password_history::Column::UserId.eq(user.as_str()))
        .order_by_desc(password_history::Column::ReplacedAt)
        .limit(count.min(KEPT))
        .all(db.reader())
        .await?;
    Ok(rows.into_iter().map(|row| Secret::new(row.password_hash)).collect())
}

/// Forgets all but the latest [`KEPT`] less one, so that with the next there are as many.
pub fn prune(user: &UserId) -> Change {
    Change::new(
        r#"DELETE FROM "password_history" WHERE "user_id" = $1 AND "id" NOT IN
           (SELECT "id" FROM "password_history" WHERE "user_id" = $1 ORDER BY "replaced_at" DESC LIMIT $2)"#,
        vec![user.as_str().into(), i64::try_from(KEPT - 1).unwrap_or(i64::MAX).into()],
    )
}
