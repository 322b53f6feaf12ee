//! What applications may do for a user, and the end of it: consent that was given, and grants that outlive a session.

use std::{collections::BTreeMap, sync::Arc};

use time::OffsetDateTime;

use crate::{
    app::App,
    fault::Fault,
    id::{AuthorizationServerId, ClientId, UserId},
    model::client::Client,
    protocol::scope::ScopeSet,
    store::{self, unit::Unit},
    syslog::{Caller, Event, EventType},
};

/// What an application may do at one authorization server.
#[derive(Clone, Debug)]
pub struct Permission {
    /// The authorization server.
    pub server_id: AuthorizationServerId,
    /// The scopes that were agreed to, or granted without asking.
    pub scope: ScopeSet,
}

/// An application that a user has let in.
#[derive(Clone, Debug)]
pub struct Application {
    /// The client.
    pub client: Arc<Client>,
    /// What it may do.
    pub permissions: Vec<Permission>,
    /// Since when.
    pub since: OffsetDateTime,
    /// Whether it gets tokens while its user is away (`offline_access`).
    pub offline: Offline,
}

/// Whether an application gets tokens while its user is away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Offline {
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// One thing that a user let a client do, as consents and grants tell it.
struct Let {
    client: ClientId,
    server: AuthorizationServerId,
    scope: ScopeSet,
    at: OffsetDateTime,
    offline: Offline,
}

async fn lets(app: &App, user: &UserId) -> Result<Vec<Let>, Fault> {
    let agreed = store::consent::of_user(&app.db, user).await?.into_iter().map(|agreed| {
        let scope = ScopeSet::parse(&agreed.scope).map_err(Fault::stored)?;
        Ok(Let {
            client: agreed.client_id,
            server: agreed.server_id,
            scope,
            at: agreed.at,
            offline: Offline::No,
        })
    });
    let granted = store::grant::offline_of_user(&app.db, user, app.now()).await?.into_iter().map(|granted| {
        Ok(Let {
            client: granted.client_id,
            server: granted.server_id,
            scope: granted.scope,
            at: granted.since,
            offline: Offline::Yes,
        })
    });
    agreed.chain(granted).collect()
}

/// The applications that a user has let in, by name.
///
/// # Errors
/// The database failed.
pub async fn applications(app: &App, user: &UserId) -> Result<Vec<Application>, Fault> {
    let mut found: BTreeMap<ClientId, Vec<Let>> = BTreeMap::new();
    for one in lets(app, user).await? {
        found.entry(one.client.clone()).or_default().push(one);
    }
    let mut applications = Vec::with_capacity(found.len());
    for (id, lets) in found {
        let Some(client) = app.clients.find(&app.db, &id).await? else { continue };
        let Some(since) = lets.iter().map(|one| one.at).min() else { continue };
        let offline = lets.iter().any(|one| one.offline == Offline::Yes);
        applications.push(Application {
            client,
            permissions: permissions(&lets)?,
            since,
            offline: if offline { Offline::Yes } else { Offline::No },
        });
    }
    applications.sort_by_key(|application| application.client.name().to_lowercase());
    Ok(applications)
}

fn permissions(lets: &[Let]) -> Result<Vec<Permission>, Fault> {
    let mut servers: Vec<Permission> = Vec::new();
    for one in lets {
        match servers.iter_mut().find(|known| known.server_id == one.server) {
            Some(known) => {
                for scope in one.scope.iter() {
                    known.scope.insert(scope).map_err(Fault::stored)?;
                }
            }
            None => servers.push(Permission { server_id: one.server.clone(), scope: one.scope.clone() }),
        }
    }
    Ok(servers)
}

/// What became of a withdrawal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Withdrawn {
    /// The application may do nothing any more.
    Yes,
    /// It was never let in.
    Nothing,
}

/// Takes back whatever a user let a client do: it asks again, and every code, access token and refresh token that it was
/// given is dead (security rules C6, D8).
///
/// # Errors
/// The database failed: nothing was taken back.
pub async fn withdraw(
    app: &App,
    user: &UserId,
    client: &ClientId,
    caller: &Caller,
) -> Result<Withdrawn, Fault> {
    let mut lets = lets(app, user).await?;
    lets.retain(|one| one.client == *client);
    if lets.is_empty() {
        return Ok(Withdrawn::Nothing);
    }
    let now = app.now();
    let unit = Unit::new()
        .change(store::consent::forget(user, client))
        .change(store::grant::revoke_of_client(user, client, "consent_revoked", now));
    let unit = permissions(&lets)?.into_iter().fold(unit, |unit, permission| {
        let event = Event::new(EventType::ConsentRevoke)
            .server(&permission.server_id)
            .client(client)
            .user(user)
            .with("scopes", permission.scope.to_string());
        unit.row(event.row(caller, app.random.as_ref(), now))
    });
    app.db.writer().commit(unit).await?;
    Ok(Withdrawn::Yes)
}
