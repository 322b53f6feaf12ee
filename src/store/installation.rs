//! The installation row: the dev marker, the proof of the master key, and the generation that tells running
//! processes that configuration changed.

use entity::installation;
use sea_orm::{ActiveModelTrait, ConnectionTrait, EntityTrait, IntoActiveModel};
use time::OffsetDateTime;

use super::{Database, db::Tx, db::execute, instant, millis};
use crate::fault::Fault;

/// What the database says about itself.
#[derive(Clone, Debug)]
pub struct Installation {
    /// Whether `stepgate dev` made it.
    pub dev: bool,
    /// A known text sealed under the master key.
    pub seal_check: String,
    /// Grows with every administrative write.
    pub generation: i64,
    /// When it was set up.
    pub created_at: OffsetDateTime,
}

/// Finds the installation row; absent: the database is new.
///
/// # Errors
/// The database failed.
pub async fn find(db: &Database) -> Result<Option<Installation>, Fault> {
    let Some(row) = installation::Entity::find_by_id(1).one(db.reader()).await? else { return Ok(None) };
    Ok(Some(Installation {
        dev: row.dev,
        seal_check: row.seal_check,
        generation: row.generation,
        created_at: instant(row.created_at)?,
    }))
}

/// Writes the installation row of a new database.
///
/// # Errors
/// The database failed, or the row exists.
pub async fn insert(tx: &Tx, dev: bool, seal_check: String, now: OffsetDateTime) -> Result<(), Fault> {
    installation::Model { id: 1, dev, seal_check, generation: 0, created_at: millis(now) }
        .into_active_model()
        .insert(&tx.0)
        .await?;
    Ok(())
}

/// The current generation; 0 for a database that is not set up.
///
/// # Errors
/// The database failed.
pub async fn generation(db: &Database) -> Result<i64, Fault> {
    Ok(find(db).await?.map_or(0, |installation| installation.generation))
}

/// Tells running processes that something they may have cached has changed.
pub(super) async fn bump_generation(connection: &impl ConnectionTrait) -> Result<(), Fault> {
    execute(
        connection,
        r#"UPDATE "installation" SET "generation" = "generation" + 1 WHERE "id" = 1"#,
        vec![],
    )
    .await?;
    Ok(())
}
