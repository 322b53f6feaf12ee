//! Mails and messages to phones wait in queues of their own.

use sea_orm_migration::prelude::*;

/// Names the kinds of messages that wait in the table `outbox`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Where a message goes is sealed in it: what waits now goes with the mails, whatever it is.
        rename(manager, r#"'user_mail' WHERE "kind" = 'user_message'"#).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        rename(manager, r#"'user_message' WHERE "kind" IN ('user_mail', 'user_phone')"#).await
    }
}

async fn rename(manager: &SchemaManager<'_>, kinds: &str) -> Result<(), DbErr> {
    let sql = format!(r#"UPDATE "outbox" SET "kind" = {kinds}"#);
    manager.get_connection().execute_unprepared(&sql).await.map(|_| ())
}
