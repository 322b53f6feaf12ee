//! What users agreed to, per user × client × authorization server × scope.

use sea_orm::ConnectionTrait;
use time::OffsetDateTime;

use super::{Database, db::statement, millis, unit::Change};
use crate::{
    fault::Fault,
    id::{AuthorizationServerId, ClientId, ConsentId, UserId},
};

/// The scopes that a user has agreed to for a client at an authorization server.
///
/// # Errors
/// The database failed.
pub async fn scopes(
    db: &Database,
    user: &UserId,
    client: &ClientId,
    server: &AuthorizationServerId,
) -> Result<Vec<String>, Fault> {
    let connection = db.reader();
    let rows = connection
        .query_all_raw(statement(
            connection.get_database_backend(),
            r#"SELECT "scope" FROM "consent" WHERE "user_id" = $1 AND "client_id" = $2 AND "server_id" = $3"#,
            vec![user.as_str().into(), client.as_str().into(), server.as_str().into()],
        ))
        .await?;
    rows.iter().map(|row| Ok(row.try_get("", "scope")?)).collect()
}

/// Remembers that a user agreed to one scope; agreeing again changes nothing.
pub fn remember(
    id: &ConsentId,
    (user, client, server): (&UserId, &ClientId, &AuthorizationServerId),
    scope: &str,
    now: OffsetDateTime,
) -> Change {
    Change::new(
        r#"INSERT INTO "consent" ("id", "user_id", "client_id", "server_id", "scope", "granted_at")
           VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING"#,
        vec![
            id.as_str().into(),
            user.as_str().into(),
            client.as_str().into(),
            server.as_str().into(),
            scope.into(),
            millis(now).into(),
        ],
    )
}
