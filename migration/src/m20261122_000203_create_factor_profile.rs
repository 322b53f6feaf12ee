//! Profiles of custom one-time password tokens (Okta `token:hotp`).

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `factor_profile`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("factor_profile")
                    .col(text("id").primary_key())
                    .col(text("name").unique_key())
                    .col(text("settings"))
                    .col(big_integer("created_at"))
                    .col(big_integer("updated_at"))
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("factor_profile").take()).await
    }
}
