//! `stepgate client`: OAuth clients and their secrets.

use clap::Subcommand;
use time::OffsetDateTime;

use super::{
    CliError,
    connect::{Target, caller},
    output,
    secret_input::{self, Pointer, PointerParser},
};
use crate::{
    app::App,
    client::secret,
    id::{ClientId, ClientSecretId},
    model::{
        Status,
        client::{Client, ClientSecret, RegisteredBy},
    },
    protocol::{
        client_auth::AuthMethod,
        client_metadata::{ApplicationType, ClientMetadata, ConsentMethod, Introspect, Profile},
        grant_type::GrantType,
        okta_scope::OktaScope,
        wildcard_redirect::WildcardRedirect,
    },
    secret::Secret,
    store::{self, db::Tx},
    syslog::{Event, EventType},
};

/// Manage OAuth clients.
#[derive(clap::Args, Debug)]
pub(super) struct ClientCommand {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Register a client; prints its credentials once
    Add(Box<Add>),
    /// List clients
    List,
    /// Let a client act again
    Enable(Id),
    /// Stop a client from acting
    Disable(Id),
    /// Give a client a new secret; the previous one keeps working unless it is revoked
    RotateSecret(RotateSecret),
}

#[derive(clap::Args, Debug)]
struct Id {
    /// The client's id
    client_id: String,
}

#[derive(clap::Args, Debug)]
struct Add {
    /// The name that users see
    #[arg(long)]
    name: String,
    /// web, native, browser or service
    #[arg(long = "type", value_name = "TYPE", default_value = "web")]
    application_type: ApplicationType,
    /// The client id; random when left out
    #[arg(long, value_name = "CLIENT_ID")]
    id: Option<String>,
    /// A redirect URI; may be repeated
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// SUBDOMAIN lets `*` in the lowest label of a redirect URI's host stand for any; DISABLED does not
    #[arg(long, value_name = "WHETHER", default_value = "DISABLED")]
    wildcard_redirect: WildcardRedirect,
    /// A post-logout redirect URI; may be repeated
    #[arg(long = "post-logout-redirect-uri", value_name = "URI")]
    post_logout_redirect_uris: Vec<String>,
    /// A grant type; may be repeated; by default what the type of application needs
    #[arg(long = "grant-type", value_name = "GRANT")]
    grant_types: Vec<GrantType>,
    /// How the client authenticates at the token endpoint
    #[arg(long, value_name = "METHOD")]
    auth_method: Option<AuthMethod>,
    /// Where the client's public keys are, for private_key_jwt
    #[arg(long, value_name = "URL")]
    jwks_uri: Option<String>,
    /// TRUSTED (users are not asked) or REQUIRED
    #[arg(long, value_name = "METHOD", default_value = "TRUSTED")]
    consent: ConsentMethod,
    /// Which tokens it may introspect: own or server
    #[arg(long, value_name = "WHICH", default_value = "own")]
    introspect: Introspect,
    /// standard, okta_compat or fapi2
    #[arg(long, default_value = "standard")]
    profile: Profile,
    /// What it may administer with its own credentials, like okta.clients.read; may be repeated
    #[arg(long = "okta-scope", value_name = "SCOPE")]
    okta_scopes: Vec<OktaScope>,
    #[command(flatten)]
    secret: SecretSource,
}

#[derive(clap::Args, Debug)]
struct RotateSecret {
    /// The client's id
    client_id: String,
    /// Let the previous secrets stop working at once
    #[arg(long)]
    revoke_old: bool,
    #[command(flatten)]
    secret: SecretSource,
}

/// Without any, a secret of 256 random bits is made and printed.
#[derive(clap::Args, Debug)]
struct SecretSource {
    /// Where an existing secret is: {env:NAME} or {file:PATH}; without it a random one is made
    #[arg(long, value_name = "SOURCE", value_parser = PointerParser)]
    secret: Option<Pointer>,
    /// Read an existing secret from standard input
    #[arg(long, conflicts_with = "secret")]
    secret_stdin: bool,
}

pub(super) async fn run(command: ClientCommand) -> Result<(), CliError> {
    let action = command.action;
    command
        .target
        .run(async |app| match action {
            Action::Add(action) => add(app, *action).await,
            Action::List => list(app).await,
            Action::Enable(Id { client_id }) => set_status(app, &client_id, Status::Active).await,
            Action::Disable(Id { client_id }) => set_status(app, &client_id, Status::Inactive).await,
            Action::RotateSecret(action) => rotate_secret(app, action).await,
        })
        .await
}

async fn add(app: &App, action: Add) -> Result<(), CliError> {
    let id = match action.id {
        Some(id) => checked_id(&id)?,
        None => ClientId::generate(app.random.as_ref()),
    };
    let metadata = ClientMetadata {
        client_name: Some(action.name),
        application_type: action.application_type,
        redirect_uris: action.redirect_uris,
        wildcard_redirect: action.wildcard_redirect,
        post_logout_redirect_uris: action.post_logout_redirect_uris,
        grant_types: action.grant_types,
        token_endpoint_auth_method: action.auth_method,
        jwks_uri: action.jwks_uri,
        consent_method: action.consent,
        introspect: action.introspect,
        profile: action.profile,
        okta_scopes: action.okta_scopes,
        ..ClientMetadata::default()
    }
    .with_defaults();
    metadata.validate()?;
    let secret =
        if needs_secret(&metadata) { Some(new_secret(app, &metadata, action.secret).await?) } else { None };
    let now = app.now();
    let client = Client::new(id, metadata, RegisteredBy::Administrator, now);
    let tx = app.db.begin_write().await?;
    if store::client::find_in(&tx, &client.id).await?.is_some() {
        return Err(CliError::Usage(format!("the client id \"{}\" is taken", client.id)));
    }
    store::client::insert(&tx, &client).await?;
    if let Some((secret, _)) = &secret {
        let stored = secret_for(app, &client, secret, now)?;
        store::client::insert_secret(&tx, &client.id, &stored).await?;
    }
    log(app, &tx, (EventType::ClientCreate, &client.id), now).await?;
    tx.commit().await?;
    output::print(&format!("client_id      {}", client.id));
    print_generated(secret.as_ref());
    Ok(())
}

/// A `client_id` that is chosen: RFC 6749 Appendix A.1 allows printable ASCII; a colon would need care in Basic.
fn checked_id(id: &str) -> Result<ClientId, CliError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if (1..=100).contains(&id.len()) && id.chars().all(allowed) {
        Ok(ClientId::new(id))
    } else {
        Err(CliError::Usage("a client id has 1 to 100 letters, digits, `-`, `_` or `.`".to_owned()))
    }
}

/// Whether the client authenticates with a secret.
fn needs_secret(metadata: &ClientMetadata) -> bool {
    match metadata.auth_method() {
        AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost | AuthMethod::ClientSecretJwt => true,
        AuthMethod::PrivateKeyJwt
        | AuthMethod::TlsClientAuth
        | AuthMethod::SelfSignedTlsClientAuth
        | AuthMethod::None => false,
    }
}

/// A secret, and whether it was made here and has to be shown.
async fn new_secret(
    app: &App,
    metadata: &ClientMetadata,
    source: SecretSource,
) -> Result<(Secret<String>, Origin), CliError> {
    if source.secret.is_none() && !source.secret_stdin {
        return Ok((secret::generate(app), Origin::Generated));
    }
    let given = secret_input::read("secret", source.secret, source.secret_stdin).await?;
    secret::check(&given, metadata.auth_method()).map_err(|error| CliError::Usage(error.to_string()))?;
    Ok((given, Origin::Given))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Generated,
    Given,
}

fn print_generated(secret: Option<&(Secret<String>, Origin)>) {
    if let Some((secret, Origin::Generated)) = secret {
        output::print(&format!("client_secret  {}", secret.expose()));
        output::note("The secret is not shown again.");
    }
}

/// A secret in the custody that the client's authentication method needs.
pub(super) fn secret_for(
    app: &App,
    client: &Client,
    secret: &Secret<String>,
    now: OffsetDateTime,
) -> Result<ClientSecret, CliError> {
    Ok(secret::store(app, &client.id, client.metadata.auth_method(), secret, now)?)
}

async fn list(app: &App) -> Result<(), CliError> {
    let clients = store::client::list(&app.db).await?;
    let rows: Vec<Vec<String>> = clients
        .iter()
        .map(|client| {
            vec![
                client.id.to_string(),
                client.status.as_str().to_owned(),
                client.metadata.application_type.to_string(),
                client.metadata.auth_method().to_string(),
                client.name().to_owned(),
            ]
        })
        .collect();
    output::table(&["CLIENT ID", "STATUS", "TYPE", "AUTHENTICATION", "NAME"], &rows);
    Ok(())
}

async fn load(tx: &Tx, id: &str) -> Result<Client, CliError> {
    store::client::find_in(tx, &ClientId::new(id))
        .await?
        .ok_or_else(|| CliError::NotFound { what: "client", name: id.to_owned() })
}

async fn set_status(app: &App, id: &str, status: Status) -> Result<(), CliError> {
    let now = app.now();
    let tx = app.db.begin_write().await?;
    let mut client = load(&tx, id).await?;
    if client.status != status {
        client.status = status;
        client.updated_at = now;
        store::client::update(&tx, &client).await?;
        let event = match status {
            Status::Active => EventType::ClientActivate,
            Status::Inactive => EventType::ClientDeactivate,
        };
        log(app, &tx, (event, &client.id), now).await?;
        tx.commit().await?;
    }
    output::print(&format!("{}  {}", client.id, client.status.as_str()));
    Ok(())
}

async fn rotate_secret(app: &App, action: RotateSecret) -> Result<(), CliError> {
    let known = store::client::find(&app.db, &ClientId::new(action.client_id.as_str())).await?;
    let known = known.ok_or_else(|| CliError::NotFound { what: "client", name: action.client_id.clone() })?;
    if !needs_secret(&known.metadata) {
        return Err(CliError::Usage(format!(
            "the client authenticates by {}, which needs no secret",
            known.metadata.auth_method()
        )));
    }
    let secret = new_secret(app, &known.metadata, action.secret).await?;
    let now = app.now();
    let tx = app.db.begin_write().await?;
    let client = load(&tx, &action.client_id).await?;
    let stored = secret_for(app, &client, &secret.0, now)?;
    let keep = if action.revoke_old { Vec::new() } else { newest_active(&client.secrets) };
    store::client::delete_secrets_except(&tx, &client.id, &keep).await?;
    store::client::insert_secret(&tx, &client.id, &stored).await?;
    log(app, &tx, (EventType::ClientNewSecret, &client.id), now).await?;
    tx.commit().await?;
    output::print(&format!("client_id      {}", client.id));
    print_generated(Some(&secret));
    Ok(())
}

/// With the new secret there are two live ones at most.
fn newest_active(secrets: &[ClientSecret]) -> Vec<ClientSecretId> {
    let active = secrets.iter().filter(|secret| secret.status == Status::Active);
    active.max_by_key(|secret| secret.created_at).map(|secret| secret.id.clone()).into_iter().collect()
}

async fn log(
    app: &App,
    tx: &Tx,
    (event, client): (EventType, &ClientId),
    now: OffsetDateTime,
) -> Result<(), CliError> {
    let event = Event::new(event).client(client);
    Ok(event.insert(tx, &caller(), app.random.as_ref(), now).await?)
}
