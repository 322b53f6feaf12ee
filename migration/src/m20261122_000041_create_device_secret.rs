//! A device secret (OpenID Connect Native SSO 1.0 §3.2), and the grants that were made with it.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the tables `device_secret` and `device_secret_grant`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let grant = |table: &'static str| {
            ForeignKey::create()
                .from(table, "grant_id")
                .to("grant", "id")
                .on_delete(ForeignKeyAction::Cascade)
                .take()
        };
        let secret = Table::create()
            .table("device_secret")
            .col(text("secret_hash").primary_key())
            .col(text("grant_id"))
            .col(big_integer("created_at"))
            .col(big_integer_null("revoked_at"))
            .foreign_key(&mut grant("device_secret"))
            .take();
        manager.create_table(secret).await?;
        let derived = Table::create()
            .table("device_secret_grant")
            .col(text("grant_id").primary_key())
            .col(text("secret_hash"))
            .foreign_key(&mut grant("device_secret_grant"))
            .take();
        manager.create_table(derived).await?;
        for (table, column) in [("device_secret", "grant_id"), ("device_secret_grant", "secret_hash")] {
            let index = Index::create().name(format!("{table}_{column}")).table(table).col(column).take();
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["device_secret_grant", "device_secret"] {
            manager.drop_table(Table::drop().table(table).take()).await?;
        }
        Ok(())
    }
}
