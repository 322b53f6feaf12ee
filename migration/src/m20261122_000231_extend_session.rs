//! What the global session policy decided when a session began.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds columns to the table `session`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column a statement.
        let columns = [
            big_integer_null("idle_lifetime"),
            boolean("persistent_cookie").default(false).take(),
            text_null("remembered"),
        ];
        for column in columns {
            manager.alter_table(Table::alter().table("session").add_column(column).take()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["idle_lifetime", "persistent_cookie", "remembered"] {
            manager.alter_table(Table::alter().table("session").drop_column(column).take()).await?;
        }
        Ok(())
    }
}
