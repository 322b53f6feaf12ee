//! The application under test: served over a real socket, on a database of its own, with a clock that tests move.

use std::sync::Arc;

use keys::MasterKey;
use stepgate::{
    app::{App, ClientCertificates, Couriers, Ports, Settings},
    cache::{Counter, memory::MemoryCounter, redis::RedisCounter},
    client::certificate::Authorities,
    config::{Address, TlsFiles},
    limit::rate::{Bucket, Rate, Rates},
    ports::{clock::ShiftedClock, fetch::FakeFetch, random::SystemRandom},
    router,
    server::{self, CertificateHeader},
    setup::{self, Purpose},
    store::{self, Database as Store, db::DatabaseSettings},
    user::credentials::{PasswordHasher, PasswordHashing},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    certificate::{Authority, Issued},
    database::Database,
    fixtures,
    mailbox::Post,
    services::Services,
    trial::Backend,
};

/// An application and what it stands on; all of it goes away with this value.
pub(crate) struct TestApp {
    /// What the application runs on.
    pub(crate) backend: Backend,
    /// The URL of Redis, where the backend has one.
    pub(crate) redis_url: Option<String>,
    /// The application itself, to look at and to arrange things behind its back.
    pub(crate) app: Arc<App>,
    /// Its clock.
    pub(crate) clock: Arc<ShiftedClock>,
    /// What its outbound fetches get.
    pub(crate) fetch: Arc<FakeFetch>,
    /// Where its messages arrive.
    pub(crate) post: Post,
    /// The org issuer: where it is served.
    pub(crate) issuer: String,
    _stop: DropGuard,
    database: Database,
}

/// What an application keeps things in.
type Stores = (Backend, Database, Option<String>);
/// What is around an application.
type Outside = (Arc<ShiftedClock>, Arc<FakeFetch>, Post);

/// How an application under test differs from the usual one.
#[derive(Default)]
pub(crate) struct Change {
    /// Settings to change.
    pub(crate) settings: Option<fn(&mut Settings)>,
    /// Budgets to replace.
    pub(crate) rates: Vec<(Bucket, Rate)>,
    /// Where client certificates are asked for, and who vouches for them.
    pub(crate) client_certificates: ClientCertificates,
    /// Whether messages have nobody to carry them.
    pub(crate) no_couriers: bool,
}

impl TestApp {
    /// A new application on a fresh database.
    pub(crate) async fn new(services: &Services, backend: Backend) -> Self {
        let (database, redis_url) = match backend {
            Backend::Sqlite => (services.sqlite().database().await, None),
            Backend::Postgres => (services.postgres().database().await, None),
            Backend::PostgresRedis => {
                (services.postgres().database().await, Some(services.redis().database()))
            }
        };
        Self::start((backend, database, redis_url), &Change::default()).await
    }

    async fn start(stores: Stores, change: &Change) -> Self {
        let address: Address = "127.0.0.1:0".parse().unwrap();
        let listener = server::Listener::plain(&address).unwrap();
        Self::serve((listener, "http"), stores, <(_, _, _)>::default(), change).await
    }

    async fn serve(
        (listener, scheme): (server::Listener, &str),
        (backend, database, redis_url): Stores,
        (clock, fetch, post): Outside,
        change: &Change,
    ) -> Self {
        let issuer = format!("{scheme}://localhost:{}", listener.local_addr().unwrap().port());
        let app = app(database.url(), &issuer, redis_url.as_deref(), (&clock, &fetch, &post), change).await;
        point_org_server_at(&app, &issuer).await;
        app.ready.store(true, std::sync::atomic::Ordering::SeqCst);
        let stop = CancellationToken::new();
        let settings = server_settings();
        let endpoint = router::public(Arc::clone(&app), None);
        tokio::spawn(server::serve(vec![listener], endpoint, settings, stop.clone()));
        Self { backend, redis_url, app, clock, fetch, post, issuer, _stop: stop.drop_guard(), database }
    }

    /// The same database and port-independent state behind a second process: another node.
    pub(crate) async fn second_node(&self) -> Node {
        let address: Address = "127.0.0.1:0".parse().unwrap();
        let listener = server::Listener::plain(&address).unwrap();
        self.node(listener, &Change::default(), server_settings()).await
    }

    /// A second process that asks clients for certificates (RFC 8705): at `https://localhost:<port>`, which is also the
    /// address it offers.
    pub(crate) async fn mtls_node(&self, authority: &Authority) -> Node {
        let certificate = certificate(&authority.issue("localhost"));
        let listener = server::Listener::mtls(&"127.0.0.1:0".parse().unwrap(), certificate).unwrap();
        let base_url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let client_certificates = ClientCertificates {
            base_url: Some(base_url),
            authorities: Some(Authorities::from_pem(authority.pem().as_bytes()).unwrap()),
        };
        let change = Change { client_certificates, ..Change::default() };
        self.node(listener, &change, server_settings()).await
    }

    /// A second process behind a reverse proxy that forwards certificates; only these networks are trusted.
    pub(crate) async fn proxied_node(
        &self,
        authority: &Authority,
        header: CertificateHeader,
        trusted: &[&str],
    ) -> Node {
        let listener = server::Listener::plain(&"127.0.0.1:0".parse().unwrap()).unwrap();
        let client_certificates = ClientCertificates {
            base_url: None,
            authorities: Some(Authorities::from_pem(authority.pem().as_bytes()).unwrap()),
        };
        let change = Change { client_certificates, ..Change::default() };
        let settings = server::Settings {
            trusted_proxies: trusted.iter().map(|network| network.parse().unwrap()).collect(),
            certificate_header: Some(header),
            ..server_settings()
        };
        self.node(listener, &change, settings).await
    }

    async fn node(&self, listener: server::Listener, change: &Change, settings: server::Settings) -> Node {
        let address = listener.local_addr().unwrap();
        let app = app(
            self.database.url(),
            &self.issuer,
            self.redis_url.as_deref(),
            (&self.clock, &self.fetch, &self.post),
            change,
        )
        .await;
        let stop = CancellationToken::new();
        let endpoint = router::public(Arc::clone(&app), None);
        tokio::spawn(server::serve(vec![listener], endpoint, settings, stop.clone()));
        Node { app, address, _stop: stop.drop_guard() }
    }

    /// Serves the same database again with other settings, as after a restart.
    pub(crate) async fn restart(self, change: Change) -> Self {
        let Self { backend, redis_url, app, _stop, database, .. } = self;
        drop(_stop);
        drop(app);
        Self::start((backend, database, redis_url), &change).await
    }

    /// The same after a crash: at the same address and time, on the same database, with nothing that was kept in memory.
    pub(crate) async fn restart_in_place(self) -> Self {
        let Self { backend, redis_url, app, clock, fetch, post, _stop, database, .. } = self;
        let address: Address = format!("127.0.0.1:{}", app.settings.port()).parse().unwrap();
        drop(_stop);
        drop(app);
        let began = std::time::Instant::now();
        let listener = loop {
            // The socket closes as soon as the old process notices.
            match server::Listener::plain(&address) {
                Ok(listener) => break listener,
                Err(error) => assert!(began.elapsed() < std::time::Duration::from_secs(5), "{error}"),
            }
            tokio::task::yield_now().await;
        };
        let stores = (backend, database, redis_url);
        Self::serve((listener, "http"), stores, (clock, fetch, post), &Change::default()).await
    }

    /// The same over TLS, by a certificate that nobody but the browser of a test takes.
    pub(crate) async fn restart_with_tls(self) -> Self {
        let Self { backend, redis_url, app, clock, fetch, post, _stop, database, .. } = self;
        drop(_stop);
        drop(app);
        let certificate = certificate(&Issued::by_itself("localhost"));
        let listener = server::Listener::tls(&"127.0.0.1:0".parse().unwrap(), certificate).unwrap();
        let stores = (backend, database, redis_url);
        Self::serve((listener, "https"), stores, (clock, fetch, post), &Change::default()).await
    }

    /// What may befall an application in the middle of anything: a restart, or that Redis loses everything.
    pub(crate) async fn interrupted(self) -> Self {
        if self.redis_url.is_none() {
            return self.restart_in_place().await;
        }
        self.empty_redis();
        self
    }

    /// The URL of the database, as the configuration takes it.
    pub(crate) fn database_url(&self) -> &str {
        self.database.url()
    }

    /// A URL below the issuer.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }

    /// A client of the JSON endpoints.
    pub(crate) fn client(&self) -> super::http::Client {
        super::http::Client::new(&self.issuer)
    }
}

/// A second process on the same database; it answers for the same issuer at another address.
pub(crate) struct Node {
    /// Its application.
    pub(crate) app: Arc<App>,
    /// Where it listens.
    pub(crate) address: std::net::SocketAddr,
    _stop: DropGuard,
}

/// A certificate as a server takes it.
fn certificate(own: &Issued) -> Arc<server::Certificate> {
    let folder = tempfile::tempdir().unwrap();
    let files = TlsFiles { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    std::fs::write(&files.certificate, &own.certificate).unwrap();
    std::fs::write(&files.key, &own.key).unwrap();
    server::Certificate::load(files).unwrap()
}

fn server_settings() -> server::Settings {
    server::Settings {
        timeouts: stepgate::config::Timeouts::default(),
        max_connections: 1000,
        trusted_proxies: Vec::new(),
        certificate_header: None,
    }
}

async fn app(
    database_url: &str,
    issuer: &str,
    redis_url: Option<&str>,
    (clock, fetch, post): (&Arc<ShiftedClock>, &Arc<FakeFetch>, &Post),
    change: &Change,
) -> Arc<App> {
    let db = Store::connect(&DatabaseSettings { connections: 4, ..DatabaseSettings::new(database_url) })
        .await
        .unwrap();
    let random = Arc::new(SystemRandom);
    let counter: Arc<dyn Counter> = match redis_url {
        Some(url) => {
            Arc::new(RedisCounter::connect(url, stepgate::cache::redis::RedisOptions::default()).unwrap())
        }
        None => Arc::new(MemoryCounter::new(10_000)),
    };
    let ports = Ports {
        clock: Arc::clone(clock) as _,
        random: Arc::clone(&random) as _,
        fetch: Arc::clone(fetch) as _,
        counter,
        couriers: if change.no_couriers { Couriers::default() } else { post.couriers() },
    };
    // Cheap parameters: what is tested is not how long a hash takes.
    let hashing = PasswordHashing { memory_kib: 64, iterations: 1, lanes: 1, permits: Some(2), queue: 512 };
    let passwords = PasswordHasher::new(&hashing, random).unwrap();
    let mut rates = Rates::default();
    // Tests sign in faster than people.
    rates.set(Bucket::SignInUsername, Rate::per_minute(100_000));
    rates.set(Bucket::SignInFailure, Rate::per_minute(100_000));
    for (bucket, rate) in &change.rates {
        rates.set(*bucket, *rate);
    }
    let mut settings = Settings::new(issuer);
    settings.client_certificates = change.client_certificates.clone();
    if let Some(adjust) = change.settings {
        adjust(&mut settings);
    }
    Arc::new(App::new(settings, db, ports, passwords, (master_key(), rates)))
}

fn master_key() -> MasterKey {
    MasterKey::from_text(b"0101010101010101010101010101010101010101010101010101010101010101").unwrap()
}

/// The template was made before the port was known.
async fn point_org_server_at(app: &App, issuer: &str) {
    let tx = app.db.begin_write().await.unwrap();
    let org = stepgate::id::AuthorizationServerId::new("org");
    let mut server = store::server::find_in(&tx, &org).await.unwrap().unwrap().server;
    issuer.clone_into(&mut server.audience);
    store::server::update(&tx, &server).await.unwrap();
    tx.commit().await.unwrap();
}

/// Makes an empty database what every test starts from, and leaves no connection open.
pub(crate) async fn prepare(database_url: &str) {
    let clock = Arc::new(ShiftedClock::default());
    let fetch = Arc::new(FakeFetch::default());
    let app =
        app(database_url, "http://localhost", None, (&clock, &fetch, &Post::default()), &Change::default())
            .await;
    app.db.migrate().await.unwrap();
    setup::prepare(&app, Purpose::Production).await.unwrap();
    fixtures::write(&app).await;
    app.db.clone().close().await;
}
