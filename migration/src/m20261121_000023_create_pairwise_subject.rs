//! A pairwise subject identifier (OpenID Connect Core §8.1).

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `pairwise_subject`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("pairwise_subject")
                    .col(text("sector"))
                    .col(text("user_id"))
                    .col(text("subject").unique_key())
                    .primary_key(Index::create().col("sector").col("user_id"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("pairwise_subject", "user_id")
                            .to("user", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("pairwise_subject").take()).await
    }
}
