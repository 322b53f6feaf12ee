//! `[tokens]`: lifetimes unless an authorization server's policy says otherwise.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Lifetimes unless an authorization server's policy says otherwise.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tokens {
    /// Access tokens.
    #[serde(with = "super::duration")]
    pub access_token: Duration,
    /// ID tokens (OpenID Connect Core §2).
    #[serde(with = "super::duration")]
    pub id_token: Duration,
    /// A refresh token that was not used for so long ends.
    #[serde(with = "super::duration")]
    pub refresh_token_idle: Duration,
    /// Refresh tokens of one grant end after so long.
    #[serde(with = "super::duration")]
    pub refresh_token_absolute: Duration,
    /// Authorization codes (RFC 6749 §4.1.2).
    #[serde(with = "super::duration")]
    pub authorization_code: Duration,
    /// Pushed authorization requests, until they are opened (RFC 9126 §2.2).
    #[serde(with = "super::duration")]
    pub pushed_request: Duration,
    /// How far ahead or behind other parties' clocks may be.
    #[serde(with = "super::duration")]
    pub clock_skew: Duration,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            access_token: Duration::from_secs(3600),
            id_token: Duration::from_secs(3600),
            refresh_token_idle: Duration::from_secs(7 * 86_400),
            refresh_token_absolute: Duration::from_secs(90 * 86_400),
            authorization_code: Duration::from_secs(60),
            pushed_request: Duration::from_secs(60),
            clock_skew: Duration::from_secs(60),
        }
    }
}

impl Tokens {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let minute = Duration::from_secs(60);
        // RFC 6749 §4.1.2: at most 10 minutes.
        if self.authorization_code.is_zero() || self.authorization_code > 10 * minute {
            return Err(ConfigError::invalid(
                "tokens.authorization_code",
                "must be above 0 and at most 10m (RFC 6749 §4.1.2)",
            ));
        }
        // FAPI 2.0 Security Profile §5.3.2.2: less than ten minutes; RFC 9126 §2.2: long enough for a browser to get here.
        if self.pushed_request < Duration::from_secs(5) || self.pushed_request >= 10 * minute {
            return Err(ConfigError::invalid(
                "tokens.pushed_request",
                "must be at least 5s and below 10m (RFC 9126 §2.2)",
            ));
        }
        if self.refresh_token_idle > self.refresh_token_absolute {
            return Err(ConfigError::invalid(
                "tokens.refresh_token_idle",
                "must be at most tokens.refresh_token_absolute",
            ));
        }
        if self.clock_skew > 10 * minute {
            return Err(ConfigError::invalid("tokens.clock_skew", "must be at most 10m"));
        }
        // Retired keys are kept for the longest lifetime that any token may have.
        let day = Duration::from_secs(86_400);
        if self.access_token > day || self.id_token > day {
            return Err(ConfigError::invalid("tokens", "must not give access or ID tokens more than 24h"));
        }
        let positive = [self.access_token, self.id_token, self.refresh_token_idle];
        if positive.iter().any(Duration::is_zero) {
            return Err(ConfigError::invalid("tokens", "must not have a lifetime of 0"));
        }
        Ok(())
    }
}
