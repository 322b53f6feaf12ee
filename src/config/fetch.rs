//! `[fetch]`: what the server may fetch (`jwks_uri`, `sector_identifier_uri` …).

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::ConfigError;
use crate::ports::fetch::FetchOptions;

/// What the server may fetch. Without an allow-list entry only public addresses, and only by https.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fetch {
    /// Hosts that may have private addresses, like `"jwks.corp.example"` or `"127.0.0.1"`.
    pub allow_hosts: Vec<String>,
    /// Whether those hosts may also be asked by plain http.
    pub allow_http: bool,
    /// PEM file with certificates trusted beside the public authorities: an authority's, or a server's own that it
    /// signed itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra_ca: Option<PathBuf>,
    /// The whole fetch, name lookup included.
    #[serde(with = "super::duration")]
    pub timeout: Duration,
    /// Largest answer in bytes.
    pub max_body: usize,
    /// Fetches from one host at a time.
    pub per_host: usize,
}

impl Default for Fetch {
    fn default() -> Self {
        Self {
            allow_hosts: Vec::new(),
            allow_http: false,
            extra_ca: None,
            timeout: Duration::from_secs(5),
            max_body: 64 * 1024,
            per_host: 4,
        }
    }
}

impl Fetch {
    /// What the fetching port may do.
    pub fn options(&self) -> FetchOptions {
        FetchOptions {
            allow_hosts: self.allow_hosts.clone(),
            allow_http: self.allow_http,
            extra_ca: self.extra_ca.clone(),
            timeout: self.timeout,
            max_body: self.max_body,
            per_host: self.per_host,
        }
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.timeout.is_zero() || self.per_host == 0 || self.max_body == 0 {
            return Err(ConfigError::invalid("fetch", "needs timeout, max_body and per_host above 0"));
        }
        match self.allow_hosts.iter().find(|host| url::Host::parse(host).is_err()) {
            Some(host) => Err(ConfigError::invalid(
                "fetch.allow_hosts",
                format!("has \"{host}\"; write host names or addresses, without scheme, port or path"),
            )),
            None => Ok(()),
        }
    }
}
