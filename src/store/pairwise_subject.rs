//! Pairwise subjects: one for each sector and user, for ever.

use super::{Database, db::query_one, unit::Change};
use crate::{fault::Fault, id::UserId};

/// The subject of a user in a sector, if there is one yet.
///
/// # Errors
/// The database failed.
pub async fn find(db: &Database, sector: &str, user: &UserId) -> Result<Option<String>, Fault> {
    let sql = r#"SELECT "subject" FROM "pairwise_subject" WHERE "sector" = $1 AND "user_id" = $2"#;
    let row = query_one(db, sql, vec![sector.into(), user.as_str().into()]).await?;
    row.map(|row| Ok(row.try_get("", "subject")?)).transpose()
}

/// The user behind a subject of a sector.
///
/// # Errors
/// The database failed.
pub async fn find_user(db: &Database, sector: &str, subject: &str) -> Result<Option<UserId>, Fault> {
    let sql = r#"SELECT "user_id" FROM "pairwise_subject" WHERE "subject" = $1 AND "sector" = $2"#;
    let row = query_one(db, sql, vec![subject.into(), sector.into()]).await?;
    row.map(|row| Ok(UserId::new(row.try_get::<String>("", "user_id")?))).transpose()
}

/// Gives a user a subject in a sector; whoever comes second changes nothing.
pub fn remember(sector: &str, user: &UserId, subject: &str) -> Change {
    Change::new(
        r#"INSERT INTO "pairwise_subject" ("sector", "user_id", "subject") VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"#,
        vec![sector.into(), user.as_str().into(), subject.into()],
    )
}
