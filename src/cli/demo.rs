//! The demo user and clients of `stepgate dev`: made once, with random credentials that are kept in a file.

use std::{
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;

use super::{CliError, client::secret_for, output};
use crate::{
    app::{App, Demo},
    fault::Fault,
    id::{ClientId, UserId, base62},
    model::{
        api_token::Access,
        client::{Client, RegisteredBy},
        user::{Profile, User},
    },
    protocol::{
        client_metadata::{ApplicationType, ClientMetadata, Introspect},
        grant_type::GrantType,
        response_type::ResponseType,
    },
    secret::{Secret, opaque_token},
    store::{self, db::Tx},
    syslog::{Caller, Event, EventType},
    user::{api_token, login::LoginKey},
};

/// The file in the data folder.
pub(super) const FILE: &str = "dev-credentials";

const LOGIN: &str = "demo@example.com";
const ADMINISTRATOR: &str = "admin@example.com";
/// Ports that development servers of single-page frameworks use by default.
const PORTS: [u16; 3] = [3000, 4200, 5173];

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    login: String,
    password: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    api_token: Option<String>,
    web_client_id: String,
    web_client_secret: String,
    spa_client_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    native_client_id: Option<String>,
    service_client_id: String,
    service_client_secret: String,
}

/// Loads the demo data, or makes it in a database that has no users and no clients yet. Absent: the database has other
/// data.
///
/// # Errors
/// The file cannot be read or written, or the database failed.
pub(super) async fn ensure(app: &App, data: &Path) -> Result<Option<Demo>, CliError> {
    let path = data.join(FILE);
    let empty = !store::user::any(&app.db).await? && store::client::list(&app.db).await?.is_empty();
    let demo = match (read(&path)?, empty) {
        (Some(demo), false) => demo,
        (Some(demo), true) => {
            insert(app, &demo).await?;
            demo
        }
        (None, true) => {
            // The file first: credentials that are not kept could never be used.
            let demo = generate(app);
            write(&path, &demo)?;
            insert(app, &demo).await?;
            demo
        }
        (None, false) => return Ok(None),
    };
    follow_issuer(app, &demo.spa_client_id).await?;
    Ok(Some(demo))
}

fn read(path: &Path) -> Result<Option<Demo>, CliError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(CliError::file(path, &error)),
    };
    let known: Credentials = toml::from_str(&text).map_err(|error| {
        CliError::file(path, &format!("{}; delete the data folder to start anew", error.message()))
    })?;
    Ok(Some(Demo {
        login: known.login,
        password: Secret::new(known.password),
        api_token: known.api_token.map(Secret::new),
        web_client_id: ClientId::new(known.web_client_id),
        web_client_secret: Secret::new(known.web_client_secret),
        spa_client_id: ClientId::new(known.spa_client_id),
        native_client_id: known.native_client_id.map(ClientId::new),
        service_client_id: ClientId::new(known.service_client_id),
        service_client_secret: Secret::new(known.service_client_secret),
    }))
}

fn generate(app: &App) -> Demo {
    let random = app.random.as_ref();
    Demo {
        login: LOGIN.to_owned(),
        // The first characters satisfy the password policy whatever follows.
        password: Secret::new(format!("Sg1-{}", base62(random, 14))),
        api_token: Some(api_token::generate(app)),
        web_client_id: ClientId::generate(random),
        web_client_secret: opaque_token(random),
        spa_client_id: ClientId::generate(random),
        native_client_id: Some(ClientId::generate(random)),
        service_client_id: ClientId::generate(random),
        service_client_secret: opaque_token(random),
    }
}

fn write(path: &Path, demo: &Demo) -> Result<(), CliError> {
    let credentials = Credentials {
        login: demo.login.clone(),
        password: demo.password.expose().clone(),
        api_token: demo.api_token.as_ref().map(|token| token.expose().clone()),
        web_client_id: demo.web_client_id.to_string(),
        web_client_secret: demo.web_client_secret.expose().clone(),
        spa_client_id: demo.spa_client_id.to_string(),
        native_client_id: demo.native_client_id.as_ref().map(ToString::to_string),
        service_client_id: demo.service_client_id.to_string(),
        service_client_secret: demo.service_client_secret.expose().clone(),
    };
    let text = toml::to_string(&credentials).map_err(|error| CliError::file(path, &error))?;
    create_private(path, &text)
}

/// Creates a file that only its owner can read.
pub(super) fn create_private(path: &Path, text: &str) -> Result<(), CliError> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| CliError::file(path, &error))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| CliError::file(path, &error))
}

async fn insert(app: &App, demo: &Demo) -> Result<(), CliError> {
    let hash =
        app.passwords.hash(demo.password.clone()).await.map_err(|error| Fault::Crypto(error.to_string()))?;
    let now = app.now();
    let tx = app.db.begin_write().await?;
    insert_user(app, &tx, (&demo.login, hash), now).await?;
    if let Some(token) = &demo.api_token {
        insert_administrator(app, &tx, token).await?;
    }
    let issuer = &app.settings.issuer;
    insert_client(app, &tx, (&demo.web_client_id, Some(&demo.web_client_secret)), web(), now).await?;
    insert_client(app, &tx, (&demo.spa_client_id, None), single_page(issuer), now).await?;
    if let Some(native) = &demo.native_client_id {
        insert_client(app, &tx, (native, None), native_metadata(), now).await?;
    }
    let service = (&demo.service_client_id, Some(&demo.service_client_secret));
    insert_client(app, &tx, service, service_metadata(), now).await?;
    Ok(tx.commit().await?)
}

async fn insert_user(
    app: &App,
    tx: &Tx,
    (login, hash): (&str, Secret<String>),
    now: OffsetDateTime,
) -> Result<(), CliError> {
    let key = LoginKey::normalize(login).map_err(Fault::stored)?;
    let user = User {
        password_hash: Some(hash),
        password_changed_at: Some(now),
        ..User::new(UserId::generate(app.random.as_ref()), login, profile(), now)
    };
    store::user::insert(tx, &user, key.as_str()).await?;
    let event = Event::new(EventType::UserCreate).user(&user.id);
    Ok(event.insert(tx, &Caller::system("dev"), app.random.as_ref(), now).await?)
}

/// An administrator without a password, for whom the API token acts.
async fn insert_administrator(app: &App, tx: &Tx, value: &Secret<String>) -> Result<(), CliError> {
    let now = app.now();
    let profile = json!({ "firstName": "Ada", "lastName": "Admin", "email": ADMINISTRATOR });
    let admin = User {
        admin: true,
        ..User::new(
            UserId::generate(app.random.as_ref()),
            ADMINISTRATOR,
            Profile(profile.as_object().cloned().unwrap_or_default()),
            now,
        )
    };
    let key = LoginKey::normalize(ADMINISTRATOR).map_err(Fault::stored)?;
    store::user::insert(tx, &admin, key.as_str()).await?;
    let caller = Caller::system("dev");
    let event = Event::new(EventType::UserCreate).user(&admin.id).with("admin", true);
    event.insert(tx, &caller, app.random.as_ref(), now).await?;
    api_token::create(app, tx, &admin, ("Demo", Access::Manage, value), &caller)
        .await
        .map_err(|error| Fault::stored(error.to_string()))?;
    Ok(())
}

/// A value for every standard claim (OpenID Connect Core §5.1).
fn profile() -> Profile {
    let attributes = json!({
        "firstName": "Dana",
        "middleName": "Lee",
        "lastName": "Demo",
        "displayName": "Dana Demo",
        "nickName": "dana",
        "profileUrl": "https://example.com/dana",
        "picture": "https://example.com/dana.png",
        "website": "https://example.com",
        "email": LOGIN,
        "emailVerified": true,
        "gender": "female",
        "birthdate": "1990-04-01",
        "timezone": "Europe/Berlin",
        "locale": "en_US",
        "primaryPhone": "+1 555 010 0199",
        "phoneNumberVerified": true,
        "streetAddress": "1 Example Street",
        "city": "Springfield",
        "state": "IL",
        "zipCode": "62701",
        "countryCode": "US",
        "department": "Demonstrations",
    });
    Profile(attributes.as_object().cloned().unwrap_or_default())
}

async fn insert_client(
    app: &App,
    tx: &Tx,
    (id, secret): (&ClientId, Option<&Secret<String>>),
    metadata: ClientMetadata,
    now: OffsetDateTime,
) -> Result<(), CliError> {
    let metadata = metadata.with_defaults();
    metadata.validate()?;
    let client = Client::new(id.clone(), metadata, RegisteredBy::Administrator, now);
    store::client::insert(tx, &client).await?;
    if let Some(secret) = secret {
        let stored = secret_for(app, &client, secret, now)?;
        store::client::insert_secret(tx, id, &stored).await?;
    }
    let event = Event::new(EventType::ClientCreate).client(id);
    Ok(event.insert(tx, &Caller::system("dev"), app.random.as_ref(), now).await?)
}

fn web() -> ClientMetadata {
    ClientMetadata {
        client_name: Some("Demo web application".to_owned()),
        application_type: ApplicationType::Web,
        redirect_uris: callbacks(),
        post_logout_redirect_uris: PORTS.iter().map(|port| format!("http://localhost:{port}")).collect(),
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        ..ClientMetadata::default()
    }
}

fn single_page(issuer: &str) -> ClientMetadata {
    let mut metadata = ClientMetadata {
        client_name: Some("Demo single-page application".to_owned()),
        application_type: ApplicationType::Browser,
        // The playground shows them all.
        response_types: vec![
            ResponseType::Code,
            ResponseType::IdToken,
            ResponseType::IdTokenToken,
            ResponseType::CodeIdToken,
            ResponseType::CodeToken,
            ResponseType::CodeIdTokenToken,
        ],
        grant_types: vec![GrantType::AuthorizationCode, GrantType::Implicit, GrantType::RefreshToken],
        ..web()
    };
    add_playground(&mut metadata, issuer);
    metadata
}

fn native_metadata() -> ClientMetadata {
    ClientMetadata {
        client_name: Some("Demo device".to_owned()),
        application_type: ApplicationType::Native,
        redirect_uris: vec!["http://127.0.0.1/callback".to_owned()],
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::DeviceCode],
        ..ClientMetadata::default()
    }
}

fn service_metadata() -> ClientMetadata {
    ClientMetadata {
        client_name: Some("Demo service".to_owned()),
        application_type: ApplicationType::Service,
        introspect: Introspect::Server,
        ..ClientMetadata::default()
    }
}

fn callbacks() -> Vec<String> {
    PORTS
        .iter()
        .flat_map(|port| ["callback", "login/callback"].map(|path| format!("http://localhost:{port}/{path}")))
        .collect()
}

/// Registers the playground of this issuer; says whether anything was missing.
fn add_playground(metadata: &mut ClientMetadata, issuer: &str) -> bool {
    let playground = format!("{issuer}/playground");
    let mut changed = false;
    let mut add = |list: &mut Vec<String>, uri: String| {
        if !list.contains(&uri) {
            list.push(uri);
            changed = true;
        }
    };
    add(&mut metadata.redirect_uris, playground.clone());
    add(&mut metadata.post_logout_redirect_uris, playground);
    add(&mut metadata.post_logout_redirect_uris, format!("{issuer}/"));
    changed
}

/// The playground moves with the port: the single-page client must know where it is today.
async fn follow_issuer(app: &App, id: &ClientId) -> Result<(), CliError> {
    let Some(mut client) = store::client::find(&app.db, id).await? else {
        output::note("note: the demo single-page client was removed, so the playground cannot sign in");
        return Ok(());
    };
    if add_playground(&mut client.metadata, &app.settings.issuer) {
        client.updated_at = app.now();
        let tx = app.db.begin_write().await?;
        store::client::update(&tx, &client).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// The client that the playground can use: the demo one, or any public one that has the playground's redirect URI.
///
/// # Errors
/// The database failed.
pub(super) async fn playground_client(app: &App, demo: Option<&Demo>) -> Result<Option<ClientId>, CliError> {
    let playground = format!("{}/playground", app.settings.issuer);
    let clients = store::client::list(&app.db).await?;
    let usable = |client: &&Client| {
        client.is_active()
            && client.metadata.is_public()
            && client.metadata.redirect_uris.contains(&playground)
    };
    let preferred = demo.and_then(|demo| clients.iter().find(|client| client.id == demo.spa_client_id));
    Ok(preferred.filter(usable).or_else(|| clients.iter().find(usable)).map(|client| client.id.clone()))
}

/// The client that plays a device in the playground: a public one with the device grant.
///
/// # Errors
/// The database failed.
pub(super) async fn playground_device_client(app: &App) -> Result<Option<ClientId>, CliError> {
    let clients = store::client::list(&app.db).await?;
    let usable = |client: &&Client| {
        client.is_active()
            && client.metadata.is_public()
            && client.metadata.allows_grant_type(GrantType::DeviceCode)
    };
    Ok(clients.iter().find(usable).map(|client| client.id.clone()))
}

/// A folder of one's own that goes away with the value.
pub(super) struct PrivateFolder(pub(super) PathBuf);

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
