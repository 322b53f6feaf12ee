//! What users agreed to, per user × client × authorization server × scope.

use sea_orm::ConnectionTrait;
use time::OffsetDateTime;

use super::{
    Database,
    db::{Columns, query_all, statement},
    instant, millis,
    unit::Change,
};
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

/// Something that a user agreed to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Agreed {
    /// The client.
    pub client_id: ClientId,
    /// The authorization server.
    pub server_id: AuthorizationServerId,
    /// The scope.
    pub scope: String,
    /// When.
    pub at: OffsetDateTime,
}

/// Everything that a user has agreed to.
///
/// # Errors
/// The database failed.
pub async fn of_user(db: &Database, user: &UserId) -> Result<Vec<Agreed>, Fault> {
    let sql = r#"SELECT "client_id", "server_id", "scope", "granted_at" FROM "consent" WHERE "user_id" = $1
                 ORDER BY "client_id", "server_id", "scope""#;
    let rows = query_all(db.reader(), sql, vec![user.as_str().into()]).await?;
    rows.iter()
        .map(|row| {
            let mut row = Columns::of(row);
            Ok(Agreed {
                client_id: ClientId::new(row.next::<String>()?),
                server_id: AuthorizationServerId::new(row.next::<String>()?),
                scope: row.next()?,
                at: instant(row.next()?)?,
            })
        })
        .collect()
}

/// Forgets everything that a user has agreed to for a client.
pub fn forget(user: &UserId, client: &ClientId) -> Change {
    Change::of_all(
        r#"DELETE FROM "consent" WHERE "user_id" = $1 AND "client_id" = $2"#,
        vec![user.as_str().into(), client.as_str().into()],
    )
}
