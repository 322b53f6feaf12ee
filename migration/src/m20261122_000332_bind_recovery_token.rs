//! A recovery token dies with any of the addresses that it was mailed to.

use sea_orm_migration::{prelude::*, schema::*};

/// Replaces the mail address in the table `recovery_token` by a hash of all of them.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Of tokens from before it is not known where they went.
        forget(manager).await?;
        let hash = text("addresses_hash").default("").take();
        manager.alter_table(Table::alter().table("recovery_token").add_column(hash).take()).await?;
        manager.alter_table(Table::alter().table("recovery_token").drop_column("email").take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        forget(manager).await?;
        let email = text_null("email");
        manager.alter_table(Table::alter().table("recovery_token").add_column(email).take()).await?;
        manager.alter_table(Table::alter().table("recovery_token").drop_column("addresses_hash").take()).await
    }
}

async fn forget(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager.get_connection().execute_unprepared(r#"DELETE FROM "recovery_token""#).await.map(|_| ())
}
