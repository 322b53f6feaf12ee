//! `sector_identifier_uri` (OpenID Connect Registration §5): whoever owns it says which redirect URIs share its sector.

use std::collections::HashSet;

use crate::{app::App, protocol::client_metadata::ClientMetadata};

/// Why a `sector_identifier_uri` does not vouch for a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SectorError {
    /// The document could not be had.
    #[error("the sector_identifier_uri could not be fetched")]
    Unreachable,
    /// It is not a JSON array of strings.
    #[error("the sector_identifier_uri is not a JSON array of URIs")]
    Malformed,
    /// A redirect URI is not in it.
    #[error("the sector_identifier_uri does not list every redirect URI")]
    NotListed,
}

/// Fetches the `sector_identifier_uri` of metadata that is about to be registered, if there is one, and checks that it
/// lists every redirect URI. What was registered once is not fetched again.
///
/// # Errors
/// It does not vouch for the client.
pub async fn verify(app: &App, metadata: &ClientMetadata) -> Result<(), SectorError> {
    let Some(uri) = &metadata.sector_identifier_uri else { return Ok(()) };
    let url = url::Url::parse(uri).map_err(|_| SectorError::Unreachable)?;
    let answer = app.fetch.get(&url).await.map_err(|error| {
        tracing::info!(%error, "a sector_identifier_uri could not be fetched");
        SectorError::Unreachable
    })?;
    if answer.status != 200 {
        return Err(SectorError::Unreachable);
    }
    let listed: HashSet<String> = serde_json::from_slice(&answer.body).map_err(|_| SectorError::Malformed)?;
    // Registration §5: the values MUST be included, compared as strings.
    if metadata.redirect_uris.iter().all(|uri| listed.contains(uri)) {
        Ok(())
    } else {
        Err(SectorError::NotListed)
    }
}
