//! Grants: the truth about every token issued from them, read in one statement.

use entity::grant;
use time::{Duration, OffsetDateTime};

use super::{
    Database,
    db::{Columns, query_all, query_one},
    instant, instant_opt, millis,
    unit::{Change, Row, Unit},
};
use crate::{
    fault::Fault,
    id::{AuthorizationServerId, ClientId, GrantId, SessionId, UserId},
    model::{Status, confirmation::Confirmation, grant::Grant, user::Holder},
    protocol::scope::ScopeSet,
};

/// A grant with everything else that decides whether its tokens live.
#[derive(Clone, Debug)]
pub struct GrantFacts {
    /// The grant.
    pub grant: Grant,
    /// The user, if one takes part and still exists.
    pub user: Option<Holder>,
    /// Whether the client may act.
    pub client_status: Status,
    /// The client's `not_before`.
    pub client_not_before: OffsetDateTime,
    /// Whether the authorization server answers.
    pub server_status: Status,
    /// The authorization server's `not_before`.
    pub server_not_before: OffsetDateTime,
    /// When the session ended, if it was ended.
    pub session_ended_at: Option<OffsetDateTime>,
    /// Whether the `jti` that was asked about is revoked on its own.
    pub jti_revoked: bool,
}

/// The columns of [`facts`], in its order; `g`, `u`, `c`, `a`, `s` are grant, user, client, server and session.
pub(super) const COLUMNS: &str = r#"g."id", g."server_id", g."client_id", g."user_id", g."session_id", g."scope", g."acr",
    g."amr", g."auth_time", g."access_lifetime", g."refresh_idle_lifetime", g."created_at", g."expires_at",
    g."revoked_at", g."confirmation", g."resource", g."claims", g."actor", u."id", u."status", u."login", u."profile",
    u."locked_until", u."not_before", u."updated_at", c."status", c."not_before", a."status", a."not_before",
    s."ended_at""#;

/// The joins that [`COLUMNS`] needs after `"grant" g`.
pub(super) const JOINS: &str = r#"JOIN "client" c ON c."id" = g."client_id"
    JOIN "authorization_server" a ON a."id" = g."server_id"
    LEFT JOIN "user" u ON u."id" = g."user_id" LEFT JOIN "session" s ON s."id" = g."session_id""#;

/// Reads [`COLUMNS`].
pub(super) fn facts(row: &mut Columns<'_>) -> Result<GrantFacts, Fault> {
    Ok(GrantFacts {
        grant: Grant {
            id: GrantId::new(row.next::<String>()?),
            server_id: AuthorizationServerId::new(row.next::<String>()?),
            client_id: ClientId::new(row.next::<String>()?),
            user_id: row.next::<Option<String>>()?.map(UserId::new),
            session_id: row.next::<Option<String>>()?.map(SessionId::new),
            scope: ScopeSet::parse(&row.next::<String>()?).map_err(Fault::stored)?,
            acr: row.next()?,
            amr: serde_json::from_str(&row.next::<String>()?)?,
            auth_time: instant_opt(row.next()?)?,
            access_lifetime: Duration::seconds(row.next()?),
            refresh_idle_lifetime: Duration::seconds(row.next()?),
            created_at: instant(row.next()?)?,
            expires_at: instant_opt(row.next()?)?,
            revoked_at: instant_opt(row.next()?)?,
            confirmation: json(row)?,
            resource: json(row)?.unwrap_or_default(),
            claims: row.next()?,
            actor: json(row)?,
        },
        user: super::user::holder(row)?,
        client_status: status(row)?,
        client_not_before: instant(row.next()?)?,
        server_status: status(row)?,
        server_not_before: instant(row.next()?)?,
        session_ended_at: instant_opt(row.next()?)?,
        jti_revoked: false,
    })
}

/// A column that holds JSON, or nothing.
fn json<T: serde::de::DeserializeOwned>(row: &mut Columns<'_>) -> Result<Option<T>, Fault> {
    let text: Option<String> = row.next()?;
    Ok(text.as_deref().map(serde_json::from_str).transpose()?)
}

fn status(row: &mut Columns<'_>) -> Result<Status, Fault> {
    Status::parse(&row.next::<String>()?).ok_or_else(|| Fault::stored("status"))
}

/// Loads a grant and all that decides about a token of it, in one statement.
///
/// # Errors
/// The database failed.
pub async fn find_for_token(db: &Database, id: &GrantId, jti: &str) -> Result<Option<GrantFacts>, Fault> {
    let sql = format!(
        r#"SELECT {COLUMNS}, EXISTS (SELECT 1 FROM "revoked_jti" r WHERE r."jti" = $2)
           FROM "grant" g {JOINS} WHERE g."id" = $1"#
    );
    let Some(row) = query_one(db, &sql, vec![id.as_str().into(), jti.into()]).await? else { return Ok(None) };
    let mut row = Columns::of(&row);
    let facts = facts(&mut row)?;
    Ok(Some(GrantFacts { jti_revoked: row.next()?, ..facts }))
}

/// What decides about a token that has no grant (client credentials).
#[derive(Clone, Debug)]
pub struct ClientTokenFacts {
    /// Whether the client may act.
    pub client_status: Status,
    /// The later of the client's and the server's `not_before`.
    pub not_before: OffsetDateTime,
    /// Whether the `jti` is revoked on its own.
    pub jti_revoked: bool,
}

/// Loads what decides about a client-credentials token, in one statement.
///
/// # Errors
/// The database failed.
pub async fn find_for_client_token(
    db: &Database,
    client: &ClientId,
    server: &AuthorizationServerId,
    jti: &str,
) -> Result<Option<ClientTokenFacts>, Fault> {
    let row = query_one(
        db,
        r#"SELECT c."status", c."not_before", a."not_before" AS "server_not_before",
             EXISTS (SELECT 1 FROM "revoked_jti" r WHERE r."jti" = $3) AS "jti_revoked"
           FROM "client" c JOIN "authorization_server" a ON a."id" = $2 AND a."status" = 'ACTIVE' WHERE c."id" = $1"#,
        vec![client.as_str().into(), server.as_str().into(), jti.into()],
    );
    let Some(row) = row.await? else { return Ok(None) };
    let client_not_before: i64 = row.try_get("", "not_before")?;
    let server_not_before: i64 = row.try_get("", "server_not_before")?;
    Ok(Some(ClientTokenFacts {
        client_status: Status::parse(&row.try_get::<String>("", "status")?)
            .ok_or_else(|| Fault::stored("client.status"))?,
        not_before: instant(client_not_before.max(server_not_before))?,
        jti_revoked: row.try_get("", "jti_revoked")?,
    }))
}

/// The row of a new grant.
///
/// # Errors
/// The methods cannot be written as JSON.
pub fn row(grant: &Grant) -> Result<Row, Fault> {
    Ok(grant::Model {
        id: grant.id.to_string(),
        server_id: grant.server_id.to_string(),
        client_id: grant.client_id.to_string(),
        user_id: grant.user_id.as_ref().map(ToString::to_string),
        session_id: grant.session_id.as_ref().map(ToString::to_string),
        scope: grant.scope.to_string(),
        acr: grant.acr.clone(),
        amr: serde_json::to_string(&grant.amr)?,
        auth_time: grant.auth_time.map(millis),
        access_lifetime: grant.access_lifetime.whole_seconds(),
        refresh_idle_lifetime: grant.refresh_idle_lifetime.whole_seconds(),
        created_at: millis(grant.created_at),
        expires_at: grant.expires_at.map(millis),
        revoked_at: grant.revoked_at.map(millis),
        revoke_reason: None,
        confirmation: grant.confirmation.as_ref().map(serde_json::to_string).transpose()?,
        resource: if grant.resource.is_empty() {
            None
        } else {
            Some(serde_json::to_string(&grant.resource)?)
        },
        claims: grant.claims.clone(),
        actor: grant.actor.as_ref().map(serde_json::to_string).transpose()?,
    }
    .into())
}

/// Inserts a grant among the changes of its unit and not after those of its neighbours: a unit that follows in the same
/// transaction finds it.
///
/// # Errors
/// The methods cannot be written as JSON.
pub fn insertion(grant: &Grant) -> Result<Change, Fault> {
    Ok(Change::new(
        r#"INSERT INTO "grant" ("id", "server_id", "client_id", "user_id", "session_id", "scope", "acr", "amr",
             "auth_time", "access_lifetime", "refresh_idle_lifetime", "created_at", "expires_at")
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"#,
        vec![
            grant.id.as_str().into(),
            grant.server_id.as_str().into(),
            grant.client_id.as_str().into(),
            grant.user_id.as_ref().map(ToString::to_string).into(),
            grant.session_id.as_ref().map(ToString::to_string).into(),
            grant.scope.to_string().into(),
            grant.acr.clone().into(),
            serde_json::to_string(&grant.amr)?.into(),
            grant.auth_time.map(millis).into(),
            grant.access_lifetime.whole_seconds().into(),
            grant.refresh_idle_lifetime.whole_seconds().into(),
            millis(grant.created_at).into(),
            grant.expires_at.map(millis).into(),
        ],
    ))
}

/// Binds the refresh tokens of a grant to a key, whether the unit makes the grant or finds it.
///
/// # Errors
/// The key cannot be written as JSON.
pub fn bind(unit: Unit, id: &GrantId, confirmation: &Confirmation) -> Result<Unit, Fault> {
    let json = serde_json::to_string(confirmation)?;
    let mut unit = unit;
    for row in &mut unit.rows {
        if let Row::Grant(grant) = row
            && grant.id == id.as_str()
        {
            grant.confirmation = Some(json);
            return Ok(unit);
        }
    }
    Ok(unit.change(Change::new(
        r#"UPDATE "grant" SET "confirmation" = $1 WHERE "id" = $2"#,
        vec![json.into(), id.as_str().into()],
    )))
}

/// Revokes a grant and with it every token of it.
pub fn revoke(id: &GrantId, reason: &'static str, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "grant" SET "revoked_at" = $1, "revoke_reason" = $2 WHERE "id" = $3 AND "revoked_at" IS NULL"#,
        vec![millis(now).into(), reason.into(), id.as_str().into()],
    )
}

/// Revokes all grants of a user to a client.
pub fn revoke_of_client(
    user: &UserId,
    client: &ClientId,
    reason: &'static str,
    now: OffsetDateTime,
) -> Change {
    Change::of_all(
        r#"UPDATE "grant" SET "revoked_at" = $1, "revoke_reason" = $2
           WHERE "user_id" = $3 AND "client_id" = $4 AND "revoked_at" IS NULL"#,
        vec![millis(now).into(), reason.into(), user.as_str().into(), client.as_str().into()],
    )
}

/// A client that can get tokens for a user without asking.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OfflineAccess {
    /// The client.
    pub client_id: ClientId,
    /// The authorization server.
    pub server_id: AuthorizationServerId,
    /// The scopes of the grant.
    pub scope: ScopeSet,
    /// When it was granted.
    pub since: OffsetDateTime,
}

/// The grants of a user that outlive the session in which they were made, the newest first; at most a thousand.
///
/// # Errors
/// The database failed.
pub async fn offline_of_user(
    db: &Database,
    user: &UserId,
    now: OffsetDateTime,
) -> Result<Vec<OfflineAccess>, Fault> {
    let sql = r#"SELECT "client_id", "server_id", "scope", "created_at" FROM "grant"
                 WHERE "user_id" = $1 AND "revoked_at" IS NULL AND ("expires_at" IS NULL OR "expires_at" > $2)
                   AND (' ' || "scope" || ' ') LIKE '% offline_access %'
                 ORDER BY "created_at" DESC LIMIT 1000"#;
    let rows = query_all(db.reader(), sql, vec![user.as_str().into(), millis(now).into()]).await?;
    rows.iter()
        .map(|row| {
            let mut row = Columns::of(row);
            Ok(OfflineAccess {
                client_id: ClientId::new(row.next::<String>()?),
                server_id: AuthorizationServerId::new(row.next::<String>()?),
                scope: ScopeSet::parse(&row.next::<String>()?).map_err(Fault::stored)?,
                since: instant(row.next()?)?,
            })
        })
        .collect()
}

/// Claims that the grant is not revoked at the moment of the commit.
pub fn claim_live(id: &GrantId) -> Change {
    Change::new(
        r#"UPDATE "grant" SET "revoked_at" = NULL WHERE "id" = $1 AND "revoked_at" IS NULL"#,
        vec![id.as_str().into()],
    )
}

/// Revokes one access token until it would have died anyway.
pub fn revoke_jti(jti: &str, expires_at: OffsetDateTime) -> Change {
    Change::new(
        r#"INSERT INTO "revoked_jti" ("jti", "expires_at") VALUES ($1, $2) ON CONFLICT DO NOTHING"#,
        vec![jti.into(), millis(expires_at).into()],
    )
}
