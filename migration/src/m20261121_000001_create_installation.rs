//! The one row that describes this installation.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `installation`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("installation")
                    .col(integer("id").primary_key())
                    .col(boolean("dev"))
                    .col(text("seal_check"))
                    .col(big_integer("generation"))
                    .col(big_integer("created_at"))
                    .take(),
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("installation").take()).await
    }
}
