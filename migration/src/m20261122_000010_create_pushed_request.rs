//! A pushed authorization request (RFC 9126).

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `pushed_request`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("pushed_request")
                    .col(text("request_hash").primary_key())
                    .col(text("client_id"))
                    .col(text("server_id"))
                    .col(text("payload"))
                    .col(text("client_ip"))
                    .col(big_integer("created_at"))
                    .col(big_integer("expires_at"))
                    .col(big_integer_null("consumed_at"))
                    .take(),
            )
            .await?;
        for column in ["client_ip", "expires_at"] {
            let name = format!("pushed_request_{column}");
            manager
                .create_index(Index::create().name(name).table("pushed_request").col(column).take())
                .await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("pushed_request").take()).await
    }
}
