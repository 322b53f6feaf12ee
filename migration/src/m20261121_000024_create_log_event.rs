//! An event of the system log.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `log_event`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("log_event")
                    .col(text("id").primary_key())
                    .col(big_integer("published_at"))
                    .col(text("event_type"))
                    .col(text("severity"))
                    .col(text("outcome"))
                    .col(text_null("reason"))
                    .col(text("actor_type"))
                    .col(text_null("actor_id"))
                    .col(text_null("client_id"))
                    .col(text_null("user_id"))
                    .col(text_null("session_id"))
                    .col(text("request_id"))
                    .col(text_null("ip"))
                    .col(text_null("user_agent"))
                    .col(text_null("detail"))
                    .col(integer("count"))
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create().name("log_event_published_at").table("log_event").col("published_at").take(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("log_event_user_id_published_at")
                    .table("log_event")
                    .col("user_id")
                    .col("published_at")
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("log_event_event_type_published_at")
                    .table("log_event")
                    .col("event_type")
                    .col("published_at")
                    .take(),
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("log_event").take()).await
    }
}
