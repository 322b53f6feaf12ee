//! What a user agreed to.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `consent`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("consent")
                    .col(text("id").primary_key())
                    .col(text("user_id"))
                    .col(text("client_id"))
                    .col(text("server_id"))
                    .col(text("scope"))
                    .col(big_integer("granted_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("consent", "user_id")
                            .to("user", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .foreign_key(
                        ForeignKey::create()
                            .from("consent", "client_id")
                            .to("client", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .foreign_key(
                        ForeignKey::create()
                            .from("consent", "server_id")
                            .to("authorization_server", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("consent_user_id_client_id_server_id_scope")
                    .table("consent")
                    .col("user_id")
                    .col("client_id")
                    .col("server_id")
                    .col("scope")
                    .unique()
                    .take(),
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("consent").take()).await
    }
}
