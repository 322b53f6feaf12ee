//! Factors of users beside the password (Okta Factors API).

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table `factor`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("factor")
                    .col(text("id").primary_key())
                    .col(text("user_id"))
                    .col(text("kind"))
                    .col(text("status"))
                    .col(text("profile"))
                    .col(text_null("secret"))
                    .col(big_integer_null("counter"))
                    .col(text_null("qr_token_hash").unique_key())
                    .col(text_null("factor_profile_id"))
                    .col(integer("failures").default(0))
                    .col(integer("failures_this_hour").default(0))
                    .col(big_integer_null("hour_began_at"))
                    .col(big_integer("created_at"))
                    .col(big_integer("updated_at"))
                    .col(big_integer_null("last_verified_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("factor", "user_id")
                            .to("user", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            )
            .await?;
        // One factor of a kind: whoever enrols twice at once has one in the end.
        manager
            .create_index(
                Index::create()
                    .name("factor_user_id_kind")
                    .table("factor")
                    .col("user_id")
                    .col("kind")
                    .unique()
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("factor").take()).await
    }
}
