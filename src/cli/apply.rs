//! `stepgate apply`: configuration from a file.

use std::path::PathBuf;

use super::{CliError, connect, output};
use crate::{
    seed,
    setup::{self, Purpose},
};

/// Apply users, groups, clients and authorization servers from a YAML file.
#[derive(clap::Args, Debug)]
pub(super) struct Apply {
    /// The file
    file: PathBuf,
    /// The configuration file of the server
    #[arg(long, env = "STEPGATE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) async fn run(command: Apply) -> Result<(), CliError> {
    let app = connect::connect(&connect::load(command.config.as_deref())?).await?;
    let pending = app.db.pending_migrations().await?;
    if !pending.is_empty() {
        return Err(CliError::PendingMigrations(pending));
    }
    setup::prepare(&app, Purpose::Production).await?;
    let applied = seed::apply_file(&app, &command.file).await;
    app.db.close().await;
    output::print(&format!("Applied {}: {}", command.file.display(), applied?));
    Ok(())
}
