//! What may still be sent and tried around factors within a time.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `factor_budget`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("factor_budget")
                    .col(text("key").primary_key())
                    .col(integer("used"))
                    .col(big_integer("last_used_at"))
                    .col(big_integer("expires_at"))
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("factor_budget_expires_at")
                    .table("factor_budget")
                    .col("expires_at")
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("factor_budget").take()).await
    }
}
