//! Why a command failed, in words for whoever typed it.

use std::{path::PathBuf, process::ExitCode};

use crate::{
    config::ConfigError,
    fault::Fault,
    protocol::client_metadata::MetadataError,
    seed::SeedError,
    setup::SetupError,
    telemetry::TelemetryError,
    user::{lifecycle::ChangeNotAllowed, password::PasswordError, recovery::RecoveryError},
};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The settings were refused.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The arguments do not go together, or one has a value that cannot be.
    #[error("{0}")]
    Usage(String),
    /// The database is one of `stepgate dev`.
    #[error(
        "this database was made by `stepgate dev`: its keys and demo credentials must not serve anybody; use another one"
    )]
    DevDatabase,
    /// The schema is older than this program.
    #[error("the database schema is not up to date; run `stepgate migrate` (pending: {})", .0.join(", "))]
    PendingMigrations(Vec<String>),
    /// The database cannot be used.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The file with configuration was refused.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// A port is in use.
    #[error("port {port} is already in use{by}; stop what uses it, or choose another one: stepgate dev --port {}", .port.wrapping_add(1))]
    PortTaken {
        /// The port.
        port: u16,
        /// On which address.
        by: String,
    },
    /// What a command is about does not exist.
    #[error("there is no {what} \"{name}\"")]
    NotFound {
        /// The kind of object.
        what: &'static str,
        /// What was asked for.
        name: String,
    },
    /// The user's status does not permit the change.
    #[error("{0}")]
    ChangeNotAllowed(#[from] ChangeNotAllowed),
    /// A client's metadata is not consistent.
    #[error("the client's metadata is refused: {0}")]
    Metadata(#[from] MetadataError),
    /// A file cannot be used.
    #[error("{}: {problem}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The server is not ready.
    #[error("not ready: {0}")]
    NotReady(String),
    /// Logs or metrics cannot be set up.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The database, cryptography or the system failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl CliError {
    /// 2 where another call of the command would help, 1 where something else has to change.
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) | Self::Usage(_) => ExitCode::from(2),
            Self::DevDatabase
            | Self::PendingMigrations(_)
            | Self::Setup(_)
            | Self::Seed(_)
            | Self::PortTaken { .. }
            | Self::NotFound { .. }
            | Self::ChangeNotAllowed(_)
            | Self::Metadata(_)
            | Self::File { .. }
            | Self::NotReady(_)
            | Self::Telemetry(_)
            | Self::Fault(_) => ExitCode::FAILURE,
        }
    }

    pub(super) fn file(path: &std::path::Path, problem: &(impl ToString + ?Sized)) -> Self {
        Self::File { path: path.to_owned(), problem: problem.to_string() }
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        Self::Fault(error.into())
    }
}

impl From<PasswordError> for CliError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Fault(fault) => Self::Fault(fault),
            PasswordError::Status(status) => Self::ChangeNotAllowed(status),
            PasswordError::Busy => Self::Fault(Fault::Overloaded("password hashing")),
            PasswordError::NotAllowed
            | PasswordError::WrongPassword
            | PasswordError::Locked
            | PasswordError::TooYoung { .. }
            | PasswordError::Weak(_) => Self::Usage(error.to_string()),
        }
    }
}

impl From<RecoveryError> for CliError {
    fn from(error: RecoveryError) -> Self {
        match error {
            RecoveryError::Fault(fault) => Self::Fault(fault),
            RecoveryError::Status(status) => Self::ChangeNotAllowed(status),
            RecoveryError::Busy => Self::Fault(Fault::Overloaded("password hashing")),
            RecoveryError::Throttled(_)
            | RecoveryError::NotAllowed
            | RecoveryError::UnknownUser
            | RecoveryError::Unknown
            | RecoveryError::Spent
            | RecoveryError::WrongCode
            | RecoveryError::WrongAnswer
            | RecoveryError::Locked
            | RecoveryError::SentRecently(_)
            | RecoveryError::TooManyMessages
            | RecoveryError::Invalid { .. } => Self::Usage(error.to_string()),
        }
    }
}
