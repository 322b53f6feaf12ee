//! For whom a session token was issued when it was neither a client nor the page of an origin.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds `session_token.program`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(Table::alter().table("session_token").add_column(text_null("program")).take())
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("session_token").drop_column("program").take()).await
    }
}
