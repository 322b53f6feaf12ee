//! Recovery counts in `factor_budget`, like everything else that is sent and tried.

use sea_orm_migration::{prelude::*, schema::*};

/// Drops the table `recovery_budget`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("recovery_budget").take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("recovery_budget")
                    .col(text("subject").primary_key())
                    .col(integer("used"))
                    .col(big_integer("expires_at"))
                    .take(),
            )
            .await
    }
}
