//! `stepgate migrate`: the schema.

use std::path::PathBuf;

use super::{CliError, connect, output, serve};

/// Bring the database schema to the newest version.
#[derive(clap::Args, Debug)]
pub(super) struct Migrate {
    /// The configuration file
    #[arg(long, env = "STEPGATE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Change nothing; fail if there are pending steps
    #[arg(long)]
    check: bool,
}

pub(super) async fn run(command: Migrate) -> Result<(), CliError> {
    let db = connect::database_of(&connect::load(command.config.as_deref())?).await?;
    connect::refuse_dev_database(&db).await?;
    let pending = db.pending_migrations().await?;
    if pending.is_empty() {
        output::print("The schema is up to date.");
        return Ok(());
    }
    if command.check {
        return Err(CliError::PendingMigrations(pending));
    }
    serve::bring_schema(&db, false).await?;
    for step in &pending {
        output::print(&format!("applied {step}"));
    }
    db.close().await;
    Ok(())
}
