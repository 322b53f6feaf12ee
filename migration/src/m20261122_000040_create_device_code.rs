//! A device authorization request (RFC 8628 §3.1).

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `device_code`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("device_code")
                    .col(text("id").primary_key())
                    .col(text("device_code_hash").unique_key())
                    .col(text_null("user_code_mac").unique_key())
                    .col(text("user_code_sealed"))
                    .col(text("server_id"))
                    .col(text("client_id"))
                    .col(text("scope"))
                    .col(text("client_ip"))
                    .col(text_null("ip"))
                    .col(text_null("user_agent"))
                    .col(integer("poll_interval"))
                    .col(big_integer_null("polled_at"))
                    .col(big_integer("created_at"))
                    .col(big_integer("expires_at"))
                    .col(big_integer_null("decided_at"))
                    .col(text_null("grant_id"))
                    .col(big_integer_null("consumed_at"))
                    .take(),
            )
            .await?;
        for column in ["client_ip", "expires_at"] {
            let index =
                Index::create().name(format!("device_code_{column}")).table("device_code").col(column).take();
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("device_code").take()).await
    }
}
