//! A one-time assertion or proof that was used.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `used_jti`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("used_jti")
                    .col(text("key").primary_key())
                    .col(big_integer("expires_at"))
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create().name("used_jti_expires_at").table("used_jti").col("expires_at").take(),
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("used_jti").take()).await
    }
}
