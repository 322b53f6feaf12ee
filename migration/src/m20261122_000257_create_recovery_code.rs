//! Codes of recovery by text message and voice call: at most one a transaction.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `recovery_code`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("recovery_code")
                    .col(text("transaction_id").primary_key())
                    .col(text("subject"))
                    .col(text_null("user_id"))
                    .col(text("kind"))
                    .col(text("channel"))
                    .col(text("code_mac"))
                    .col(integer("tries"))
                    .col(big_integer_null("password_changed_at"))
                    .col(big_integer("sent_at"))
                    .col(big_integer("expires_at"))
                    .col(big_integer_null("consumed_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("recovery_code", "user_id")
                            .to("user", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create().name("recovery_code_user_id").table("recovery_code").col("user_id").take(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("recovery_code_expires_at")
                    .table("recovery_code")
                    .col("expires_at")
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("recovery_code").take()).await
    }
}
