//! Devices that stand for a factor where policy lets them (Okta `rememberDevice`).

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `remembered_device`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("remembered_device")
                    .col(text("user_id"))
                    .col(text("device_hash"))
                    .col(text("policy_version"))
                    .col(big_integer("created_at"))
                    .col(big_integer("expires_at"))
                    .primary_key(Index::create().col("user_id").col("device_hash"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("remembered_device", "user_id")
                            .to("user", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("remembered_device_expires_at")
                    .table("remembered_device")
                    .col("expires_at")
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("remembered_device").take()).await
    }
}
