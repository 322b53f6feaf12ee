//! For whom a session token was issued when it was neither a client nor the page of an origin, and what a remembered device
//! stood for.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds `session_token.program` and `session_token.remembered`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["program", "remembered"] {
            let alter = Table::alter().table("session_token").add_column(text_null(column)).take();
            manager.alter_table(alter).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["program", "remembered"] {
            manager.alter_table(Table::alter().table("session_token").drop_column(column).take()).await?;
        }
        Ok(())
    }
}
