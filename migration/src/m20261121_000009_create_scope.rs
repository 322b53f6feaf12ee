//! A scope of an authorization server.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `scope`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("scope")
                    .col(text("id").primary_key())
                    .col(text("server_id"))
                    .col(text("name"))
                    .col(text_null("display_name"))
                    .col(text_null("description"))
                    .col(text("consent"))
                    .col(boolean("optional"))
                    .col(boolean("is_default"))
                    .col(text("metadata_publish"))
                    .col(boolean("system"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("scope", "server_id")
                            .to("authorization_server", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("scope_server_id_name")
                    .table("scope")
                    .col("server_id")
                    .col("name")
                    .unique()
                    .take(),
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("scope").take()).await
    }
}
