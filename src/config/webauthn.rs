//! Passkeys and security keys (Web Authentication Level 3).

use serde::{Deserialize, Serialize};
use url::Url;

use super::ConfigError;

/// Where passkeys are used beside the issuer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Webauthn {
    /// Origins of other sites that sign users in with the passkeys of this one (§5.11), for example `https://example.org`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related_origins: Vec<String>,
}

impl Webauthn {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.related_origins.iter().all(|origin| is_origin(origin)) {
            return Ok(());
        }
        Err(ConfigError::invalid(
            "webauthn.related_origins",
            "must be https origins as browsers write them, without path or trailing slash",
        ))
    }
}

fn is_origin(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    url.scheme() == "https" && url.domain().is_some() && url.origin().ascii_serialization() == text
}
