//! Why the settings were refused: each text names the key, where it was read, and what to do.

use std::path::PathBuf;

/// A setting that keeps the server from starting.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The configuration file cannot be read.
    #[error("cannot read the configuration file {path}: {error}; name another one with --config or fix its permissions", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The configuration file is not TOML, or a value has the wrong type.
    #[error("{place}: {problem}")]
    Syntax {
        /// The file or variable.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// A key that does not exist: a typing error must not become a silent default.
    #[error("{place}: unknown key `{key}`; known here: {known}")]
    UnknownKey {
        /// The full key.
        key: String,
        /// The file or variable.
        place: String,
        /// The keys of that section.
        known: String,
    },
    /// A required key is absent.
    #[error("`{key}` is missing; {advice}")]
    Missing {
        /// The full key.
        key: String,
        /// What to write.
        advice: String,
    },
    /// A value that cannot be right.
    #[error("`{key}` {problem}")]
    Invalid {
        /// The full key.
        key: &'static str,
        /// What is wrong and what to write instead.
        problem: String,
    },
    /// The variable or file that should hold a secret cannot be read.
    #[error("`{key}`: {problem}")]
    Secret {
        /// The full key.
        key: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// A file with a secret can be read by others.
    #[error("{path} holds a secret (`{key}`) and has mode {mode:04o}; run: chmod {fix} {path}", path = path.display())]
    Permissions {
        /// The full key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// The argument for `chmod`.
        fix: &'static str,
    },
}

impl ConfigError {
    pub(super) fn invalid(key: &'static str, problem: impl Into<String>) -> Self {
        Self::Invalid { key, problem: problem.into() }
    }
}
