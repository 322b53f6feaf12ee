//! An origin that may call from browsers or be redirected to.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `trusted_origin`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("trusted_origin")
                    .col(text("id").primary_key())
                    .col(text("name"))
                    .col(text("origin").unique_key())
                    .col(text("scopes"))
                    .col(text("status"))
                    .take(),
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("trusted_origin").take()).await
    }
}
