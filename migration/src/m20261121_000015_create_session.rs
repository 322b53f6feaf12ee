//! A sign-on session of a browser.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `session`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("session")
                    .col(text("id").primary_key())
                    .col(text("token_hash").unique_key())
                    .col(text("user_id"))
                    .col(big_integer("auth_time"))
                    .col(text("factors"))
                    .col(big_integer("created_at"))
                    .col(big_integer("last_seen_at"))
                    .col(big_integer("expires_at"))
                    .col(big_integer_null("ended_at"))
                    .col(text_null("ip"))
                    .col(text_null("user_agent"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("session", "user_id")
                            .to("user", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await?;
        manager
            .create_index(Index::create().name("session_user_id").table("session").col("user_id").take())
            .await?;
        manager
            .create_index(
                Index::create().name("session_expires_at").table("session").col("expires_at").take(),
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("session").take()).await
    }
}
