//! Every index that nobody searches by costs each event.

use sea_orm_migration::prelude::*;

/// Removes an index of the table `log_event`, and keeps another to the events that are about a user.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const CLIENT: &str = "log_event_client_id_published_at";
const USER: &str = "log_event_user_id_published_at";

fn index(name: &str, column: &'static str) -> IndexCreateStatement {
    Index::create().name(name).table("log_event").col(column).col("published_at").take()
}

async fn drop(manager: &SchemaManager<'_>, name: &str) -> Result<(), DbErr> {
    manager.drop_index(Index::drop().name(name).table("log_event").to_owned()).await
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, CLIENT).await?;
        drop(manager, USER).await?;
        let about_a_user = Expr::col("user_id").is_not_null();
        manager.create_index(index(USER, "user_id").cond_where(about_a_user).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, USER).await?;
        manager.create_index(index(USER, "user_id")).await?;
        manager.create_index(index(CLIENT, "client_id")).await
    }
}
