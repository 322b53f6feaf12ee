//! One-time tokens that open a session (Okta's `sessionToken`).

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `session_token`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("session_token")
                    .col(text("token_hash").primary_key())
                    .col(text("user_id"))
                    .col(text("factors"))
                    .col(text_null("client_id"))
                    .col(text_null("origin"))
                    .col(big_integer("created_at"))
                    .col(big_integer("expires_at"))
                    .col(big_integer_null("consumed_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("session_token", "user_id")
                            .to("user", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create().name("session_token_user_id").table("session_token").col("user_id").take(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("session_token_expires_at")
                    .table("session_token")
                    .col("expires_at")
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("session_token").take()).await
    }
}
