//! A pending authorization request, frozen when it arrived.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `flow`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("flow")
                    .col(text("id").primary_key())
                    .col(text("browser_hash"))
                    .col(text("payload"))
                    .col(integer("version"))
                    .col(text("client_ip"))
                    .col(big_integer("created_at"))
                    .col(big_integer("expires_at"))
                    .take(),
            )
            .await?;
        manager
            .create_index(Index::create().name("flow_client_ip").table("flow").col("client_ip").take())
            .await?;
        manager
            .create_index(Index::create().name("flow_expires_at").table("flow").col("expires_at").take())
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("flow").take()).await
    }
}
