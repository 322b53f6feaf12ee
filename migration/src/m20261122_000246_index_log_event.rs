//! What the system log is searched by.

use sea_orm_migration::prelude::*;

/// Adds indexes to the table `log_event`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const INDEXES: [(&str, &str); 3] = [
    ("log_event_actor_id_published_at", "actor_id"),
    ("log_event_client_id_published_at", "client_id"),
    ("log_event_request_id_published_at", "request_id"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, column) in INDEXES {
            let index = Index::create().name(name).table("log_event").col(column).col("published_at").take();
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, _) in INDEXES {
            manager.drop_index(Index::drop().name(name).table("log_event").to_owned()).await?;
        }
        Ok(())
    }
}
