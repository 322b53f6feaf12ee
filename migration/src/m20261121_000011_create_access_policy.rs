//! An access policy of an authorization server.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `access_policy`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("access_policy")
                    .col(text("id").primary_key())
                    .col(text("server_id"))
                    .col(text("name"))
                    .col(text("description"))
                    .col(integer("priority"))
                    .col(text("status"))
                    .col(text("clients"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("access_policy", "server_id")
                            .to("authorization_server", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("access_policy_server_id_name")
                    .table("access_policy")
                    .col("server_id")
                    .col("name")
                    .unique()
                    .take(),
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("access_policy").take()).await
    }
}
