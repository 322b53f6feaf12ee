//! The way from a device that approves to its issuer: the command line's own requests.

use std::{path::PathBuf, time::Duration};

use reqwest::{Client, redirect::Policy};
use url::Url;

use super::{telephony::is_provider_address, trust};

/// Largest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// Why the issuer did not answer.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// The client could not be built.
    #[error("{0}")]
    Setup(String),
    /// The address is neither https nor on this machine.
    #[error("{0} is neither https nor on this machine")]
    Address(Url),
    /// It could not be reached, or its certificate is not trusted.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
}

/// Asks an issuer.
pub struct Issuer(Client);

impl Issuer {
    /// Builds the client; `extra_ca` is a PEM file with certificates trusted beside the public authorities.
    ///
    /// # Errors
    /// The certificates cannot be used.
    #[expect(
        clippy::disallowed_methods,
        reason = "whoever uses the command line chose the issuer, unlike what `fetch` asks"
    )]
    pub fn new(extra_ca: Option<&PathBuf>) -> Result<Self, IssuerError> {
        let tls = trust::tls(extra_ca).map_err(|error| IssuerError::Setup(error.to_string()))?;
        Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(Duration::from_secs(10))
            .user_agent("stepgate-authenticator")
            .build()
            .map(Self)
            .map_err(|error| IssuerError::Setup(error.to_string()))
    }

    /// Sends a JSON document by POST: the status, and the answer.
    ///
    /// # Errors
    /// There is no answer in time.
    pub async fn post(
        &self,
        url: &Url,
        document: &serde_json::Value,
        timeout: Duration,
    ) -> Result<(u16, serde_json::Value), IssuerError> {
        if !is_provider_address(url) {
            return Err(IssuerError::Address(url.clone()));
        }
        let unreachable = |error: reqwest::Error| IssuerError::Unreachable(error.without_url().to_string());
        let request = self.0.post(url.clone()).timeout(timeout);
        let request = request.header("content-type", "application/json").header("accept", "application/json");
        let mut response = request.body(document.to_string()).send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len().saturating_add(chunk.len()) > MAX_ANSWER {
                return Err(IssuerError::Unreachable("the answer is too long".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }
}
