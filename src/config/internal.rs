//! `[internal]`: the listener for health checks and metrics.

use serde::{Deserialize, Serialize};

use super::{Address, ConfigError};

/// The listener for health checks and metrics; clients must not reach it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Internal {
    /// Address of the listener, like `"127.0.0.1:9090"`; without it there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
}

impl Internal {
    pub(super) fn validate(&self, public: &[Address]) -> Result<(), ConfigError> {
        match &self.address {
            Some(address) if public.contains(address) => Err(ConfigError::invalid(
                "internal.address",
                "is also in listen.addresses; clients would read the metrics",
            )),
            _ => Ok(()),
        }
    }
}
