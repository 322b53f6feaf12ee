//! The command line: one binary, one subcommand a file. Administrative commands write to the database directly; a
//! running server sees their changes within a second.
//!
//! Secrets come from the terminal, standard input, `{env:NAME}` or `{file:PATH}`, never from an argument: arguments are
//! seen by everybody on the machine.

mod api_token;
mod apply;
mod authenticator;
mod client;
mod connect;
mod demo;
mod dev;
mod error;
mod factor_profile;
mod healthcheck;
mod keys;
mod migrate;
mod openapi;
mod output;
mod secret_input;
mod serve;
mod shutdown;
mod user;
mod yubikey;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use error::CliError;

/// A self-hosted OpenID Connect provider and OAuth 2.0 authorization server that speaks Okta's API.
#[derive(Parser, Debug)]
#[command(name = "stepgate", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run a development server with demo data and an embedded database
    Dev(dev::Dev),
    /// Run the server
    Serve(serve::Serve),
    /// Bring the database schema to the newest version
    Migrate(migrate::Migrate),
    /// Apply users, groups, clients and authorization servers from a YAML file
    Apply(apply::Apply),
    /// Manage users
    User(user::UserCommand),
    /// Manage API tokens, with which programs act for administrators
    ApiToken(api_token::ApiTokenCommand),
    /// Manage profiles of custom one-time password tokens
    FactorProfile(factor_profile::FactorProfileCommand),
    /// Manage YubiKeys, which users enrol once they were imported
    Yubikey(yubikey::YubikeyCommand),
    /// Manage OAuth clients
    Client(client::ClientCommand),
    /// Manage signing keys
    Keys(keys::KeysCommand),
    /// Approve sign-ins from a terminal
    Authenticator(authenticator::AuthenticatorCommand),
    /// Print the OpenAPI document
    Openapi,
    /// Ask a running server whether it is ready; exits 0 if it is, 1 if not
    Healthcheck(healthcheck::Healthcheck),
}

/// Runs the program; the exit code is 0, 1 after a failure, or 2 for wrong arguments or settings.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    crate::server::install_crypto_provider();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::failure(&CliError::from(error)),
    };
    let outcome = runtime.block_on(Box::pin(dispatch(cli.command)));
    // A blocked reader of the terminal must not keep the process alive.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output::failure(&error),
    }
}

async fn dispatch(command: Command) -> Result<(), CliError> {
    match command {
        Command::Dev(command) => dev::run(command).await,
        Command::Serve(command) => serve::run(command).await,
        Command::Migrate(command) => migrate::run(command).await,
        Command::Apply(command) => apply::run(command).await,
        Command::User(command) => user::run(command).await,
        Command::ApiToken(command) => api_token::run(command).await,
        Command::FactorProfile(command) => factor_profile::run(command).await,
        Command::Yubikey(command) => yubikey::run(command).await,
        Command::Client(command) => client::run(command).await,
        Command::Keys(command) => keys::run(command).await,
        Command::Authenticator(command) => authenticator::run(command).await,
        Command::Openapi => openapi::run(),
        Command::Healthcheck(command) => healthcheck::run(command).await,
    }
}
