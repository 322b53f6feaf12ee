//! `[database]`: where the truth is kept.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ConfigError, SecretSource};

/// Where the truth is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `sqlite:/path/file.db` or `postgres://…`; by default the file `stepgate.db` in the data folder.
    #[serde(serialize_with = "super::secret_source::masked_url", skip_serializing_if = "Option::is_none")]
    pub url: Option<SecretSource>,
    /// Most connections: readers of SQLite, or connections to PostgreSQL.
    pub max_connections: u32,
    /// How long a request waits for a connection.
    #[serde(with = "super::duration")]
    pub acquire_timeout: Duration,
    /// How long PostgreSQL may work on one statement.
    #[serde(with = "super::duration")]
    pub statement_timeout: Duration,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: None,
            max_connections: 8,
            acquire_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(2),
        }
    }
}

impl Database {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if let Some(url) = &self.url {
            let text = url.value().expose();
            if !["sqlite:", "postgres:", "postgresql:"].iter().any(|scheme| text.starts_with(scheme)) {
                return Err(ConfigError::invalid("database.url", "must begin with sqlite: or postgres:"));
            }
        }
        if self.max_connections == 0 {
            return Err(ConfigError::invalid("database.max_connections", "is 0; write at least 1"));
        }
        Ok(())
    }
}
