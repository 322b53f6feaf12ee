//! What devices were asked to approve, and what became of it.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `push_transaction`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("push_transaction")
                    .col(text("id").primary_key())
                    .col(text("factor_id"))
                    .col(text("purpose"))
                    .col(text("state"))
                    .col(text_null("numbers"))
                    .col(text_null("application"))
                    .col(text_null("ip"))
                    .col(text_null("user_agent"))
                    .col(big_integer("created_at"))
                    .col(big_integer("expires_at"))
                    .col(big_integer_null("answered_at"))
                    .col(big_integer_null("told_at"))
                    .col(big_integer_null("consumed_at"))
                    .take(),
            )
            .await?;
        for column in ["factor_id", "created_at", "expires_at"] {
            let index = Index::create()
                .name(format!("push_transaction_{column}"))
                .table("push_transaction")
                .col(column)
                .take();
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("push_transaction").take()).await
    }
}
