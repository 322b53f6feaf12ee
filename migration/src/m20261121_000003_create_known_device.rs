//! A browser in which a user has signed in: it has its own budget of wrong passwords.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `known_device`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("known_device")
                    .col(text("user_id"))
                    .col(text("device_hash"))
                    .col(integer("failures"))
                    .col(big_integer_null("locked_until"))
                    .col(big_integer("last_seen_at"))
                    .primary_key(Index::create().col("user_id").col("device_hash"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("known_device", "user_id")
                            .to("user", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("known_device").take()).await
    }
}
