//! An authorization code (RFC 6749 §4.1.2).

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `authorization_code`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("authorization_code")
                    .col(text("code_hash").primary_key())
                    .col(text("grant_id"))
                    .col(text("client_id"))
                    .col(text("server_id"))
                    .col(text("redirect_uri"))
                    .col(boolean("redirect_uri_sent"))
                    .col(text_null("code_challenge"))
                    .col(text_null("nonce"))
                    .col(integer("failures"))
                    .col(big_integer("created_at"))
                    .col(big_integer("expires_at"))
                    .col(big_integer_null("consumed_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("authorization_code", "grant_id")
                            .to("grant", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("authorization_code_expires_at")
                    .table("authorization_code")
                    .col("expires_at")
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("authorization_code_grant_id")
                    .table("authorization_code")
                    .col("grant_id")
                    .take(),
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("authorization_code").take()).await
    }
}
