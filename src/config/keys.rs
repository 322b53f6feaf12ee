//! `[keys]`: the master key and the rotation of signing keys.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ConfigError, SecretSource};

/// The master key and the rotation of signing keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keys {
    /// The key everything sealed at rest depends on: 32 random bytes in base64url, `{ file = … }` or `{ env = … }`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_key: Option<SecretSource>,
    /// Age at which the next signing key is published (Okta: 45 days).
    #[serde(with = "super::duration")]
    pub publish_next_after: Duration,
    /// Age at which the next signing key takes over (Okta: 90 days).
    #[serde(with = "super::duration")]
    pub rotate_after: Duration,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            master_key: None,
            publish_next_after: Duration::from_secs(45 * 86_400),
            rotate_after: Duration::from_secs(90 * 86_400),
        }
    }
}

impl Keys {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.publish_next_after >= self.rotate_after {
            return Err(ConfigError::invalid(
                "keys.publish_next_after",
                "must be shorter than keys.rotate_after",
            ));
        }
        if let Some(key) = &self.master_key
            && key.value().expose().len() < 43
        {
            return Err(ConfigError::invalid(
                "keys.master_key",
                "is too short; make one with: openssl rand -base64 32",
            ));
        }
        Ok(())
    }

    pub(super) fn require_master_key(&self) -> Result<(), ConfigError> {
        match &self.master_key {
            Some(_) => Ok(()),
            None => Err(ConfigError::Missing {
                key: "keys.master_key".to_owned(),
                advice: "write a file with `openssl rand -base64 32`, chmod 600, and set keys.master_key = { file = \"…\" }"
                    .to_owned(),
            }),
        }
    }
}
