//! `[redis]`: the cache that nodes share; without it each node counts for itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ConfigError, SecretSource};
use crate::cache::redis::RedisOptions;

/// The cache that nodes share.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Redis {
    /// `redis://…` or, with TLS, `rediss://…`; without it there is no shared cache.
    #[serde(serialize_with = "super::secret_source::masked_url", skip_serializing_if = "Option::is_none")]
    pub url: Option<SecretSource>,
    /// Put before every key, so that installations can share a server.
    pub prefix: String,
    /// How long one call may take before this node goes on alone.
    #[serde(with = "super::duration")]
    pub budget: Duration,
    /// How long a node goes on alone before it tries again.
    #[serde(with = "super::duration")]
    pub retry_after: Duration,
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            url: None,
            prefix: "stepgate".to_owned(),
            budget: Duration::from_millis(50),
            retry_after: Duration::from_secs(5),
        }
    }
}

impl Redis {
    /// How the shared counters reach Redis.
    pub fn options(&self) -> RedisOptions {
        RedisOptions {
            prefix: self.prefix.clone(),
            budget: self.budget,
            open_for: self.retry_after,
            ..RedisOptions::default()
        }
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if let Some(url) = &self.url {
            let text = url.value().expose();
            if !["redis://", "rediss://"].iter().any(|scheme| text.starts_with(scheme)) {
                return Err(ConfigError::invalid("redis.url", "must begin with redis:// or rediss://"));
            }
        }
        if self.budget.is_zero() || self.budget > Duration::from_secs(5) {
            return Err(ConfigError::invalid("redis.budget", "must be between 1ms and 5s"));
        }
        Ok(())
    }
}
