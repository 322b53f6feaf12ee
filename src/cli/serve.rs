//! `stepgate serve`: the production server.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{CliError, connect, output, shutdown};
use crate::{
    app::App,
    config::Config,
    jobs, router,
    server::{self, Listener},
    setup::{self, Purpose},
    store::Database,
    telemetry::{self, Metrics},
};

/// Run the server.
#[derive(clap::Args, Debug)]
pub(super) struct Serve {
    /// The configuration file
    #[arg(long, env = "STEPGATE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the settings in effect, with secrets masked, and exit
    #[arg(long)]
    print_config: bool,
    /// Do not bring the schema up to date; refuse to start when it is not
    #[arg(long)]
    no_migrate: bool,
}

pub(super) async fn run(command: Serve) -> Result<(), CliError> {
    let config = connect::load(command.config.as_deref())?;
    if command.print_config {
        output::print(config.masked()?.trim_end());
        return Ok(());
    }
    telemetry::install_logs(config.logs.format, &config.logs.filter)?;
    let metrics = Arc::new(Metrics::install()?);
    let app = Arc::new(connect::connect(&config).await?);
    bring_schema(&app.db, command.no_migrate).await?;
    setup::prepare(&app, Purpose::Production).await?;
    Box::pin(listen(&config, app, metrics)).await
}

async fn listen(config: &Config, app: Arc<App>, metrics: Arc<Metrics>) -> Result<(), CliError> {
    // The internal listener outlives the public one: while requests finish, it tells that we are not ready.
    let (stop, stop_internal) = (CancellationToken::new(), CancellationToken::new());
    let settings = server::Settings::of(config);
    let public = server::bind(config, &stop)?;
    let certificates = &config.client_certificates;
    if let (Some(file), Some(authorities)) =
        (&certificates.authorities, &app.settings.client_certificates.authorities)
    {
        let (file, authorities) = (file.clone(), authorities.clone());
        tokio::spawn(server::watch_authorities(file, authorities, server::RELOAD_EVERY, stop.clone()));
    }
    let internal = config.internal.address.iter().map(Listener::plain).collect::<Result<Vec<_>, _>>()?;
    shutdown::on_signal(Arc::clone(&app), stop.clone(), || {})?;
    tokio::spawn({
        let (metrics, stop) = (Arc::clone(&metrics), stop_internal.clone());
        async move { metrics.upkeep(stop).await }
    });
    let health = tokio::spawn(server::serve(
        internal,
        router::internal(Arc::clone(&app), Arc::clone(&metrics)),
        settings.clone(),
        stop_internal.clone(),
    ));
    let jobs = jobs::spawn_all(&app, &stop);
    for issuer in warm_up(&app).await? {
        tracing::info!(%issuer, "serving");
    }
    app.ready.store(true, Ordering::SeqCst);
    server::serve(public, router::public(Arc::clone(&app), Some(metrics)), settings, stop).await;
    jobs.wait().await;
    stop_internal.cancel();
    // It ends with its token; a panic in it is in the log already.
    let _ = health.await;
    app.db.clone().close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Reads every active authorization server before the first request does; returns the issuers.
pub(super) async fn warm_up(app: &App) -> Result<Vec<String>, CliError> {
    let mut issuers = Vec::new();
    for server in crate::store::server::list(&app.db).await? {
        if let Some(state) = app.server(server.id.as_str()).await? {
            issuers.push(state.issuer.clone());
        }
    }
    Ok(issuers)
}

/// Brings the schema up to date. Of several nodes that start at once one does the work, and the others, whose steps
/// then fail, wait for it.
pub(super) async fn bring_schema(db: &Database, no_migrate: bool) -> Result<(), CliError> {
    let mut pending = db.pending_migrations().await?;
    if no_migrate && !pending.is_empty() {
        return Err(CliError::PendingMigrations(pending));
    }
    let mut idle_rounds = 0;
    while !pending.is_empty() {
        let Err(fault) = db.migrate().await else { break };
        tokio::time::sleep(RETRY).await;
        let left = db.pending_migrations().await?;
        idle_rounds = if left.len() < pending.len() { 0 } else { idle_rounds + 1 };
        if idle_rounds > IDLE_ROUNDS {
            return Err(fault.into());
        }
        pending = left;
    }
    Ok(())
}

const RETRY: Duration = Duration::from_millis(300);
const IDLE_ROUNDS: u32 = 3;
