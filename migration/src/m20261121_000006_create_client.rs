//! An OAuth client.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `client`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("client")
                    .col(text("id").primary_key())
                    .col(text("name"))
                    .col(text("status"))
                    .col(text("metadata"))
                    .col(text_null("assignment"))
                    .col(big_integer("not_before"))
                    .col(big_integer("created_at"))
                    .col(big_integer("updated_at"))
                    .take(),
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("client").take()).await
    }
}
