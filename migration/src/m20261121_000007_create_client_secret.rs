//! A secret of a client.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `client_secret`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("client_secret")
                    .col(text("id").primary_key())
                    .col(text("client_id"))
                    .col(text_null("digest"))
                    .col(text_null("sealed"))
                    .col(text("status"))
                    .col(big_integer("created_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("client_secret", "client_id")
                            .to("client", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("client_secret_client_id")
                    .table("client_secret")
                    .col("client_id")
                    .take(),
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("client_secret").take()).await
    }
}
