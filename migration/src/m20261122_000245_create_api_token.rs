//! API tokens (Okta's `SSWS`).

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `api_token`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("api_token")
                    .col(text("id").primary_key())
                    .col(text("name"))
                    .col(text("user_id"))
                    .col(text("token_hash").unique_key())
                    .col(text("access"))
                    .col(big_integer("created_at"))
                    .col(big_integer_null("last_used_at"))
                    .col(big_integer("expires_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("api_token", "user_id")
                            .to("user", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await?;
        manager
            .create_index(Index::create().name("api_token_user_id").table("api_token").col("user_id").take())
            .await?;
        manager
            .create_index(
                Index::create().name("api_token_expires_at").table("api_token").col("expires_at").take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("api_token").take()).await
    }
}
