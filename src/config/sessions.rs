//! `[sessions]`: how long a sign-in lasts unless a policy says otherwise.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// How long a sign-in lasts unless a policy says otherwise.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sessions {
    /// Ends a session that was not used for so long.
    #[serde(with = "super::duration")]
    pub idle: Duration,
    /// Ends every session after so long.
    #[serde(with = "super::duration")]
    pub absolute: Duration,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { idle: Duration::from_secs(2 * 3600), absolute: Duration::from_secs(12 * 3600) }
    }
}

impl Sessions {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.idle.is_zero() || self.idle > self.absolute {
            return Err(ConfigError::invalid(
                "sessions.idle",
                "must be above 0 and at most sessions.absolute",
            ));
        }
        Ok(())
    }
}
