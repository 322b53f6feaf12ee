//! Who brought a client into being (RFC 7591 §1.2).

use sea_orm_migration::{prelude::*, schema::*};

/// Adds a column to the table `client`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(
                Table::alter()
                    .table("client")
                    .add_column(text("registered_by").default("ADMINISTRATOR"))
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("client").drop_column("registered_by").take()).await
    }
}
