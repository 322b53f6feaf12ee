//! `stepgate factor-profile`: how the codes of custom one-time password tokens are made (Okta `token:hotp`).

use clap::Subcommand;

use super::{
    CliError,
    connect::{Target, caller},
    output,
};
use crate::{
    app::App,
    factor::profiles::{self, FactorProfileError},
    model::factor_profile::{FactorProfile, HmacAlgorithm, Moving, SecretEncoding, TokenSettings},
    store,
};

/// Manage profiles of custom one-time password tokens.
#[derive(clap::Args, Debug)]
pub(super) struct FactorProfileCommand {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Add a profile; its id is what an enrolment names
    Add(Add),
    /// List profiles
    List,
    /// Remove a profile that no token is enrolled with
    Remove(Remove),
}

#[derive(clap::Args, Debug)]
struct Add {
    /// What it is called
    name: String,
    /// `HMacSHA1`, `HMacSHA256` or `HMacSHA512`
    #[arg(long, default_value = "HMacSHA1", value_parser = algorithm)]
    hmac_algorithm: HmacAlgorithm,
    /// Digits of a code: 6, 7 or 8
    #[arg(long, default_value_t = 6)]
    pass_code_length: u8,
    /// How shared secrets are written: `base32`, `base64` or `hexadecimal`
    #[arg(long, default_value = "base32", value_parser = encoding)]
    encoding: SecretEncoding,
    /// Seconds a code lives (RFC 6238) [default: 30]
    #[arg(long)]
    time_step: Option<u32>,
    /// Steps that the clock of a token may be off [default: 1]
    #[arg(long)]
    clock_drift_interval: Option<u32>,
    /// The token counts (RFC 4226): codes that are looked at behind the last one
    #[arg(long, conflicts_with_all = ["time_step", "clock_drift_interval"])]
    look_ahead: Option<u32>,
}

#[derive(clap::Args, Debug)]
struct Remove {
    /// Its name
    name: String,
}

fn algorithm(text: &str) -> Result<HmacAlgorithm, &'static str> {
    text.parse().map_err(|_| "write HMacSHA1, HMacSHA256 or HMacSHA512")
}

fn encoding(text: &str) -> Result<SecretEncoding, &'static str> {
    text.parse().map_err(|_| "write base32, base64 or hexadecimal")
}

pub(super) async fn run(command: FactorProfileCommand) -> Result<(), CliError> {
    let action = command.action;
    command
        .target
        .run(async |app| match action {
            Action::Add(action) => add(app, &action).await,
            Action::List => list(app).await,
            Action::Remove(action) => remove(app, &action.name).await,
        })
        .await
}

fn failed(error: FactorProfileError) -> CliError {
    match error {
        FactorProfileError::Fault(fault) => fault.into(),
        FactorProfileError::Name
        | FactorProfileError::Taken
        | FactorProfileError::Settings(_)
        | FactorProfileError::InUse => CliError::Usage(error.to_string()),
    }
}

async fn add(app: &App, action: &Add) -> Result<(), CliError> {
    let clock = (action.time_step, action.clock_drift_interval);
    let settings = TokenSettings {
        algorithm: action.hmac_algorithm,
        digits: action.pass_code_length,
        encoding: action.encoding,
        moving: Moving::of(action.look_ahead, clock).map_err(|error| failed(error.into()))?,
    };
    let tx = app.db.begin_write().await?;
    let profile = profiles::create(app, &tx, (&action.name, settings), &caller()).await.map_err(failed)?;
    tx.commit().await?;
    output::print(&format!("{}  {}", profile.id, profile.name));
    Ok(())
}

async fn list(app: &App) -> Result<(), CliError> {
    let profiles = store::factor_profile::list(&app.db).await?;
    let rows: Vec<Vec<String>> = profiles.iter().map(row).collect();
    output::table(&["ID", "ALGORITHM", "DIGITS", "ENCODING", "CODES", "NAME"], &rows);
    Ok(())
}

fn row(profile: &FactorProfile) -> Vec<String> {
    let settings = &profile.settings;
    vec![
        profile.id.to_string(),
        settings.algorithm.to_string(),
        settings.digits.to_string(),
        settings.encoding.to_string(),
        match settings.moving {
            Moving::Time { time_step, drift } => format!("every {time_step} s, \u{b1}{drift}"),
            Moving::Counter { look_ahead } => format!("counted, {look_ahead} ahead"),
        },
        profile.name.clone(),
    ]
}

async fn remove(app: &App, name: &str) -> Result<(), CliError> {
    let tx = app.db.begin_write().await?;
    let profile = store::factor_profile::find_by_name_in(&tx, name).await?;
    let unknown = || CliError::NotFound { what: "factor profile", name: name.to_owned() };
    let profile = profile.ok_or_else(unknown)?;
    profiles::remove(app, &tx, &profile, &caller()).await.map_err(failed)?;
    tx.commit().await?;
    output::print(&format!("{}  removed  {}", profile.id, profile.name));
    Ok(())
}
