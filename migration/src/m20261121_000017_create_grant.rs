//! An OAuth grant: what was authorized once, and the truth about every token issued from it.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `grant`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("grant")
                    .col(text("id").primary_key())
                    .col(text("server_id"))
                    .col(text("client_id"))
                    .col(text_null("user_id"))
                    .col(text_null("session_id"))
                    .col(text("scope"))
                    .col(text_null("acr"))
                    .col(text("amr"))
                    .col(big_integer_null("auth_time"))
                    .col(big_integer("access_lifetime"))
                    .col(big_integer("refresh_idle_lifetime"))
                    .col(big_integer("created_at"))
                    .col(big_integer_null("expires_at"))
                    .col(big_integer_null("revoked_at"))
                    .col(text_null("revoke_reason"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("grant", "server_id")
                            .to("authorization_server", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .foreign_key(
                        ForeignKey::create()
                            .from("grant", "client_id")
                            .to("client", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .foreign_key(
                        ForeignKey::create()
                            .from("grant", "user_id")
                            .to("user", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await?;
        manager
            .create_index(Index::create().name("grant_user_id").table("grant").col("user_id").take())
            .await?;
        manager
            .create_index(Index::create().name("grant_client_id").table("grant").col("client_id").take())
            .await?;
        manager
            .create_index(Index::create().name("grant_session_id").table("grant").col("session_id").take())
            .await?;
        manager
            .create_index(Index::create().name("grant_created_at").table("grant").col("created_at").take())
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("grant").take()).await
    }
}
