//! What a device is asked is told by `push_transaction` alone.

use sea_orm_migration::prelude::*;

/// Takes from devices what they were asked last.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("push_device").drop_column("current_id").take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let current = ColumnDef::new("current_id").text().take();
        manager.alter_table(Table::alter().table("push_device").add_column(current).take()).await
    }
}
