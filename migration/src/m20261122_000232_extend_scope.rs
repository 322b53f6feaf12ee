//! Scopes that take two factors.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds a column to the table `scope`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(Table::alter().table("scope").add_column(boolean("sensitive").default(false)).take())
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("scope").drop_column("sensitive").take()).await
    }
}
