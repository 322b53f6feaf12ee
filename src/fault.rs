//! Faults: what goes wrong below the rules (database, cryptography, input and output).
//!
//! A verdict ("no, because …") is an error of the module that reached it; a [`Fault`] means that no
//! verdict could be reached. Denials are committed, faults leave nothing behind.

/// The reason why no verdict could be reached. Its text goes to the log, never to a caller.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Fault {
    /// The database refused or could not be reached.
    #[error("database: {0}")]
    Database(String),
    /// The database took a transaction back because another one got in its way.
    #[error("database: {0}")]
    Conflict(String),
    /// The database or the writer is too busy; the caller may try again.
    #[error("overloaded: {0}")]
    Overloaded(&'static str),
    /// A key or a sealed value could not be used.
    #[error("cryptography: {0}")]
    Crypto(String),
    /// A stored value does not have the shape this version writes.
    #[error("stored value: {0}")]
    Stored(String),
    /// A file, socket or remote party failed.
    #[error("input/output: {0}")]
    Io(String),
}

impl Fault {
    /// A stored value that could not be read back.
    pub fn stored(what: impl std::fmt::Display) -> Self {
        Self::Stored(what.to_string())
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error.to_string())
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Stored(error.to_string())
    }
}

/// An outcome that may be a denial or a fault.
pub trait Verdict {
    /// Whether no verdict was reached: nothing may be concluded or committed.
    fn is_fault(&self) -> bool;
}

impl Verdict for Fault {
    fn is_fault(&self) -> bool {
        true
    }
}
