//! Codes that stand in for a factor: a user's recovery codes and an administrator's bypass codes.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `backup_code`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("backup_code")
                    .col(text("code_hash").primary_key())
                    .col(text("user_id"))
                    .col(text("kind"))
                    .col(integer("uses_left"))
                    .col(text_null("issued_by"))
                    .col(big_integer("created_at"))
                    .col(big_integer_null("expires_at"))
                    .col(big_integer_null("last_used_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("backup_code", "user_id")
                            .to("user", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await?;
        for column in ["user_id", "expires_at"] {
            let index =
                Index::create().name(format!("backup_code_{column}")).table("backup_code").col(column).take();
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("backup_code").take()).await
    }
}
