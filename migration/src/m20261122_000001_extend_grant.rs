//! What was authorized beside scopes: the key it is bound to, resources, claims, an actor.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds columns to the table `grant`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// All of them are optional.
const COLUMNS: [&str; 4] = ["confirmation", "resource", "claims", "actor"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in COLUMNS {
            manager.alter_table(Table::alter().table("grant").add_column(text_null(column)).take()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in COLUMNS {
            manager.alter_table(Table::alter().table("grant").drop_column(column).take()).await?;
        }
        Ok(())
    }
}
