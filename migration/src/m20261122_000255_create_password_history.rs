//! Earlier passwords of users, which a policy may refuse.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `password_history`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("password_history")
                    .col(text("id").primary_key())
                    .col(text("user_id"))
                    .col(text("password_hash"))
                    .col(big_integer("replaced_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("password_history", "user_id")
                            .to("user", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("password_history_user_id")
                    .table("password_history")
                    .col("user_id")
                    .col("replaced_at")
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("password_history").take()).await
    }
}
