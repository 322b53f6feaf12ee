//! Indexes for what is searched.

use sea_orm_migration::{prelude::*, sea_orm::DatabaseBackend};

/// Indexes factors that wait for activation, and orders logins by their bytes.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const PENDING: &str = "factor_pending_created_at";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let database = manager.get_connection();
        // Few rows of many: what a round of the sweep looks for.
        database
            .execute_unprepared(&format!(
                r#"CREATE INDEX "{PENDING}" ON "factor" ("created_at") WHERE "status" = 'PENDING_ACTIVATION'"#
            ))
            .await?;
        collate(manager, "C").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        collate(manager, "default").await?;
        manager.drop_index(Index::drop().name(PENDING).table("factor").to_owned()).await
    }
}

/// SQLite compares bytes anyway; PostgreSQL compares as its locale says, by which the beginnings of logins are no ranges.
async fn collate(manager: &SchemaManager<'_>, collation: &str) -> Result<(), DbErr> {
    if manager.get_database_backend() != DatabaseBackend::Postgres {
        return Ok(());
    }
    let sql = format!(r#"ALTER TABLE "user" ALTER COLUMN "login_key" TYPE text COLLATE "{collation}""#);
    manager.get_connection().execute_unprepared(&sql).await.map(|_| ())
}
