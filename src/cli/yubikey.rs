//! `stepgate yubikey`: the YubiKeys of the installation (Okta `/api/v1/org/factors/yubikey_token/tokens`).

use std::path::PathBuf;

use clap::Subcommand;

use super::{
    CliError,
    connect::{Target, caller},
    output,
};
use crate::{
    app::App,
    factor::yubikey_tokens::{self as tokens, Listed, NewToken, YubikeyTokenError},
    user::directory_order::{Place, Sort, SortOrder},
};

/// YubiKeys that are listed at once.
const PAGE: usize = 500;

/// Manage YubiKeys, of which users enrol those that were imported.
#[derive(clap::Args, Debug)]
pub(super) struct YubikeyCommand {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Import the file that Yubico's personalisation tools leave: all of its YubiKeys, or none
    Import(Import),
    /// List YubiKeys
    List,
    /// Remove a YubiKey that nobody uses
    Remove(Remove),
}

#[derive(clap::Args, Debug)]
struct Import {
    /// Lines of serial number, public id (modhex), private id and AES key (hexadecimal) between commas; what follows is ignored
    file: PathBuf,
}

#[derive(clap::Args, Debug)]
struct Remove {
    /// Its serial number
    serial: String,
}

pub(super) async fn run(command: YubikeyCommand) -> Result<(), CliError> {
    let action = command.action;
    command
        .target
        .run(async |app| match action {
            Action::Import(action) => import(app, &action).await,
            Action::List => list(app).await,
            Action::Remove(action) => remove(app, &action.serial).await,
        })
        .await
}

fn failed(error: YubikeyTokenError, refused: impl FnOnce(String) -> CliError) -> CliError {
    match error {
        YubikeyTokenError::Fault(fault) => fault.into(),
        YubikeyTokenError::InUse | YubikeyTokenError::Taken => refused(error.to_string()),
    }
}

async fn import(app: &App, action: &Import) -> Result<(), CliError> {
    let text = std::fs::read_to_string(&action.file)
        .map_err(|error| CliError::Usage(format!("{}: {error}", action.file.display())))?;
    let refused = |line: usize, problem: String| {
        CliError::Usage(format!("{}:{line}: {problem}", action.file.display()))
    };
    let tx = app.db.begin_write().await?;
    let mut imported = 0_usize;
    for (number, line) in (1..).zip(text.lines()) {
        // Empty lines and comments; the tools write `LOGGING START` before what they log.
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with("LOGGING START") {
            continue;
        }
        let new = NewToken::of_line(line).map_err(|error| refused(number, error.to_string()))?;
        let done = tokens::import(app, &tx, &new, &caller()).await;
        done.map_err(|error| failed(error, |problem| refused(number, problem)))?;
        imported = imported.saturating_add(1);
    }
    tx.commit().await?;
    output::print(&format!("{imported} YubiKeys imported"));
    Ok(())
}

async fn list(app: &App) -> Result<(), CliError> {
    let by_serial = Sort { by: "profile.serial".to_owned(), order: SortOrder::Ascending };
    let mut rows = Vec::new();
    let mut after: Option<Place> = None;
    loop {
        let found = tokens::list(app, (None, Some(&by_serial)), after.as_ref(), PAGE).await?;
        rows.extend(found.tokens.iter().map(row));
        after = found.next.as_deref().and_then(Place::read);
        if after.is_none() {
            break;
        }
    }
    output::table(&["ID", "SERIAL", "PUBLIC ID", "STATUS", "USER"], &rows);
    Ok(())
}

fn row(listed: &Listed) -> Vec<String> {
    let token = &listed.token;
    vec![
        token.id.to_string(),
        token.serial.clone(),
        token.public_id.clone(),
        token.status().as_str().to_owned(),
        listed.user.as_ref().map(|user| user.login.clone()).unwrap_or_default(),
    ]
}

async fn remove(app: &App, serial: &str) -> Result<(), CliError> {
    let unknown = || CliError::NotFound { what: "YubiKey", name: serial.to_owned() };
    let token = tokens::find_by_serial(app, serial).await?.ok_or_else(unknown)?;
    let tx = app.db.begin_write().await?;
    let removed = tokens::remove(app, &tx, &token, &caller()).await;
    removed.map_err(|error| failed(error, CliError::Usage))?;
    tx.commit().await?;
    output::print(&format!("{}  removed  {}", token.id, token.serial));
    Ok(())
}
