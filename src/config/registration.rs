//! `[registration]`: who may register clients (RFC 7591 §3).

use serde::{Deserialize, Serialize};

use super::{ConfigError, SecretSource};
use crate::secret::TokenHash;

const TOKENS: &str = "registration.initial_access_tokens";
/// The shortest initial access token, in characters: whoever guesses one registers clients.
const MIN_TOKEN: usize = 32;

/// Who may register clients beside machines with a scope for it. By default nobody.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Registration {
    /// Whether anybody may, without a token.
    pub open: bool,
    /// Tokens that let their holder register clients, each `"text"`, `{ env = … }` or `{ file = … }`.
    pub initial_access_tokens: Vec<SecretSource>,
}

impl Registration {
    /// What is compared with the token of a request.
    pub fn token_hashes(&self) -> Vec<TokenHash> {
        self.initial_access_tokens.iter().map(|token| TokenHash::of(token.value().expose())).collect()
    }

    pub(super) fn secrets(&mut self) -> impl Iterator<Item = (&'static str, &mut SecretSource)> {
        self.initial_access_tokens.iter_mut().map(|token| (TOKENS, token))
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        // RFC 6750 §2.1: what a bearer token may consist of; a dot would make it look like a JWT.
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '~' | '+' | '/' | '=');
        let good = |token: &SecretSource| {
            let text = token.value().expose();
            text.len() >= MIN_TOKEN && text.chars().all(allowed)
        };
        if self.initial_access_tokens.iter().all(good) {
            return Ok(());
        }
        Err(ConfigError::invalid(
            TOKENS,
            "needs at least 32 letters, digits, `-`, `_`, `~`, `+`, `/` or `=` each; make one with: openssl rand -hex 32",
        ))
    }
}
