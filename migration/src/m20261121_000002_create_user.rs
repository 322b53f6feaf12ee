//! A user.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `user`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("user")
                    .col(text("id").primary_key())
                    .col(text("status"))
                    .col(text("login"))
                    .col(text("login_key").unique_key())
                    .col(text("profile"))
                    .col(text_null("password_hash"))
                    .col(big_integer_null("password_changed_at"))
                    .col(integer("password_failures"))
                    .col(integer("password_failures_total"))
                    .col(integer("lockouts"))
                    .col(big_integer_null("locked_until"))
                    .col(boolean("admin"))
                    .col(big_integer("not_before"))
                    .col(big_integer("created_at"))
                    .col(big_integer_null("activated_at"))
                    .col(big_integer("status_changed_at"))
                    .col(big_integer_null("last_login_at"))
                    .col(big_integer("updated_at"))
                    .take(),
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("user").take()).await
    }
}
