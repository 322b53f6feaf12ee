//! Authentication transactions that are under way (Okta Authentication API).

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `authn_transaction`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("authn_transaction")
                    .col(text("id").primary_key())
                    .col(text("state_token_hash").unique_key())
                    .col(text_null("user_id"))
                    .col(text("payload"))
                    .col(integer("version"))
                    .col(big_integer("created_at"))
                    .col(big_integer("expires_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("authn_transaction", "user_id")
                            .to("user", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await?;
        for column in ["user_id", "expires_at"] {
            manager
                .create_index(
                    Index::create()
                        .name(format!("authn_transaction_{column}"))
                        .table("authn_transaction")
                        .col(column)
                        .take(),
                )
                .await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("authn_transaction").take()).await
    }
}
