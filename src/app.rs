//! [`App`]: every long-lived dependency, built once and handed down. No globals.

use std::sync::{Arc, atomic::AtomicBool};

use keys::{MasterKey, RotationPolicy};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use crate::{
    cache::{
        Counter,
        clients::Clients,
        memory::MemoryCounter,
        origins::Origins,
        policies::Policies,
        remote_jwks::RemoteJwks,
        request_objects::RequestObjects,
        servers::{ServerState, Servers},
    },
    client::certificate::Authorities,
    factor::push_waiters::PushWaiters,
    fault::Fault,
    id::{AuthorizationServerId, ClientId},
    limit::rate::Rates,
    message::dev_outbox::DevOutbox,
    model::authorization_server::{ServerSettings, TokenLifetimes},
    ports::{clock::Clock, fetch::Fetch, mailer::Mailer, random::Random, sms::Sms, voice::Voice},
    secret::{Secret, TokenHash},
    signing_key,
    store::{self, Database},
    syslog::repeats::Repeats,
    user::credentials::PasswordHasher,
};

/// Lifetimes of sign-on sessions.
#[derive(Clone, Copy, Debug)]
pub struct SessionSettings {
    /// Without use for this long, a session is over.
    pub idle: Duration,
    /// After this long, a session is over whatever happens.
    pub absolute: Duration,
}

/// How signing keys are kept.
#[derive(Clone, Copy, Debug)]
pub struct KeySettings {
    /// When keys are published, begin to sign, retire and leave.
    pub rotation: RotationPolicy,
}

/// Who may register clients (RFC 7591 §3).
#[derive(Clone, Debug, Default)]
pub struct RegistrationSettings {
    /// Whether anybody may, without a token.
    pub open: bool,
    /// The tokens that the operator gave out for it.
    pub initial_access_tokens: Vec<TokenHash>,
}

/// To which phones messages go, and how many: text messages and calls cost money (toll fraud).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PhoneSettings {
    /// The country codes that messages are sent to (ITU-T E.164), without plus sign; empty: all.
    pub countries: Vec<String>,
    /// Messages to the phones of one country within an hour.
    pub per_country_and_hour: u32,
}

impl Default for PhoneSettings {
    fn default() -> Self {
        Self { countries: Vec::new(), per_country_and_hour: 1000 }
    }
}

/// `SameSite` of the cookies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SameSite {
    /// Sent with cross-site POSTs and frames too: every POST carries a form token instead.
    None,
    /// Sent with top-level navigations only.
    Lax,
}

/// What the whole program needs to know about this installation, validated.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The org issuer: scheme and authority, no trailing slash. Everything public is derived from it.
    pub issuer: String,
    /// Whether this is `stepgate dev`: pages show developers what went wrong, and the playground exists.
    pub dev: bool,
    /// Sign-on sessions.
    pub session: SessionSettings,
    /// Signing keys.
    pub keys: KeySettings,
    /// Who may register clients.
    pub registration: RegistrationSettings,
    /// `SameSite` of the cookies.
    pub same_site: SameSite,
    /// The largest form, in bytes, and how long it may take to arrive.
    pub form: (usize, std::time::Duration),
    /// How far the clocks of others may be off.
    pub clock_skew: Duration,
    /// How long a pending authorization request waits for its user.
    pub flow_lifetime: Duration,
    /// How long a pushed authorization request can be opened (RFC 9126 §2.2).
    pub pushed_request_lifetime: Duration,
    /// How long system log events are kept.
    pub log_retention: Duration,
    /// The client that the playground uses, in `dev`.
    pub playground_client: Option<ClientId>,
    /// The client that plays a device in the playground, in `dev`.
    pub playground_device_client: Option<ClientId>,
    /// What `dev` made for trying things out.
    pub demo: Option<Demo>,
    /// Algorithms and lifetimes of new authorization servers.
    pub server_defaults: ServerSettings,
    /// Token lifetimes where an authorization server has no access policy.
    pub token_lifetimes: TokenLifetimes,
    /// Client certificates (RFC 8705).
    pub client_certificates: ClientCertificates,
    /// To which phones messages go.
    pub phone: PhoneSettings,
    /// Other origins at which passkeys of this installation are used (Web Authentication Level 3 §5.11).
    pub related_origins: Vec<String>,
}

/// Where client certificates are asked for, and who may vouch for them.
#[derive(Clone, Debug, Default)]
pub struct ClientCertificates {
    /// The public origin where certificates are asked for, without trailing slash; absent: certificates are not offered.
    pub base_url: Option<String>,
    /// The authorities of `tls_client_auth` (RFC 8705 §2.1).
    pub authorities: Option<Authorities>,
}

impl ClientCertificates {
    /// Host and port of the origin where certificates are asked for.
    pub fn authority(&self) -> Option<&str> {
        self.base_url.as_deref()?.split_once("://").map(|(_, authority)| authority)
    }
}

/// The user and the clients that `stepgate dev` makes once, so that everything can be tried at once.
#[derive(Clone, Debug)]
pub struct Demo {
    /// The login of the demo user.
    pub login: String,
    /// The password that the demo user was made with.
    pub password: Secret<String>,
    /// When it was set; absent: the user has another one by now.
    pub password_since: Option<OffsetDateTime>,
    /// The login of an administrator with an API token; a folder that was made before there was one has none.
    pub administrator: Option<(String, Secret<String>)>,
    /// A confidential client that signs users in.
    pub web_client_id: ClientId,
    /// Its secret.
    pub web_client_secret: Secret<String>,
    /// A public client that runs in browsers.
    pub spa_client_id: ClientId,
    /// A public client that is installed on devices; a folder that was made before there was one has none.
    pub native_client_id: Option<ClientId>,
    /// A client that acts for itself (RFC 6749 §4.4).
    pub service_client_id: ClientId,
    /// Its secret.
    pub service_client_secret: Secret<String>,
}

impl Settings {
    /// The settings of an installation at `issuer`, with defaults for the rest.
    pub fn new(issuer: impl Into<String>) -> Self {
        let issuer = issuer.into();
        let clock_skew = Duration::seconds(60);
        Self {
            dev: false,
            session: SessionSettings { idle: Duration::hours(2), absolute: Duration::hours(12) },
            keys: KeySettings { rotation: signing_key::rotation_policy(clock_skew) },
            registration: RegistrationSettings::default(),
            same_site: if issuer.starts_with("https:") { SameSite::None } else { SameSite::Lax },
            form: (64 * 1024, std::time::Duration::from_secs(30)),
            clock_skew,
            flow_lifetime: Duration::minutes(15),
            pushed_request_lifetime: Duration::minutes(1),
            log_retention: Duration::days(90),
            playground_client: None,
            playground_device_client: None,
            demo: None,
            server_defaults: ServerSettings::default(),
            token_lifetimes: TokenLifetimes::default(),
            client_certificates: ClientCertificates::default(),
            phone: PhoneSettings::default(),
            related_origins: Vec::new(),
            issuer,
        }
    }

    /// Whether the public side is https.
    pub fn is_https(&self) -> bool {
        self.issuer.starts_with("https:")
    }

    /// Host and port of the issuer, as a `Host` header names them.
    pub fn authority(&self) -> &str {
        self.issuer.split_once("://").map_or("", |(_, authority)| authority)
    }

    /// The port of the issuer.
    pub fn port(&self) -> u16 {
        url::Url::parse(&self.issuer).ok().and_then(|url| url.port_or_known_default()).unwrap_or(443)
    }
}

/// Keys derived from the master key, one for each purpose.
pub struct DerivedKeys {
    /// Forms: HMAC over flow, step and browser.
    pub csrf: Zeroizing<[u8; 32]>,
    /// Signed cookies.
    pub cookie: Zeroizing<[u8; 32]>,
    /// Client secrets at rest.
    pub client_secret: Zeroizing<[u8; 32]>,
    /// Refresh tokens: a child is derived from its parent.
    pub refresh_token: Zeroizing<[u8; 32]>,
    /// User codes at rest: too short for a plain hash.
    pub user_code: Zeroizing<[u8; 32]>,
    /// Nonces of DPoP proofs: an HMAC over the time.
    pub dpop_nonce: Zeroizing<[u8; 32]>,
    /// Cursors of lists.
    pub cursor: Zeroizing<[u8; 32]>,
    /// The OP browser state of a session (Session Management 1.0 §3.2).
    pub browser_state: Zeroizing<[u8; 32]>,
    /// Codes that are sent, and the names under which their destinations are counted: too short for a plain hash.
    pub factor: Zeroizing<[u8; 32]>,
    /// Recovery codes at rest: too short for a plain hash.
    pub recovery_code: Zeroizing<[u8; 32]>,
}

impl DerivedKeys {
    /// Derives all of them.
    pub fn new(master: &MasterKey) -> Self {
        Self {
            csrf: master.derive("csrf"),
            cookie: master.derive("cookie"),
            client_secret: master.derive("client-secret"),
            refresh_token: master.derive("refresh-token"),
            user_code: master.derive("user-code"),
            dpop_nonce: master.derive("dpop-nonce"),
            cursor: master.derive("cursor"),
            browser_state: master.derive("browser-state"),
            factor: master.derive("factor"),
            recovery_code: master.derive("recovery-code"),
        }
    }
}

/// The real or faked outside world.
pub struct Ports {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Outbound fetches, safe against forged targets.
    pub fetch: Arc<dyn Fetch>,
    /// Counters of the rate limiter.
    pub counter: Arc<dyn Counter>,
    /// How messages to users leave.
    pub couriers: Couriers,
}

/// How messages to users leave; what is absent is not configured.
#[derive(Clone, Default)]
pub struct Couriers {
    /// Mail.
    pub mailer: Option<Arc<dyn Mailer>>,
    /// Text messages.
    pub sms: Option<Arc<dyn Sms>>,
    /// Calls.
    pub voice: Option<Arc<dyn Voice>>,
}

/// Every long-lived dependency.
pub struct App {
    /// What is configured.
    pub settings: Settings,
    /// The database.
    pub db: Database,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Outbound fetches.
    pub fetch: Arc<dyn Fetch>,
    /// Counters of the rate limiter.
    pub counter: Arc<dyn Counter>,
    /// How messages to users leave.
    pub couriers: Couriers,
    /// The messages that `dev` shows.
    pub dev_outbox: DevOutbox,
    /// Counters of this node alone, against floods.
    pub floods: MemoryCounter,
    /// How much of everything a caller may have.
    pub rates: Rates,
    /// Password hashing behind a bounded queue.
    pub passwords: PasswordHasher,
    /// The master key.
    pub master: MasterKey,
    /// Keys derived from it.
    pub derived: DerivedKeys,
    /// Authorization servers with signers and prebuilt documents.
    pub servers: Servers,
    /// Clients.
    pub clients: Clients,
    /// Origins that browsers may call from.
    pub origins: Origins,
    /// Policies about signing in.
    pub policies: Policies,
    /// Failures of anonymous callers that were logged lately.
    pub repeats: Repeats,
    /// Clients' key sets fetched from their `jwks_uri`.
    pub remote_jwks: RemoteJwks,
    /// Request objects fetched from clients' `request_uris`.
    pub request_objects: RequestObjects,
    /// The devices that wait here to be asked.
    pub push_waiters: PushWaiters,
    /// Whether this process takes requests: set once it is prepared, cleared when it begins to stop.
    pub ready: AtomicBool,
}

impl App {
    /// Puts everything together; nothing is read or written yet.
    pub fn new(
        settings: Settings,
        db: Database,
        ports: Ports,
        passwords: PasswordHasher,
        (master, rates): (MasterKey, Rates),
    ) -> Self {
        Self {
            derived: DerivedKeys::new(&master),
            settings,
            db,
            clock: ports.clock,
            random: ports.random,
            fetch: ports.fetch,
            counter: ports.counter,
            couriers: ports.couriers,
            dev_outbox: DevOutbox::default(),
            floods: MemoryCounter::new(100_000),
            rates,
            passwords,
            master,
            servers: Servers::default(),
            clients: Clients::default(),
            origins: Origins::default(),
            policies: Policies::default(),
            repeats: Repeats::default(),
            remote_jwks: RemoteJwks::default(),
            request_objects: RequestObjects::default(),
            push_waiters: PushWaiters::default(),
            ready: AtomicBool::new(false),
        }
    }

    /// The current time.
    pub fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    /// An active authorization server with its signers and documents, read when it is not remembered.
    ///
    /// # Errors
    /// The database failed, or a key cannot be used.
    pub async fn server(&self, id: &str) -> Result<Option<Arc<ServerState>>, Fault> {
        self.servers.find(id, async |id: &AuthorizationServerId| self.load_server(id).await).await
    }

    async fn load_server(&self, id: &AuthorizationServerId) -> Result<Option<ServerState>, Fault> {
        let Some(config) = store::server::find(&self.db, id).await? else { return Ok(None) };
        if !store::server::is_active(&config.server) {
            return Ok(None);
        }
        let keys = store::signing_key::list(&self.db, id).await?;
        let unseal = |stored: &store::signing_key::StoredKey| signing_key::unseal(&self.master, stored);
        let mtls = self.settings.client_certificates.base_url.as_deref();
        ServerState::build(config, keys, (&self.settings.issuer, mtls), unseal).map(Some)
    }

    /// Drops every cache of configuration: something was changed, here or elsewhere.
    pub fn forget_configuration(&self) {
        self.servers.clear();
        self.clients.clear();
        self.origins.clear();
        self.policies.clear();
    }
}
