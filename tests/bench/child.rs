//! The server under load, in a process of its own: the same binary started again. Production settings throughout;
//! what it serves was prepared by a first start on the same database.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use keys::{Algorithm, MasterKey};
use serde_json::{Value, json};
use stepgate::{
    app::{App, Ports, Settings},
    cache::memory::MemoryCounter,
    client,
    config::Timeouts,
    id::{AuthorizationServerId, ClientId, ScopeId, UserId},
    limit::rate::Rates,
    model::{
        authorization_server::{Scope, ScopeConsent, ServerSettings},
        client::{Client, RegisteredBy},
        user::{Profile, User},
    },
    ports::{clock::SystemClock, fetch::FakeFetch, random::SystemRandom},
    protocol::client_metadata::ClientMetadata,
    router,
    secret::Secret,
    server,
    setup::{self, Purpose},
    signing_key,
    store::{self, Database, db::DatabaseSettings},
    telemetry::Metrics,
    user::{
        credentials::{PasswordHasher, PasswordHashing},
        login::LoginKey,
    },
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::load;

/// Tells a started copy of this binary what it is.
const ROLE: &str = "STEPGATE_BENCH_ROLE";
const DATABASE: &str = "STEPGATE_BENCH_DATABASE";
const PORT: &str = "STEPGATE_BENCH_PORT";

/// The password of every user.
pub(crate) const PASSWORD: &str = "Correct-Horse-1";
/// How many users there are.
pub(crate) const USERS: usize = 2000;
/// A confidential client that signs users in and refreshes, with rotation.
pub(crate) const WEB: &str = "web";
/// A machine that may introspect every token of its server.
pub(crate) const SERVICE: &str = "service";
/// A machine that acts for the users of access tokens it is given.
pub(crate) const EXCHANGE: &str = "exchange";
/// A public client on devices.
pub(crate) const DEVICE: &str = "device";
/// The secret of those that have one.
pub(crate) const SECRET: &str = "a-secret-of-more-than-thirty-two-characters";
/// The redirect URI of [`WEB`].
pub(crate) const REDIRECT_URI: &str = "https://app.example.com/callback";
/// The authorization server that signs with ES256.
pub(crate) const ES256_SERVER: &str = "aus";

/// What a process of this binary is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// Answers every request with the same 200.
    Null,
    /// Makes the database and ends.
    Prepare,
    /// Serves.
    Serve,
}

impl Role {
    const ALL: [(Self, &str); 3] = [(Self::Null, "null"), (Self::Prepare, "prepare"), (Self::Serve, "serve")];

    /// The role that this process was started for; none is the benchmark itself.
    pub(crate) fn of_this_process() -> Option<Self> {
        let name = std::env::var(ROLE).ok()?;
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(role, _)| *role)
    }

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(role, _)| *role == self).map_or("", |(_, name)| name)
    }

    /// Does what the role asks for, until the process that started this one closes its end of standard input.
    pub(crate) fn run(self) {
        let port = std::env::var(PORT).ok().and_then(|port| port.parse().ok()).unwrap_or(0);
        let url = std::env::var(DATABASE).unwrap_or_default();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            match self {
                Self::Prepare => prepare(&url, port).await,
                Self::Null => {
                    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.expect("a free port");
                    tokio::select! { () = load::null_server(listener) => {}, () = parent_is_gone() => {} }
                }
                Self::Serve => {
                    tokio::select! { () = serve(&url, port) => {}, () = parent_is_gone() => {} }
                }
            }
        });
    }
}

async fn parent_is_gone() {
    let (gone, is_gone) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // Ends with the pipe.
        let ended = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = gone.send(ended);
    });
    let _ = is_gone.await;
}

/// How passwords are hashed: as in production.
pub(crate) fn hashing() -> PasswordHashing {
    PasswordHashing::default()
}

async fn app(url: &str, port: u16) -> App {
    let db = Database::connect(&DatabaseSettings::new(url)).await.expect("a database");
    let random = Arc::new(SystemRandom);
    let ports = Ports {
        clock: Arc::new(SystemClock),
        random: Arc::clone(&random) as _,
        fetch: Arc::new(FakeFetch::default()),
        counter: Arc::new(MemoryCounter::new(100_000)),
        couriers: stepgate::app::Couriers::default(),
    };
    let passwords = PasswordHasher::new(&hashing(), random).expect("argon2 threads");
    let master = MasterKey::from_text(b"0101010101010101010101010101010101010101010101010101010101010101")
        .expect("a master key");
    let settings = Settings::new(format!("http://localhost:{port}"));
    App::new(settings, db, ports, passwords, (master, Rates::default()))
}

async fn serve(url: &str, port: u16) {
    let metrics = Arc::new(Metrics::install().expect("a recorder"));
    let listener = server::Listener::plain(&format!("127.0.0.1:{port}").parse().expect("an address"))
        .expect("a free port");
    let app = Arc::new(app(url, port).await);
    app.db.migrate().await.expect("a schema");
    setup::prepare(&app, Purpose::Production).await.expect("a prepared database");
    app.ready.store(true, std::sync::atomic::Ordering::SeqCst);
    let stop = CancellationToken::new();
    let upkeep = Arc::clone(&metrics);
    let ends = stop.clone();
    tokio::spawn(async move { upkeep.upkeep(ends).await });
    let settings = server::Settings {
        timeouts: Timeouts::default(),
        max_connections: 10_000,
        trusted_proxies: Vec::new(),
        certificate_header: None,
    };
    server::serve(vec![listener], router::public(app, Some(metrics)), settings, stop).await;
}

async fn prepare(url: &str, port: u16) {
    let app = app(url, port).await;
    app.db.migrate().await.expect("a schema");
    setup::prepare(&app, Purpose::Production).await.expect("a prepared database");
    let now = app.now();
    let hash = app.passwords.hash(Secret::new(PASSWORD.to_owned())).await.expect("a hash");
    let aus = AuthorizationServerId::new(ES256_SERVER);
    let tx = app.db.begin_write().await.expect("a transaction");
    for number in 0..USERS {
        let login = login(number);
        let profile = json!({"firstName": "User", "lastName": number.to_string(), "email": login});
        let user = User {
            password_hash: Some(hash.clone()),
            password_changed_at: Some(now),
            ..User::new(
                UserId::generate(&SystemRandom),
                &login,
                Profile(profile.as_object().cloned().unwrap_or_default()),
                now,
            )
        };
        let key = LoginKey::normalize(&login).expect("a login");
        store::user::insert(&tx, &user, key.as_str()).await.expect("a user");
    }
    let mut server = setup::new_server(&app, (ES256_SERVER, "ES256", "api://es256"), now);
    server.settings = ServerSettings {
        signing_algorithms: vec![Algorithm::Es256, Algorithm::Rs256],
        ..ServerSettings::default()
    };
    store::server::insert(&tx, &server).await.expect("a server");
    for scope in setup::system_scopes(&app, &server) {
        store::server::upsert_scope(&tx, &aus, &scope).await.expect("a scope");
    }
    store::server::upsert_scope(&tx, &aus, &api_scope()).await.expect("a scope");
    for (id, metadata) in [
        (
            WEB,
            json!({
                "client_name": "A web application",
                "redirect_uris": [REDIRECT_URI],
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "refresh_token": {"rotation_type": "ROTATE", "leeway": 30},
            }),
        ),
        (
            SERVICE,
            json!({
                "client_name": "A service",
                "application_type": "service",
                "grant_types": ["client_credentials"],
                "introspect": "server",
            }),
        ),
        (
            EXCHANGE,
            json!({
                "client_name": "A service behind a service",
                "application_type": "service",
                "grant_types": ["client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"],
            }),
        ),
        (
            DEVICE,
            json!({
                "client_name": "A device",
                "application_type": "native",
                "redirect_uris": ["http://127.0.0.1/callback"],
                "grant_types": [
                    "authorization_code",
                    "refresh_token",
                    "urn:ietf:params:oauth:grant-type:device_code",
                ],
            }),
        ),
    ] {
        insert_client(&app, &tx, id, metadata).await;
    }
    tx.commit().await.expect("a commit");
    signing_key::maintain(&app, &aus, &server.settings.signing_algorithms).await.expect("keys");
    app.db.clone().close().await;
}

/// The login of a user.
pub(crate) fn login(number: usize) -> String {
    format!("user{number}@example.com")
}

fn api_scope() -> Scope {
    Scope {
        id: ScopeId::generate(&SystemRandom),
        name: setup::DEMO_SCOPE.to_owned(),
        display_name: None,
        description: None,
        consent: ScopeConsent::Implicit,
        optional: false,
        default: true,
        published: true,
        system: false,
        sensitive: false,
    }
}

async fn insert_client(app: &App, tx: &store::db::Tx, id: &str, metadata: Value) {
    let now = app.now();
    let metadata: ClientMetadata = serde_json::from_value(metadata).expect("client metadata");
    let metadata = metadata.with_defaults();
    metadata.validate().expect("valid client metadata");
    let method = metadata.auth_method();
    let new = Client::new(ClientId::new(id), metadata, RegisteredBy::Administrator, now);
    store::client::insert(tx, &new).await.expect("a client");
    let stored = client::secret::store(app, &new.id, method, &Secret::new(SECRET.to_owned()), now);
    store::client::insert_secret(tx, &new.id, &stored.expect("a secret")).await.expect("a stored secret");
}

/// A started copy of this binary; dropping it ends it.
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// From the start of the process to its first 200.
    pub(crate) started_in: Duration,
}

impl Server {
    /// Starts a server and waits until `probe` is answered with 200.
    pub(crate) async fn start(role: Role, url: &str, port: u16, probe: &str) -> Self {
        let begun = Instant::now();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut server = Self { child: spawn(role, url, port), address, started_in: Duration::ZERO };
        let request = super::scenarios::get(address, probe, "");
        while !answers(address, &request).await {
            assert!(begun.elapsed() < START_LIMIT, "the server did not start");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.started_in = begun.elapsed();
        server
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in MiB (proc(5), `VmRSS`).
    pub(crate) fn resident(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().unwrap_or(0.0);
        kib / 1024.0
    }
}

async fn answers(address: SocketAddr, request: &[u8]) -> bool {
    match load::Connection::open(address, Ipv4Addr::LOCALHOST).await {
        Ok(mut connection) => connection.exchange(request).await.is_ok_and(|answer| answer.status == 200),
        Err(_) => false,
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Makes a database and what is in it.
pub(crate) fn prepare_database(url: &str, port: u16) {
    let status = spawn(Role::Prepare, url, port).wait().expect("a child process");
    assert!(status.success(), "the database could not be prepared: {status}");
}

fn spawn(role: Role, url: &str, port: u16) -> Child {
    Command::new(std::env::current_exe().expect("this binary"))
        .env(ROLE, role.name())
        .env(DATABASE, url)
        .env(PORT, port.to_string())
        .stdin(Stdio::piped())
        .spawn()
        .expect("this binary starts again")
}

const START_LIMIT: Duration = Duration::from_secs(30);
