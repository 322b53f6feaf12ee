//! To whom tokens for a client are encrypted (OpenID Connect Registration §2; Core §10.2): to a key of the client's set
//! that is for it. A client that asked for encryption and has no such key gets nothing, least of all in clear.

use keys::{ClientKeys, ContentEncryption, KeyManagement, Recipient};

use crate::{app::App, model::client::Client};

/// The client asked for encryption, and none of its keys can be encrypted to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the client has no usable key for the encryption it asked for")]
pub struct NoEncryptionKey;

/// Who reads the client's ID tokens; absent: they are not encrypted.
///
/// # Errors
/// There is no usable key.
pub async fn of_id_tokens(app: &App, client: &Client) -> Result<Option<Recipient>, NoEncryptionKey> {
    let metadata = &client.metadata;
    let alg = metadata.id_token_encrypted_response_alg.as_deref();
    recipient(app, client, (alg, metadata.id_token_encrypted_response_enc.as_deref())).await
}

/// Who reads the client's userinfo; absent: it is not encrypted.
///
/// # Errors
/// There is no usable key.
pub async fn of_userinfo(app: &App, client: &Client) -> Result<Option<Recipient>, NoEncryptionKey> {
    let metadata = &client.metadata;
    let alg = metadata.userinfo_encrypted_response_alg.as_deref();
    recipient(app, client, (alg, metadata.userinfo_encrypted_response_enc.as_deref())).await
}

async fn recipient(
    app: &App,
    client: &Client,
    (alg, enc): (Option<&str>, Option<&str>),
) -> Result<Option<Recipient>, NoEncryptionKey> {
    let Some(alg) = alg else { return Ok(None) };
    let alg: KeyManagement = alg.parse().map_err(|_| NoEncryptionKey)?;
    let enc: ContentEncryption = enc.and_then(|enc| enc.parse().ok()).ok_or(NoEncryptionKey)?;
    let found = |keys: &ClientKeys| keys.recipient(alg, enc).ok_or(NoEncryptionKey).map(Some);
    if let Some(jwks) = &client.metadata.jwks {
        return found(&ClientKeys::parse(jwks).map_err(|_| NoEncryptionKey)?);
    }
    let uri = client.metadata.jwks_uri.as_deref().ok_or(NoEncryptionKey)?;
    let keys = app
        .remote_jwks
        .find(app.fetch.as_ref(), (&client.id, uri), app.now(), |keys| keys.recipient(alg, enc).is_some())
        .await
        .ok_or(NoEncryptionKey)?;
    found(&keys)
}
