//! One-time tokens of recovery, unlocking and activation: at most one of each kind a user.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `recovery_token`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("recovery_token")
                    .col(text("user_id"))
                    .col(text("kind"))
                    .col(text("token_hash").unique_key())
                    .col(text_null("email"))
                    .col(big_integer_null("password_changed_at"))
                    .col(big_integer("created_at"))
                    .col(big_integer("expires_at"))
                    .col(big_integer_null("consumed_at"))
                    .primary_key(Index::create().col("user_id").col("kind"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("recovery_token", "user_id")
                            .to("user", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("recovery_token_expires_at")
                    .table("recovery_token")
                    .col("expires_at")
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("recovery_token").take()).await
    }
}
