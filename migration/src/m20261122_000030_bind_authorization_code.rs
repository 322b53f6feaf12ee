//! Authorization codes bound to a DPoP key (RFC 9449 §10).

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the column `dpop_jkt` to the table `authorization_code`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table =
            Table::alter().table("authorization_code").add_column(string_len_null("dpop_jkt", 43)).take();
        manager.alter_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("authorization_code").drop_column("dpop_jkt").take()).await
    }
}
