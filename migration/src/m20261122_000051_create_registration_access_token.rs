//! The token by which a client reads and changes its own registration (RFC 7592 §1.2).

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `registration_access_token`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("registration_access_token")
                    .col(text("client_id").primary_key())
                    .col(text("token_hash").unique_key())
                    .col(big_integer("created_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("registration_access_token", "client_id")
                            .to("client", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("registration_access_token").take()).await
    }
}
