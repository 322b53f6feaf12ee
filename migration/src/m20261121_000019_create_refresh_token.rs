//! A refresh token (RFC 6749 §6) of a grant, which is its family.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `refresh_token`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("refresh_token")
                    .col(text("token_hash").primary_key())
                    .col(text("grant_id"))
                    .col(text_null("parent_hash"))
                    .col(big_integer("created_at"))
                    .col(big_integer("expires_at"))
                    .col(big_integer_null("first_used_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("refresh_token", "grant_id")
                            .to("grant", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("refresh_token_expires_at")
                    .table("refresh_token")
                    .col("expires_at")
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create().name("refresh_token_grant_id").table("refresh_token").col("grant_id").take(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("refresh_token_parent_hash")
                    .table("refresh_token")
                    .col("parent_hash")
                    .take(),
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("refresh_token").take()).await
    }
}
