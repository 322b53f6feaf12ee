//! Registering, reading, replacing and deleting clients (RFC 7591; RFC 7592; OpenID Connect Registration 1.0), which is
//! also Okta's `/oauth2/v1/clients`. What is an administrator's to decide of a client is never taken from a request here.

use keys::ClientKeys;
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::{
    registrar::{Registrar, RegistrarError},
    secret, sector,
};
use crate::{
    app::App,
    cache::{
        Count,
        servers::{GRANT_TYPES, ServerState},
    },
    fault::Fault,
    id::{ClientId, ClientSecretId},
    limit::rate::{Bucket, address},
    model::{
        Status,
        client::{Client, ClientSecret, RegisteredBy, SecretCustody},
    },
    protocol::{
        client_auth::AuthMethod,
        client_metadata::{ClientMetadata, ConsentMethod, MetadataError},
        error::{ErrorCode, OAuthError},
        grant_type::GrantType,
        okta_scope::OktaScope,
    },
    secret::{Secret, TokenHash, opaque_token},
    store::{self, db::Tx},
    syslog::{Caller, Event, EventType, record_repeated, record_throttled},
};

/// Members that only an administrator sets: on the command line or in a seed file.
const ADMINISTRATORS: [&str; 5] =
    ["consent_method", "introspect", "okta_scopes", "profile", "wildcard_redirect"];

/// Why a request about a client was refused.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// The caller may not.
    #[error(transparent)]
    Registrar(#[from] RegistrarError),
    /// No client has this id; told to administrators only.
    #[error("there is no such client")]
    UnknownClient,
    /// The metadata is refused (RFC 7591 §3.2.2).
    #[error(transparent)]
    Metadata(#[from] OAuthError),
    /// Too many registrations from this address.
    #[error("too many registrations")]
    Throttled(Count),
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<MetadataError> for RegistrationError {
    fn from(error: MetadataError) -> Self {
        Self::Metadata(error.into())
    }
}

/// A request about clients.
pub struct Request<'a> {
    /// The application.
    pub app: &'a App,
    /// The org server, where clients are registered.
    pub org: &'a ServerState,
    /// Who asks.
    pub registrar: &'a Registrar,
    /// Who sent it.
    pub caller: &'a Caller,
}

/// The members of a JSON document, or why it cannot be read. Looked at once it is certain that the caller may.
pub type Document = Result<Map<String, Value>, OAuthError>;

/// A client as it is told to whoever registers or manages it.
pub struct Registered {
    /// The client.
    pub client: Client,
    /// Its secret, if it was made just now.
    pub secret: Option<Secret<String>>,
    /// Its registration access token, as long as it is in clear.
    pub registration_access_token: Option<Secret<String>>,
}

impl Registered {
    fn of(client: Client, registrar: &Registrar) -> Self {
        let token = match registrar {
            // RFC 7592 §3: it is part of every answer to the client.
            Registrar::Client(_, token) => Some(token.clone()),
            Registrar::Anyone | Registrar::InitialAccessToken | Registrar::Administrator(..) => None,
        };
        Self { client, secret: None, registration_access_token: token }
    }

    /// The client information response (RFC 7591 §3.2.1; RFC 7592 §3).
    ///
    /// # Errors
    /// The metadata cannot be written as JSON.
    pub fn document(&self, issuer: &str) -> Result<Map<String, Value>, Fault> {
        let Value::Object(mut document) = serde_json::to_value(&self.client.metadata)? else {
            return Err(Fault::stored("client.metadata"));
        };
        document.retain(|name, _| !ADMINISTRATORS.contains(&name.as_str()));
        let mut put = |name: &str, value: Value| document.insert(name.to_owned(), value);
        put("client_id", self.client.id.as_str().into());
        put("client_id_issued_at", self.client.created_at.unix_timestamp().into());
        if secret::is_needed(self.client.metadata.auth_method()) {
            // RFC 7591 §3.2.1: 0 is never.
            put("client_secret_expires_at", 0.into());
        }
        if let Some(secret) = &self.secret {
            put("client_secret", secret.expose().as_str().into());
        }
        if let Some(token) = &self.registration_access_token {
            put("registration_access_token", token.expose().as_str().into());
            put("registration_client_uri", format!("{issuer}/oauth2/v1/clients/{}", self.client.id).into());
        }
        Ok(document)
    }
}

/// Registers a client (RFC 7591 §3.1).
///
/// # Errors
/// The caller may not, or the metadata is refused; nothing was written.
pub async fn register(request: &Request<'_>, document: Document) -> Result<Registered, RegistrationError> {
    let Request { app, org, registrar, caller } = *request;
    let registered_by = match registrar.may_register(app) {
        Ok(registered_by) => registered_by,
        Err(error) => return Err(refused(request, EventType::ClientCreate, error).await),
    };
    throttle(request).await?;
    let mut metadata = read(document?)?;
    check_supported(org, &metadata)?;
    metadata.consent_method = ConsentMethod::Required;
    let metadata = metadata.with_defaults();
    metadata.validate()?;
    check_sector(app, &metadata).await?;
    let now = app.now();
    let client = Client::new(ClientId::generate(app.random.as_ref()), metadata, registered_by, now);
    let token = opaque_token(app.random.as_ref());
    let secret = secret::is_needed(client.metadata.auth_method()).then(|| secret::generate(app));
    let tx = app.db.begin_write().await?;
    store::client::insert(&tx, &client).await?;
    store::registration_access_token::insert(&tx, &client.id, &TokenHash::of(token.expose()), now).await?;
    if let Some(secret) = &secret {
        insert_secret(app, &tx, &client, secret, now).await?;
    }
    log(request, &tx, &[EventType::ApplicationCreate, EventType::ClientCreate], &client).await?;
    tx.commit().await?;
    app.forget_configuration();
    tracing::info!(client.id = %client.id, by = %registered_by, ip = %caller.ip_text(), "a client was registered");
    Ok(Registered { client, secret, registration_access_token: Some(token) })
}

/// Reads a client (RFC 7592 §2.1).
///
/// # Errors
/// The caller may not, or there is no such client.
pub async fn load(request: &Request<'_>, id: &ClientId) -> Result<Registered, RegistrationError> {
    if let Err(error) = request.registrar.may_read(id) {
        return Err(refused(request, EventType::ClientUpdate, error).await);
    }
    let client = store::client::find(&request.app.db, id).await?.ok_or(RegistrationError::UnknownClient)?;
    Ok(Registered::of(client, request.registrar))
}

/// Replaces the metadata of a client (RFC 7592 §2.2). What is not in the document gets its default.
///
/// # Errors
/// The caller may not, there is no such client, or the metadata is refused; nothing was written.
pub async fn replace(
    request: &Request<'_>,
    id: &ClientId,
    document: Document,
) -> Result<Registered, RegistrationError> {
    let Request { app, org, registrar, .. } = *request;
    if let Err(error) = registrar.may_change(id) {
        return Err(refused(request, EventType::ClientUpdate, error).await);
    }
    let known = store::client::find(&app.db, id).await?.ok_or(RegistrationError::UnknownClient)?;
    let document = document?;
    check_identity(app, &known, &document)?;
    let wanted = read(document)?;
    check_supported(org, &wanted)?;
    let metadata = replacement(&known, wanted.clone(), registrar)?;
    check_sector(app, &metadata).await?;

    let now = app.now();
    let tx = app.db.begin_write().await?;
    store::client::touch(&tx, id, now).await?;
    let mut client = store::client::find_in(&tx, id).await?.ok_or(RegistrationError::UnknownClient)?;
    // What an administrator decided meanwhile holds.
    client.metadata = replacement(&client, wanted, registrar)?;
    store::client::update(&tx, &client).await?;
    let secret = keep_secrets(app, &tx, &client, now).await?;
    log(request, &tx, &[EventType::ApplicationUpdate, EventType::ClientUpdate], &client).await?;
    tx.commit().await?;
    app.forget_configuration();
    Ok(Registered { secret, ..Registered::of(client, registrar) })
}

/// Deletes a client with everything that was issued to it (RFC 7592 §2.3).
///
/// # Errors
/// The caller may not, or there is no such client.
pub async fn delete(request: &Request<'_>, id: &ClientId) -> Result<(), RegistrationError> {
    let app = request.app;
    if let Err(error) = request.registrar.may_change(id) {
        return Err(refused(request, EventType::ClientDelete, error).await);
    }
    let tx = app.db.begin_write().await?;
    let client = store::client::find_in(&tx, id).await?.ok_or(RegistrationError::UnknownClient)?;
    if !store::client::delete(&tx, id).await? {
        return Err(RegistrationError::UnknownClient);
    }
    log(request, &tx, &[EventType::ApplicationDelete, EventType::ClientDelete], &client).await?;
    tx.commit().await?;
    app.forget_configuration();
    Ok(())
}

/// Gives a client a new secret; the newest of those it had keeps working until the next time (Okta).
///
/// # Errors
/// The caller may not, there is no such client, or it has no use for a secret.
pub async fn new_secret(request: &Request<'_>, id: &ClientId) -> Result<Registered, RegistrationError> {
    let app = request.app;
    if let Err(error) = request.registrar.must_administer(&[OktaScope::ClientsManage]) {
        return Err(refused(request, EventType::ClientNewSecret, error).await);
    }
    let now = app.now();
    let tx = app.db.begin_write().await?;
    // Whoever comes at the same time waits here, and then sees the secret that was made.
    store::client::touch(&tx, id, now).await?;
    let client = store::client::find_in(&tx, id).await?.ok_or(RegistrationError::UnknownClient)?;
    if !secret::is_needed(client.metadata.auth_method()) {
        let reason = "is one that needs no secret";
        return Err(MetadataError { member: "token_endpoint_auth_method", reason }.into());
    }
    let active = client.secrets.iter().filter(|secret| secret.status == Status::Active);
    let newest = active.max_by_key(|secret| (secret.created_at, secret.id.clone()));
    let keep: Vec<ClientSecretId> = newest.map(|secret| secret.id.clone()).into_iter().collect();
    store::client::delete_secrets_except(&tx, id, &keep).await?;
    let secret = secret::generate(app);
    insert_secret(app, &tx, &client, &secret, now).await?;
    log(request, &tx, &[EventType::ClientNewSecret], &client).await?;
    tx.commit().await?;
    app.forget_configuration();
    Ok(Registered { secret: Some(secret), ..Registered::of(client, request.registrar) })
}

/// A page of all clients by id, and whether there are more (Okta).
///
/// # Errors
/// The caller may not.
pub async fn list(
    request: &Request<'_>,
    page: &store::client::Page<'_>,
) -> Result<(Vec<Registered>, More), RegistrationError> {
    let scopes = [OktaScope::ClientsRead, OktaScope::ClientsManage];
    if let Err(error) = request.registrar.must_administer(&scopes) {
        return Err(refused(request, EventType::ClientUpdate, error).await);
    }
    let one_more = store::client::Page { limit: page.limit + 1, ..page.clone() };
    let mut clients = store::client::page(&request.app.db, &one_more).await?;
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let more = if clients.len() > limit { More::Yes } else { More::No };
    clients.truncate(limit);
    Ok((clients.into_iter().map(|client| Registered::of(client, request.registrar)).collect(), more))
}

/// Whether a list goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum More {
    /// It does.
    Yes,
    /// This was the end.
    No,
}

/// Writes a refusal to the system log; like ones within a minute are gathered.
async fn refused(request: &Request<'_>, kind: EventType, error: RegistrarError) -> RegistrationError {
    let reason = match &error {
        RegistrarError::MissingToken => "missing_token",
        RegistrarError::InvalidToken(reason) => reason,
        RegistrarError::MissingScope(_) => "insufficient_scope",
        RegistrarError::Fault(_) => return error.into(),
    };
    let event = Event::failure(kind, reason);
    match record_repeated(request.app, &format!("registration\n{reason}"), event, request.caller).await {
        Ok(()) => error.into(),
        Err(fault) => fault.into(),
    }
}

/// A registration leaves a row for ever, so those that nobody administers are counted, on all nodes together.
async fn throttle(request: &Request<'_>) -> Result<(), RegistrationError> {
    let Request { app, registrar, caller, .. } = *request;
    let bucket = Bucket::Registration;
    let Some(rate) = app.rates.of(bucket) else { return Ok(()) };
    if matches!(registrar, Registrar::Administrator(..)) {
        return Ok(());
    }
    let key = bucket.key(&[&caller.ip.map(address).unwrap_or_default()]);
    let count = app.counter.hit(&key, rate.limit, rate.window, app.now()).await;
    if !count.exceeded {
        return Ok(());
    }
    record_throttled(app, bucket, caller).await?;
    Err(RegistrationError::Throttled(count))
}

/// Reads the members that a client may set of itself; `null` is as good as absent (RFC 7592 §2.2), and what is not
/// understood is ignored (RFC 7591 §2).
fn read(mut document: Map<String, Value>) -> Result<ClientMetadata, OAuthError> {
    document.retain(|name, value| !value.is_null() && !ADMINISTRATORS.contains(&name.as_str()));
    for (name, value) in &document {
        // One at a time, so that the error can say which one.
        let single = Value::Object(Map::from_iter([(name.clone(), value.clone())]));
        if serde_json::from_value::<ClientMetadata>(single).is_err() {
            let code = match name.as_str() {
                "redirect_uris" | "post_logout_redirect_uris" => ErrorCode::InvalidRedirectUri,
                _ => ErrorCode::InvalidClientMetadata,
            };
            let name: String = name.chars().take(64).collect();
            return Err(OAuthError::new(code, format!("{name}: has a wrong type or an unknown value")));
        }
    }
    serde_json::from_value(Value::Object(document))
        .map_err(|_| OAuthError::new(ErrorCode::InvalidClientMetadata, "The client metadata cannot be read."))
}

/// What this installation cannot do is refused rather than registered and forgotten (RFC 7591 §3.2.2).
fn check_supported(org: &ServerState, metadata: &ClientMetadata) -> Result<(), MetadataError> {
    let served = |grant: &GrantType| *grant == GrantType::Implicit || GRANT_TYPES.contains(grant);
    if !metadata.grant_types.iter().all(served) {
        return Err(MetadataError { member: "grant_types", reason: "has one that is not supported" });
    }
    let signing = &org.config.server.settings.signing_algorithms;
    for (member, alg) in [
        ("id_token_signed_response_alg", &metadata.id_token_signed_response_alg),
        ("userinfo_signed_response_alg", &metadata.userinfo_signed_response_alg),
        ("introspection_signed_response_alg", &metadata.introspection_signed_response_alg),
        ("authorization_signed_response_alg", &metadata.authorization_signed_response_alg),
    ] {
        let known = alg.as_deref().is_none_or(|alg| signing.iter().any(|known| known.as_str() == alg));
        if !known {
            return Err(MetadataError { member, reason: "is not supported" });
        }
    }
    let Some(jwks) = &metadata.jwks else { return Ok(()) };
    let Ok(keys) = ClientKeys::parse(jwks) else {
        return Err(MetadataError { member: "jwks", reason: "is not a set of public keys" });
    };
    if keys.is_empty() && metadata.auth_method() == AuthMethod::PrivateKeyJwt {
        return Err(MetadataError { member: "jwks", reason: "has no key that can be used" });
    }
    Ok(())
}

/// OpenID Connect Registration §5. Whatever went wrong is told alike: what a host in our network answers is nobody's
/// business.
async fn check_sector(app: &App, metadata: &ClientMetadata) -> Result<(), MetadataError> {
    sector::verify(app, metadata).await.map_err(|error| {
        tracing::info!(%error, "a sector does not vouch for a client");
        MetadataError { member: "sector_identifier_uri", reason: "does not list every redirect URI" }
    })
}

/// RFC 7592 §2.2: `client_id` names this client, `client_secret` is the one it has; neither can be chosen.
fn check_identity(
    app: &App,
    client: &Client,
    document: &Map<String, Value>,
) -> Result<(), RegistrationError> {
    if document.get("client_id").is_some_and(|id| id.as_str() != Some(client.id.as_str())) {
        return Err(MetadataError { member: "client_id", reason: "is not that of the address" }.into());
    }
    if let Some(sent) = document.get("client_secret").filter(|sent| !sent.is_null()) {
        let sent = Secret::new(sent.as_str().unwrap_or_default().to_owned());
        if !secret::is_current(app, client, &sent)? {
            return Err(MetadataError { member: "client_secret", reason: "is not the current one" }.into());
        }
    }
    Ok(())
}

/// The new metadata: what was asked for, with what an administrator decided before.
fn replacement(
    known: &Client,
    mut wanted: ClientMetadata,
    registrar: &Registrar,
) -> Result<ClientMetadata, MetadataError> {
    let before = &known.metadata;
    wanted.consent_method = before.consent_method;
    wanted.introspect = before.introspect;
    wanted.profile = before.profile;
    wanted.wildcard_redirect = before.wildcard_redirect;
    wanted.okta_scopes.clone_from(&before.okta_scopes);
    // RFC 9700 §2.1.1: a client that needs PKCE cannot talk itself out of it, not even by becoming another kind.
    if matches!(registrar, Registrar::Client(..)) && before.requires_pkce() {
        if wanted.pkce_required == Some(false) {
            return Err(MetadataError { member: "pkce_required", reason: "cannot be turned off" });
        }
        wanted.pkce_required = Some(true);
    }
    let wanted = wanted.with_defaults();
    wanted.validate()?;
    Ok(wanted)
}

/// Keeps the secrets that the authentication method can use; makes one if it needs one and there is none.
async fn keep_secrets(
    app: &App,
    tx: &Tx,
    client: &Client,
    now: OffsetDateTime,
) -> Result<Option<Secret<String>>, Fault> {
    let method = client.metadata.auth_method();
    let usable = |secret: &&ClientSecret| {
        secret::is_needed(method)
            && match secret.custody {
                SecretCustody::Sealed(_) => method == AuthMethod::ClientSecretJwt,
                SecretCustody::Digest(_) => method != AuthMethod::ClientSecretJwt,
            }
    };
    let keep: Vec<&ClientSecret> = client.secrets.iter().filter(usable).collect();
    let ids: Vec<ClientSecretId> = keep.iter().map(|secret| secret.id.clone()).collect();
    store::client::delete_secrets_except(tx, &client.id, &ids).await?;
    if !secret::is_needed(method) || keep.iter().any(|secret| secret.status == Status::Active) {
        return Ok(None);
    }
    let secret = secret::generate(app);
    insert_secret(app, tx, client, &secret, now).await?;
    Ok(Some(secret))
}

async fn insert_secret(
    app: &App,
    tx: &Tx,
    client: &Client,
    secret: &Secret<String>,
    now: OffsetDateTime,
) -> Result<(), Fault> {
    let stored = secret::store(app, &client.id, client.metadata.auth_method(), secret, now)?;
    store::client::insert_secret(tx, &client.id, &stored).await
}

/// Writes what happened to a client.
async fn log(request: &Request<'_>, tx: &Tx, kinds: &[EventType], client: &Client) -> Result<(), Fault> {
    let Request { app, registrar, caller, .. } = *request;
    let by = match registrar {
        Registrar::Anyone => RegisteredBy::Anyone.as_str(),
        Registrar::InitialAccessToken => RegisteredBy::InitialAccessToken.as_str(),
        Registrar::Client(id, _) | Registrar::Administrator(id, _) => id.as_str(),
    };
    for kind in kinds {
        let event = Event::new(*kind).client(&client.id).with("by", by).with("name", client.name());
        event.insert(tx, caller, app.random.as_ref(), app.now()).await?;
    }
    Ok(())
}
