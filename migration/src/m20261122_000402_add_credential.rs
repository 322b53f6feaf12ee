//! Which WebAuthn credential a factor is: nobody registers one that is registered (Web Authentication Level 3 §7.1 step 26).

use sea_orm_migration::prelude::*;

/// Gives factors the hash of the id of their credential.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let hash = ColumnDef::new("credential_hash").text().take();
        manager.alter_table(Table::alter().table("factor").add_column(hash).take()).await?;
        let index = Index::create().name(INDEX).table("factor").col("credential_hash").unique().take();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name(INDEX).table("factor").to_owned()).await?;
        manager.alter_table(Table::alter().table("factor").drop_column("credential_hash").take()).await
    }
}

const INDEX: &str = "factor_credential_hash";
