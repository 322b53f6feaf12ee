//! `stepgate keys`: signing keys.

use ::keys::{Algorithm, Timing};
use clap::Subcommand;

use super::{CliError, connect::Target, output};
use crate::{
    app::App,
    model::authorization_server::AuthorizationServer,
    signing_key::{self, RevokeError},
    store,
};

/// Manage signing keys.
#[derive(clap::Args, Debug)]
pub(super) struct KeysCommand {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// List signing keys
    List(Server),
    /// Publish a new key, which takes over once every verifier can know it
    Rotate(Rotate),
    /// Withdraw a key at once: nothing that it signed verifies any more
    Revoke(Revoke),
}

#[derive(clap::Args, Debug)]
struct Server {
    /// The id of an authorization server; all of them when left out
    #[arg(long, value_name = "ID")]
    server: Option<String>,
}

#[derive(clap::Args, Debug)]
struct Rotate {
    #[command(flatten)]
    server: Server,
    /// An algorithm; all that are configured when left out
    #[arg(long, value_name = "ALG")]
    alg: Option<Algorithm>,
    /// Take over at once: verifiers that have cached the key set must fetch it again
    #[arg(long)]
    now: bool,
}

#[derive(clap::Args, Debug)]
struct Revoke {
    /// The id of the key
    // A thumbprint in base64url may begin with a hyphen (RFC 7638 §3.1).
    #[arg(allow_hyphen_values = true)]
    kid: String,
}

pub(super) async fn run(command: KeysCommand) -> Result<(), CliError> {
    let action = command.action;
    command
        .target
        .run(async |app| match action {
            Action::List(server) => list(app, &server).await,
            Action::Rotate(action) => rotate(app, action).await,
            Action::Revoke(action) => revoke(app, &action.kid).await,
        })
        .await
}

async fn servers(app: &App, wanted: &Server) -> Result<Vec<AuthorizationServer>, CliError> {
    let mut servers = store::server::list(&app.db).await?;
    if let Some(id) = &wanted.server {
        servers.retain(|server| server.id.as_str() == id);
        if servers.is_empty() {
            return Err(CliError::NotFound { what: "authorization server", name: id.clone() });
        }
    }
    Ok(servers)
}

async fn list(app: &App, wanted: &Server) -> Result<(), CliError> {
    let mut rows = Vec::new();
    for server in servers(app, wanted).await? {
        for key in store::signing_key::list(&app.db, &server.id).await? {
            let record = key.record;
            let time = |at: Option<time::OffsetDateTime>| at.map(output::time).unwrap_or_default();
            rows.push(vec![
                server.id.to_string(),
                record.algorithm.as_str().to_owned(),
                record.state.as_str().to_owned(),
                output::time(record.published_at),
                time(record.activated_at.or(record.activate_at)),
                time(record.remove_at),
                record.kid,
            ]);
        }
    }
    output::table(&["SERVER", "ALG", "STATE", "PUBLISHED", "ACTIVE FROM", "REMOVED AT", "KID"], &rows);
    Ok(())
}

async fn rotate(app: &App, action: Rotate) -> Result<(), CliError> {
    let timing = if action.now { Timing::Now } else { Timing::AfterPublication };
    let mut rotated = 0;
    for server in servers(app, &action.server).await? {
        let configured = &server.settings.signing_algorithms;
        for &algorithm in configured.iter().filter(|&&known| action.alg.is_none_or(|alg| alg == known)) {
            let changed = signing_key::rotate(app, &server.id, algorithm, timing).await?;
            rotated += 1;
            let outcome = match (changed, timing) {
                (true, Timing::Now) => "a new key signs from now on",
                (true, Timing::AfterPublication) => {
                    "a new key is published; it signs as soon as no cached key set can lack it"
                }
                (false, _) => "a rotation is under way already",
            };
            output::print(&format!("{} {algorithm}: {outcome}", server.id));
        }
    }
    if rotated == 0 {
        return Err(CliError::Usage("no authorization server is configured for that algorithm".to_owned()));
    }
    Ok(())
}

async fn revoke(app: &App, kid: &str) -> Result<(), CliError> {
    for server in store::server::list(&app.db).await? {
        match signing_key::revoke(app, &server.id, kid).await {
            Ok(()) => {
                output::print(&format!("{} {kid}: revoked", server.id));
                return Ok(());
            }
            Err(RevokeError::UnknownKey) => {}
            Err(RevokeError::Fault(fault)) => return Err(fault.into()),
        }
    }
    Err(CliError::NotFound { what: "published key", name: kid.to_owned() })
}
