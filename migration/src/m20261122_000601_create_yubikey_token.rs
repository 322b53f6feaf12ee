//! YubiKeys whose secrets an administrator imported (Okta `/api/v1/org/factors/yubikey_token/tokens`).

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `yubikey_token`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("yubikey_token")
                    .col(text("id").primary_key())
                    .col(text("serial").unique_key())
                    .col(text("public_id").unique_key())
                    .col(text("secret"))
                    .col(big_integer_null("counter"))
                    .col(text_null("factor_id").unique_key())
                    .col(big_integer("created_at"))
                    .col(big_integer("updated_at"))
                    .col(big_integer_null("activated_at"))
                    .col(big_integer_null("last_verified_at"))
                    .foreign_key(
                        // Whichever way the factor goes, the key is nobody's from then on.
                        ForeignKey::create()
                            .from("yubikey_token", "factor_id")
                            .to("factor", "id")
                            .on_delete(ForeignKeyAction::SetNull),
                    )
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("yubikey_token").take()).await
    }
}
