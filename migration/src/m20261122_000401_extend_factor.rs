//! Several factors of a kind, and what their users call them.

use sea_orm_migration::prelude::*;

/// Gives factors a slot, of which a user has one of a kind, and a name.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

fn index(name: &str) -> IndexCreateStatement {
    Index::create().name(name).table("factor").col("user_id").col("kind").unique().take()
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let slot = ColumnDef::new("slot").text().not_null().default("only").take();
        manager.alter_table(Table::alter().table("factor").add_column(slot).take()).await?;
        let name = ColumnDef::new("name").text().take();
        manager.alter_table(Table::alter().table("factor").add_column(name).take()).await?;
        manager.drop_index(Index::drop().name("factor_user_id_kind").table("factor").to_owned()).await?;
        manager.create_index(index("factor_user_id_kind_slot").col("slot").take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name("factor_user_id_kind_slot").table("factor").to_owned()).await?;
        manager.create_index(index("factor_user_id_kind")).await?;
        manager.alter_table(Table::alter().table("factor").drop_column("name").take()).await?;
        manager.alter_table(Table::alter().table("factor").drop_column("slot").take()).await
    }
}
