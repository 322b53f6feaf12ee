//! How much recovery a login has used in its window of time, whether or not there is such a user.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `recovery_budget`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("recovery_budget")
                    .col(text("subject").primary_key())
                    .col(integer("used"))
                    .col(big_integer("expires_at"))
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("recovery_budget_expires_at")
                    .table("recovery_budget")
                    .col("expires_at")
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("recovery_budget").take()).await
    }
}
