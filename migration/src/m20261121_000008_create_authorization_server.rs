//! An authorization server; `org` and `default` always exist.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `authorization_server`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("authorization_server")
                    .col(text("id").primary_key())
                    .col(text("name").unique_key())
                    .col(text("description"))
                    .col(text("audience"))
                    .col(text("status"))
                    .col(text("access_token_profile"))
                    .col(text("settings"))
                    .col(big_integer("not_before"))
                    .col(big_integer("created_at"))
                    .col(big_integer("updated_at"))
                    .take(),
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("authorization_server").take()).await
    }
}
