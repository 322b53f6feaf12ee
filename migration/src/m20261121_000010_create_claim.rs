//! A custom claim of an authorization server.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `claim`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("claim")
                    .col(text("id").primary_key())
                    .col(text("server_id"))
                    .col(text("name"))
                    .col(text("claim_type"))
                    .col(text("value_type"))
                    .col(text("value"))
                    .col(text_null("group_filter_type"))
                    .col(boolean("always_include"))
                    .col(text("scopes"))
                    .col(text("status"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("claim", "server_id")
                            .to("authorization_server", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("claim_server_id_name_claim_type")
                    .table("claim")
                    .col("server_id")
                    .col("name")
                    .col("claim_type")
                    .unique()
                    .take(),
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("claim").take()).await
    }
}
