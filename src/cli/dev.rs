//! `stepgate dev`: everything to try out, in one command.

use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};

use ::keys::MasterKey;
use tokio_util::sync::CancellationToken;

use super::{
    CliError, connect,
    demo::{self, PrivateFolder, create_private},
    output, serve, shutdown,
};
use crate::{
    app::{App, Demo},
    config::{Address, Config, DevOptions, Fetch, Messages, process_environment},
    fault::Fault,
    id::{ClientId, base62},
    jobs,
    ports::random::SystemRandom,
    router, seed,
    server::{self, Listener},
    setup::{self, DEMO_SCOPE, Purpose},
    store, telemetry,
};

/// Run a development server with demo data and an embedded database.
#[derive(clap::Args, Debug)]
pub(super) struct Dev {
    /// The port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The address to listen on instead of 127.0.0.1 and ::1
    #[arg(long, value_name = "ADDR", requires = "issuer")]
    listen: Option<IpAddr>,
    /// The issuer: an https origin, or an http one on localhost
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// The folder for database, master key and credentials, or `:memory:` for one that goes away at exit
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// Apply this YAML file instead of making demo data
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,
    /// Let anybody register a client
    #[arg(long, env = "STEPGATE_REGISTRATION__OPEN")]
    open_registration: bool,
    /// A host that may be fetched from although its address is private; may be repeated
    #[arg(long, value_name = "HOST")]
    fetch_allow_host: Vec<String>,
    /// A PEM file with certificates to trust when fetching, beside the public authorities
    #[arg(long, value_name = "FILE")]
    fetch_ca: Option<PathBuf>,
}

pub(super) async fn run(command: Dev) -> Result<(), CliError> {
    // The port first: nothing is made for a server that cannot start.
    let (listeners, port) = bind(command.port, command.listen)?;
    let (data, folder) = data_folder(&command.data)?;
    let fetch =
        Fetch { allow_hosts: command.fetch_allow_host, extra_ca: command.fetch_ca, ..Fetch::default() };
    let options = DevOptions {
        port,
        listen: command.listen,
        issuer: command.issuer,
        data,
        fetch,
        open_registration: command.open_registration,
        messages: Messages::from_environment(&process_environment())?,
    };
    let mut config = Config::dev(options)?;
    // The steps of the schema are of no interest here.
    config.logs.filter = "info,sea_orm_migration=warn".to_owned();
    telemetry::install_logs(config.logs.format, &config.logs.filter)?;
    let mut app = open(&config).await?;
    let demo = match &command.seed {
        Some(file) => {
            let applied = seed::apply_file(&app, file).await?;
            output::note(&format!("Applied {}: {applied}", file.display()));
            None
        }
        None => demo::ensure(&app, &config.data).await?,
    };
    app.settings.playground_client = demo::playground_client(&app, demo.as_ref()).await?;
    app.settings.playground_device_client = demo::playground_device_client(&app).await?;
    app.settings.demo = demo;
    let app = Arc::new(app);
    let issuers = serve::warm_up(&app).await?;

    let stop = CancellationToken::new();
    let private = folder.as_ref().map(|folder| folder.0.clone());
    shutdown::on_signal(Arc::clone(&app), stop.clone(), move || drop(private.map(PrivateFolder)))?;
    let jobs = jobs::spawn_all(&app, &stop);
    app.ready.store(true, Ordering::SeqCst);
    announce(&app, &config, &issuers, port);
    server::serve(listeners, router::public(Arc::clone(&app), None), server::Settings::of(&config), stop)
        .await;
    jobs.wait().await;
    app.db.clone().close().await;
    Ok(())
}

fn bind(port: u16, listen: Option<IpAddr>) -> Result<(Vec<Listener>, u16), CliError> {
    let first = bind_one(SocketAddr::new(listen.unwrap_or(Ipv4Addr::LOCALHOST.into()), port))?;
    let port = first.local_addr().map_or(port, |address| address.port());
    let mut listeners = vec![first];
    if listen.is_none() {
        // Browsers try ::1 first for `localhost`: what listens there must be us, or nobody.
        match bind_one(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port)) {
            Ok(listener) => listeners.push(listener),
            Err(error @ CliError::PortTaken { .. }) => return Err(error),
            Err(_) => output::note("note: IPv6 is off on this machine; listening on 127.0.0.1 only"),
        }
    }
    Ok((listeners, port))
}

fn bind_one(address: SocketAddr) -> Result<Listener, CliError> {
    Listener::plain(&Address::Tcp(address)).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => {
            CliError::PortTaken { port: address.port(), by: format!(" on {}", address.ip()) }
        }
        _ => error.into(),
    })
}

/// Makes the data folder; `:memory:` is one of its own that goes away with the value beside it.
fn data_folder(wanted: &Path) -> Result<(PathBuf, Option<PrivateFolder>), CliError> {
    let in_memory = wanted.as_os_str() == ":memory:";
    let path = if in_memory {
        std::env::temp_dir().join(format!("stepgate-{}", base62(&SystemRandom, 12)))
    } else {
        wanted.to_owned()
    };
    let mut builder = std::fs::DirBuilder::new();
    builder.mode(0o700).recursive(!in_memory).create(&path).map_err(|error| CliError::file(&path, &error))?;
    let folder = in_memory.then(|| PrivateFolder(path.clone()));
    Ok((path, folder))
}

async fn open(config: &Config) -> Result<App, CliError> {
    let master = master_key(&config.data)?;
    let db = connect::database_of(config).await?;
    serve::bring_schema(&db, false).await?;
    if store::installation::find(&db).await?.is_some_and(|installation| !installation.dev) {
        let path = config.data.join("stepgate.db");
        return Err(CliError::file(&path, "is a production database; name another folder with --data"));
    }
    let mut app = connect::build(config, db, master)?;
    app.settings.dev = true;
    setup::prepare(&app, Purpose::Development).await?;
    Ok(app)
}

/// Reads the master key of the data folder, or makes it for a new database.
fn master_key(data: &Path) -> Result<MasterKey, CliError> {
    let path = data.join("master.key");
    if path.exists() {
        return read_master_key(&path);
    }
    if data.join("stepgate.db").exists() {
        return Err(CliError::file(
            &path,
            "is missing, and the database beside it cannot be read without it; restore it, or delete the folder to start anew",
        ));
    }
    let key = MasterKey::generate().map_err(|error| Fault::Crypto(error.to_string()))?;
    create_private(&path, &format!("{}\n", key.to_text().as_str()))?;
    Ok(key)
}

/// Reads a master key file that nobody else may read.
pub(super) fn read_master_key(path: &Path) -> Result<MasterKey, CliError> {
    let refuse = |problem: &dyn ToString| CliError::file(path, &problem.to_string());
    let mode = std::fs::metadata(path).map_err(|error| refuse(&error))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(refuse(&format!("can be read by others; run: chmod 600 {}", path.display())));
    }
    let content = zeroize::Zeroizing::new(std::fs::read(path).map_err(|error| refuse(&error))?);
    MasterKey::from_text(&content).map_err(|error| refuse(&error))
}

fn announce(app: &App, config: &Config, issuers: &[String], port: u16) {
    let issuer = &app.settings.issuer;
    let mut lines = vec![
        String::new(),
        format!("Stepgate {} · development server", env!("CARGO_PKG_VERSION")),
        String::new(),
        row("Start page", &format!("{issuer}/")),
    ];
    if app.settings.playground_client.is_some() {
        lines.push(row("Playground", &format!("{issuer}/playground")));
    }
    lines.push(row("Outbox", &format!("{issuer}/outbox")));
    let mut label = "Issuers";
    for issuer in issuers {
        lines.push(row(label, issuer));
        label = "";
    }
    if let Some(demo) = &app.settings.demo {
        lines.extend(credentials(issuer, demo));
    }
    lines.push(String::new());
    lines.push(row("Data", &config.data.display().to_string()));
    lines.push(row("", "Ctrl+C stops the server."));
    lines.push(String::new());
    output::print(&lines.join("\n"));
    output::print(&format!("STEPGATE_READY {}", ready(app, port)));
}

fn row(label: &str, value: &str) -> String {
    format!("  {label:<15}{value}").trim_end().to_owned()
}

fn credentials(issuer: &str, demo: &Demo) -> Vec<String> {
    let secret = demo.service_client_secret.expose();
    let password = match demo.password_since {
        Some(_) => demo.password.expose().as_str(),
        None => "changed by you",
    };
    vec![
        String::new(),
        row("Demo user", &demo.login),
        row("  password", password),
        row("Administrator", demo.administrator.as_ref().map_or("-", |(login, _)| login)),
        row("  API token", demo.administrator.as_ref().map_or("-", |(_, token)| token.expose().as_str())),
        row("Web client", demo.web_client_id.as_str()),
        row("  secret", demo.web_client_secret.expose()),
        row("SPA client", demo.spa_client_id.as_str()),
        row("Device client", demo.native_client_id.as_ref().map_or("-", ClientId::as_str)),
        row("Service client", demo.service_client_id.as_str()),
        row("  secret", secret),
        String::new(),
        "  A token for the service client:".to_owned(),
        String::new(),
        format!("    curl -u '{}:{secret}' \\", demo.service_client_id),
        format!("      -d grant_type=client_credentials -d scope={DEMO_SCOPE} \\"),
        format!("      {issuer}/oauth2/default/v1/token"),
    ]
}

/// What scripts need to go on, as JSON.
fn ready(app: &App, port: u16) -> serde_json::Value {
    let demo = app.settings.demo.as_ref();
    serde_json::json!({
        "issuer": app.settings.issuer,
        "port": port,
        "pid": std::process::id(),
        "login": demo.map(|demo| demo.login.as_str()),
        "web_client_id": demo.map(|demo| demo.web_client_id.as_str()),
        "spa_client_id": demo.map(|demo| demo.spa_client_id.as_str()),
        "native_client_id": demo.and_then(|demo| demo.native_client_id.as_ref()).map(ClientId::as_str),
        "service_client_id": demo.map(|demo| demo.service_client_id.as_str()),
    })
}
