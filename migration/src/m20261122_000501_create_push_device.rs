//! Devices that approve: the public key of a push factor, and how often it was asked lately.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `push_device`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("push_device")
                    .col(text("factor_id").primary_key())
                    .col(text("public_jwk"))
                    .col(text("thumbprint").unique_key())
                    .col(text_null("current_id"))
                    .col(integer("asked"))
                    .col(big_integer_null("hour_began_at"))
                    .col(big_integer("created_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("push_device", "factor_id")
                            .to("factor", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("push_device").take()).await
    }
}
