//! Challenges of factors: codes that were sent, and how often they were answered.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `factor_challenge`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("factor_challenge")
                    .col(text("factor_id"))
                    .col(text("purpose"))
                    .col(text("user_id"))
                    .col(text_null("code_mac"))
                    .col(text_null("link_hash").unique_key())
                    .col(integer("tries"))
                    .col(big_integer("created_at"))
                    .col(big_integer("expires_at"))
                    .col(big_integer_null("confirmed_at"))
                    .col(big_integer_null("consumed_at"))
                    .primary_key(Index::create().col("factor_id").col("purpose"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("factor_challenge", "user_id")
                            .to("user", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await?;
        for column in ["user_id", "expires_at"] {
            let index = Index::create()
                .name(format!("factor_challenge_{column}"))
                .table("factor_challenge")
                .col(column)
                .take();
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("factor_challenge").take()).await
    }
}
