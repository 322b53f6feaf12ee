//! Policies about signing in with their rules, network zones, and which application has which policy.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the tables `zone`, `policy`, `policy_rule` and `policy_mapping`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("zone")
                    .col(text("id").primary_key())
                    .col(text("name").unique_key())
                    .col(text("status"))
                    .col(text("gateways"))
                    .take(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("policy")
                    .col(text("id").primary_key())
                    .col(text("kind"))
                    .col(text("name"))
                    .col(text("description"))
                    .col(integer("priority"))
                    .col(text("status"))
                    .col(text("group_ids"))
                    .col(text("settings"))
                    .col(big_integer("created_at"))
                    .col(big_integer("updated_at"))
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("policy_kind_name")
                    .table("policy")
                    .col("kind")
                    .col("name")
                    .unique()
                    .take(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("policy_rule")
                    .col(text("id").primary_key())
                    .col(text("policy_id"))
                    .col(text("name"))
                    .col(integer("priority"))
                    .col(text("status"))
                    .col(text("conditions"))
                    .col(text("actions"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("policy_rule", "policy_id")
                            .to("policy", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("policy_rule_policy_id_name")
                    .table("policy_rule")
                    .col("policy_id")
                    .col("name")
                    .unique()
                    .take(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("policy_mapping")
                    .col(text("client_id").primary_key())
                    .col(text("policy_id"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("policy_mapping", "client_id")
                            .to("client", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .foreign_key(
                        ForeignKey::create()
                            .from("policy_mapping", "policy_id")
                            .to("policy", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["policy_mapping", "policy_rule", "policy", "zone"] {
            manager.drop_table(Table::drop().table(table).take()).await?;
        }
        Ok(())
    }
}
