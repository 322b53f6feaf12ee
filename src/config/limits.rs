//! `[limits]`: rates, password hashing, body sizes, timeouts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ConfigError;
use crate::limit::rate::Rates;

/// What the server does for how many, how large and how long.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Size limits of requests.
    pub body: Body,
    /// How long a connection may take for each step.
    pub timeouts: Timeouts,
    /// Password hashing.
    pub argon2: Argon2,
    /// Rate limits by bucket, like `sign_in_username = "4/1s"`; buckets left out keep their default.
    pub rates: Rates,
}

/// Size limits of requests, in bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Body {
    /// Largest form body (OAuth endpoints, pages).
    pub form: usize,
}

/// How long a connection may take for each step.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// From accepting a connection to its first byte.
    #[serde(with = "super::duration")]
    pub first_byte: Duration,
    /// The TLS handshake.
    #[serde(with = "super::duration")]
    pub handshake: Duration,
    /// From the end of one request to the end of the next one's header list.
    #[serde(with = "super::duration")]
    pub header: Duration,
    /// The whole body of a request; also how long a caller may leave our answer unread.
    #[serde(with = "super::duration")]
    pub body: Duration,
    /// An HTTP/2 connection without requests.
    #[serde(with = "super::duration")]
    pub idle: Duration,
    /// From the signal to stop to the end of the last request.
    #[serde(with = "super::duration")]
    pub shutdown: Duration,
}

/// Password hashing with Argon2id (RFC 9106).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Argon2 {
    /// Memory of one hash in KiB.
    pub memory: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub lanes: u32,
    /// Hashes at a time; 0 is one less than there are cores, at least 1.
    pub permits: usize,
    /// Passwords that may wait; 0 is what the permits hash in about four seconds. Beyond it: 429.
    pub queue: usize,
}

impl Default for Body {
    fn default() -> Self {
        Self { form: 64 * 1024 }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            first_byte: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            header: Duration::from_secs(10),
            body: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            shutdown: Duration::from_secs(20),
        }
    }
}

impl Default for Argon2 {
    fn default() -> Self {
        Self { memory: 19 * 1024, iterations: 2, lanes: 1, permits: 0, queue: 0 }
    }
}

impl Argon2 {
    /// Hashes at a time on a machine with so many cores.
    pub fn permits_for(&self, cores: usize) -> usize {
        if self.permits == 0 { cores.saturating_sub(1).max(1) } else { self.permits }
    }

    /// Passwords that may wait: by default four seconds of work at 68 hashes/s per permit.
    pub fn queue_for(&self, permits: usize) -> usize {
        if self.queue == 0 { permits.saturating_mul(4 * 68) } else { self.queue }
    }
}

impl Limits {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.body.form < 4096 {
            return Err(ConfigError::invalid("limits.body", "must be at least 4096 bytes each"));
        }
        let timeouts = &self.timeouts;
        let timed = [timeouts.first_byte, timeouts.handshake, timeouts.header, timeouts.body, timeouts.idle];
        if timed.iter().any(Duration::is_zero) {
            return Err(ConfigError::invalid(
                "limits.timeouts",
                "must not be 0; a step without an end is an open door",
            ));
        }
        let argon2 = &self.argon2;
        // RFC 9106 §3.1: memory is at least eight blocks per lane.
        if argon2.iterations == 0 || !(1..=64).contains(&argon2.lanes) || argon2.memory < 8 * argon2.lanes {
            return Err(ConfigError::invalid(
                "limits.argon2",
                "needs iterations ≥ 1, lanes between 1 and 64, and memory ≥ 8 × lanes (RFC 9106 §3.1)",
            ));
        }
        Ok(())
    }
}
