//! A message that will be delivered after the commit that decided it.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `outbox`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("outbox")
                    .col(text("id").primary_key())
                    .col(text("kind"))
                    .col(text("payload"))
                    .col(integer("attempts"))
                    .col(big_integer("created_at"))
                    .col(big_integer("next_attempt_at"))
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create().name("outbox_next_attempt_at").table("outbox").col("next_attempt_at").take(),
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("outbox").take()).await
    }
}
