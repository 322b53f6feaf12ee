//! A signing key of an authorization server.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `signing_key`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("signing_key")
                    .col(text("kid").primary_key())
                    .col(text("server_id"))
                    .col(text("algorithm"))
                    .col(text("state"))
                    .col(text("private_key"))
                    .col(text("public_key"))
                    .col(big_integer("created_at"))
                    .col(big_integer("published_at"))
                    .col(big_integer_null("activate_at"))
                    .col(big_integer_null("activated_at"))
                    .col(big_integer_null("retired_at"))
                    .col(big_integer_null("remove_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("signing_key", "server_id")
                            .to("authorization_server", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await?;
        manager
            .get_connection()
            .execute_unprepared(r#"CREATE UNIQUE INDEX "signing_key_active" ON "signing_key" ("server_id", "algorithm") WHERE state = 'active'"#)
            .await?;
        manager
            .get_connection()
            .execute_unprepared(r#"CREATE UNIQUE INDEX "signing_key_next" ON "signing_key" ("server_id", "algorithm") WHERE state = 'next'"#)
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("signing_key").take()).await
    }
}
