//! Making a database ready: the proof of the master key, the two built-in authorization servers, signing keys. Running
//! it again changes nothing.

use futures_util::{StreamExt, TryStreamExt, stream};
use keys::{Aad, KeyError};
use time::OffsetDateTime;

use crate::{
    app::App,
    fault::Fault,
    id::{AuthorizationServerId, ScopeId},
    model::{
        Status,
        authorization_server::{AccessTokenProfile, AuthorizationServer, Scope, ScopeConsent},
    },
    protocol::scope::{ADDRESS, DEVICE_SSO, EMAIL, OFFLINE_ACCESS, OPENID, PHONE, PROFILE},
    signing_key, store,
    store::installation::Installation,
};

/// The scope of the `default` server that is given when a request names none.
pub const DEMO_SCOPE: &str = "api";
/// The audience of the `default` server's access tokens.
pub const DEFAULT_AUDIENCE: &str = "api://default";

/// What a database is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// Trying things out; production commands refuse it.
    Development,
    /// Everything else.
    Production,
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Rows are sealed with a key that is not the one that was loaded.
    #[error(
        "the database is sealed with master key {sealed}, but master key {loaded} was loaded; restore the right key (what is sealed cannot be read without it)"
    )]
    WrongMasterKey {
        /// The name of the key that sealed.
        sealed: String,
        /// The name of the key that was loaded.
        loaded: String,
    },
    /// The proof of the key does not open though it names the right key.
    #[error("the proof of the master key in the database was altered; restore the database from a backup")]
    Tampered,
    /// There are sealed rows without the row that proves the key.
    #[error("the database has signing keys but no `installation` row; restore it from a backup")]
    NoInstallation,
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

const SEAL_CHECK: &[u8] = b"stepgate";
const SEAL_PLACE: Aad<'_> = Aad { table: "installation", column: "seal_check", row: "1" };

/// Proves that the right master key is loaded; on a new database it leaves the proof for the next time.
///
/// # Errors
/// The master key is another one, or the database failed.
pub async fn verify_master_key(app: &App, purpose: Purpose) -> Result<Installation, SetupError> {
    if let Some(installation) = store::installation::find(&app.db).await? {
        return check_seal(app, installation);
    }
    if store::signing_key::any(&app.db).await? {
        return Err(SetupError::NoInstallation);
    }
    let seal = app.master.seal(&SEAL_PLACE, SEAL_CHECK).map_err(|error| Fault::Crypto(error.to_string()))?;
    let tx = app.db.begin_write().await?;
    let inserted =
        match store::installation::insert(&tx, purpose == Purpose::Development, seal, app.now()).await {
            Ok(()) => tx.commit().await,
            Err(fault) => Err(fault),
        };
    // Another node may have been faster: then its row decides.
    match store::installation::find(&app.db).await? {
        Some(installation) => check_seal(app, installation),
        None => Err(inserted.err().unwrap_or_else(|| Fault::stored("installation")).into()),
    }
}

fn check_seal(app: &App, installation: Installation) -> Result<Installation, SetupError> {
    match app.master.open(&SEAL_PLACE, &installation.seal_check) {
        Ok(text) if *text == SEAL_CHECK => Ok(installation),
        Err(KeyError::WrongKey { key_id }) => {
            Err(SetupError::WrongMasterKey { sealed: key_id, loaded: app.master.id().to_owned() })
        }
        Ok(_) | Err(_) => Err(SetupError::Tampered),
    }
}

/// Makes the database ready to serve: proof of the master key, the servers `org` and `default`, keys for every server.
///
/// # Errors
/// The master key is another one, or the database or a key operation failed.
pub async fn prepare(app: &App, purpose: Purpose) -> Result<Installation, SetupError> {
    let installation = verify_master_key(app, purpose).await?;
    let now = app.now();
    built_in(app, org(app, now)).await?;
    built_in(app, default_server(app, now)).await?;
    maintain_keys(app).await?;
    Ok(installation)
}

/// Rings of keys that are looked after side by side: making an RSA key keeps a core busy, and each needs a connection.
const RINGS_AT_ONCE: usize = 2;

/// Carries out what is due for the keys of every authorization server. Returns whether anything changed.
///
/// # Errors
/// The database or a key operation failed.
pub async fn maintain_keys(app: &App) -> Result<bool, Fault> {
    let servers = store::server::list(&app.db).await?;
    let rings: Vec<_> = servers
        .iter()
        .flat_map(|server| {
            server
                .settings
                .signing_algorithms
                .iter()
                .map(|algorithm| signing_key::maintain(app, &server.id, std::slice::from_ref(algorithm)))
        })
        .collect();
    let unused: Vec<_> = servers
        .iter()
        .map(|server| signing_key::phase_out(app, &server.id, &server.settings.signing_algorithms))
        .collect();
    let any = async |sum, changed| Ok(sum | changed);
    // First the keys that are needed: whoever signed with another one goes over to them.
    let made = stream::iter(rings).buffer_unordered(RINGS_AT_ONCE).try_fold(false, any).await?;
    let changed = stream::iter(unused).buffer_unordered(RINGS_AT_ONCE).try_fold(made, any).await?;
    if changed {
        app.forget_configuration();
    }
    Ok(changed)
}

/// Inserts a built-in server with its scopes once. The org server's audience follows the issuer.
async fn built_in(app: &App, server: AuthorizationServer) -> Result<(), Fault> {
    let known = store::server::find(&app.db, &server.id).await?;
    if let Some(known) = known {
        if server.is_org() && known.server.audience != server.audience {
            let tx = app.db.begin_write().await?;
            let changed = AuthorizationServer { audience: server.audience, ..known.server };
            store::server::update(&tx, &changed).await?;
            tx.commit().await?;
        }
        return Ok(());
    }
    let inserted = insert(app, &server).await;
    // Another node may have been faster.
    match (inserted, store::server::find(&app.db, &server.id).await?) {
        (Err(fault), None) => Err(fault),
        _ => Ok(()),
    }
}

async fn insert(app: &App, server: &AuthorizationServer) -> Result<(), Fault> {
    let tx = app.db.begin_write().await?;
    store::server::insert(&tx, server).await?;
    for scope in system_scopes(app, server) {
        store::server::upsert_scope(&tx, &server.id, &scope).await?;
    }
    if server.id.as_str() == AuthorizationServer::DEFAULT {
        store::server::upsert_scope(&tx, &server.id, &demo_scope(app)).await?;
    }
    tx.commit().await
}

fn org(app: &App, now: OffsetDateTime) -> AuthorizationServer {
    let audience = app.settings.issuer.clone();
    new_server(app, (AuthorizationServer::ORG, "Org", &audience), now)
}

fn default_server(app: &App, now: OffsetDateTime) -> AuthorizationServer {
    new_server(app, (AuthorizationServer::DEFAULT, "default", DEFAULT_AUDIENCE), now)
}

/// A server with the defaults of this installation.
pub fn new_server(
    app: &App,
    (id, name, audience): (&str, &str, &str),
    now: OffsetDateTime,
) -> AuthorizationServer {
    AuthorizationServer {
        id: AuthorizationServerId::new(id),
        name: name.to_owned(),
        description: String::new(),
        audience: audience.to_owned(),
        status: Status::Active,
        access_token_profile: AccessTokenProfile::default(),
        settings: app.settings.server_defaults.clone(),
        not_before: OffsetDateTime::UNIX_EPOCH,
        created_at: now,
        updated_at: now,
    }
}

/// The scopes that every server has (OpenID Connect Core §5.4, §11); the org server also has Okta's `groups`.
pub fn system_scopes(app: &App, server: &AuthorizationServer) -> Vec<Scope> {
    let texts = [
        (OPENID, "Sign you in", "Know who you are"),
        (PROFILE, "Your profile", "See your name, picture and other profile data"),
        (EMAIL, "Your email address", "See your email address"),
        (ADDRESS, "Your address", "See your postal address"),
        (PHONE, "Your phone number", "See your phone number"),
        (OFFLINE_ACCESS, "Access while you are away", "Keep access when you are not using the application"),
        (DEVICE_SSO, "Other applications on this device", "Sign you in to other applications on this device"),
        (GROUPS, "Your groups", "See which groups you belong to"),
    ];
    texts
        .into_iter()
        .filter(|(name, _, _)| *name != if server.is_org() { DEVICE_SSO } else { GROUPS })
        .map(|(name, title, description)| Scope {
            id: ScopeId::generate(app.random.as_ref()),
            name: name.to_owned(),
            display_name: Some(title.to_owned()),
            description: Some(description.to_owned()),
            consent: ScopeConsent::Implicit,
            optional: false,
            default: false,
            published: true,
            system: true,
            sensitive: false,
        })
        .collect()
}

const GROUPS: &str = "groups";

fn demo_scope(app: &App) -> Scope {
    Scope {
        id: ScopeId::generate(app.random.as_ref()),
        name: DEMO_SCOPE.to_owned(),
        display_name: Some("Use the API".to_owned()),
        description: Some("Call the API on your behalf".to_owned()),
        consent: ScopeConsent::Implicit,
        optional: false,
        default: true,
        published: true,
        system: false,
        sensitive: false,
    }
}
