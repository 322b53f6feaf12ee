//! The recovery question of a user, and how often it was answered wrongly.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `recovery_question`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("recovery_question")
                    .col(text("user_id").primary_key())
                    .col(text("question"))
                    .col(text("answer_hash"))
                    .col(integer("failures"))
                    .col(big_integer_null("locked_until"))
                    .col(big_integer("changed_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("recovery_question", "user_id")
                            .to("user", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("recovery_question").take()).await
    }
}
