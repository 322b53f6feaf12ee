//! A rule of an access policy.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `access_policy_rule`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("access_policy_rule")
                    .col(text("id").primary_key())
                    .col(text("policy_id"))
                    .col(text("name"))
                    .col(integer("priority"))
                    .col(text("status"))
                    .col(text("conditions"))
                    .col(text("actions"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("access_policy_rule", "policy_id")
                            .to("access_policy", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("access_policy_rule_policy_id_name")
                    .table("access_policy_rule")
                    .col("policy_id")
                    .col("name")
                    .unique()
                    .take(),
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("access_policy_rule").take()).await
    }
}
