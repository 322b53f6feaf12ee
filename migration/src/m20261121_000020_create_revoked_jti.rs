//! An access token revoked on its own.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `revoked_jti`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("revoked_jti")
                    .col(text("jti").primary_key())
                    .col(big_integer("expires_at"))
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create().name("revoked_jti_expires_at").table("revoked_jti").col("expires_at").take(),
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("revoked_jti").take()).await
    }
}
