//! Client secrets at rest: an HMAC under a key derived from the master key for secrets that are only compared, sealed
//! for those that HMAC-signed assertions need in clear.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use keys::Aad;
use time::OffsetDateTime;

use crate::{
    app::App,
    fault::Fault,
    id::{ClientId, ClientSecretId},
    model::{
        Status,
        client::{Client, ClientSecret, SecretCustody},
    },
    protocol::client_auth::AuthMethod,
    secret::{Secret, constant_time_eq, opaque_token},
};

/// The shortest secret that may be imported, in characters.
pub const MIN_IMPORTED: usize = 14;
/// The shortest secret that HMAC-signed assertions may use, in characters (RFC 7518 §3.2 for HS256).
pub const MIN_FOR_HMAC: usize = 32;
/// The longest secret, in characters.
pub const MAX: usize = 255;

/// Why a secret is not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SecretError {
    /// Shorter than [`MIN_IMPORTED`].
    #[error("a client secret has at least 14 characters")]
    TooShort,
    /// Shorter than [`MIN_FOR_HMAC`] though assertions are signed with it.
    #[error("a client secret that signs assertions has at least 32 characters")]
    TooShortForHmac,
    /// Longer than [`MAX`], or with characters that are not printable ASCII.
    #[error("a client secret is printable ASCII, at most 255 characters")]
    NotPrintable,
}

/// Whether an imported secret is good enough for the method it will be used with.
///
/// # Errors
/// What is wrong with it.
pub fn check(secret: &Secret<String>, method: AuthMethod) -> Result<(), SecretError> {
    let text = secret.expose();
    if text.len() > MAX || !text.chars().all(|c| matches!(c, ' '..='~')) {
        return Err(SecretError::NotPrintable);
    }
    if text.len() < MIN_IMPORTED {
        return Err(SecretError::TooShort);
    }
    if method == AuthMethod::ClientSecretJwt && text.len() < MIN_FOR_HMAC {
        return Err(SecretError::TooShortForHmac);
    }
    Ok(())
}

/// Whether clients of this method have a secret.
pub fn is_needed(method: AuthMethod) -> bool {
    matches!(
        method,
        AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost | AuthMethod::ClientSecretJwt
    )
}

/// Whether a secret is one of the client's active ones, however they are kept.
///
/// # Errors
/// A sealed secret cannot be opened.
pub fn is_current(app: &App, client: &Client, presented: &Secret<String>) -> Result<bool, Fault> {
    let sealed = unsealed(app, client)?;
    let among = sealed.iter().fold(false, |found, secret| {
        found | constant_time_eq(secret.expose(), presented.expose().as_bytes())
    });
    Ok(among | verify(app, &client.id, Some(client), presented))
}

/// A fresh secret of 256 random bits.
pub fn generate(app: &App) -> Secret<String> {
    opaque_token(app.random.as_ref())
}

fn aad(id: &ClientSecretId) -> Aad<'_> {
    Aad { table: "client_secret", column: "sealed", row: id.as_str() }
}

/// Takes a secret into custody, in the form that the client's method needs.
///
/// # Errors
/// Sealing failed.
pub fn store(
    app: &App,
    client: &ClientId,
    method: AuthMethod,
    secret: &Secret<String>,
    now: OffsetDateTime,
) -> Result<ClientSecret, Fault> {
    let id = ClientSecretId::generate(app.random.as_ref());
    let custody = if method == AuthMethod::ClientSecretJwt {
        let sealed = app
            .master
            .seal(&aad(&id), secret.expose().as_bytes())
            .map_err(|error| Fault::Crypto(error.to_string()))?;
        SecretCustody::Sealed(sealed)
    } else {
        SecretCustody::Digest(digest(app, client, secret.expose()))
    };
    Ok(ClientSecret { id, custody, status: Status::Active, created_at: now })
}

fn digest(app: &App, client: &ClientId, secret: &str) -> String {
    let mac = keys::hmac_sha256(&app.derived.client_secret, &[client.as_str().as_bytes(), secret.as_bytes()]);
    URL_SAFE_NO_PAD.encode(mac)
}

/// Whether a presented secret is one of the client's active ones; the same work is done for a client that is unknown.
pub fn verify(app: &App, id: &ClientId, client: Option<&Client>, presented: &Secret<String>) -> bool {
    let presented = digest(app, id, presented.expose());
    let secrets = client.map_or(&[][..], |client| &client.secrets);
    secrets
        .iter()
        .filter(|secret| secret.status == Status::Active)
        .filter_map(|secret| match &secret.custody {
            SecretCustody::Digest(digest) => Some(digest),
            SecretCustody::Sealed(_) => None,
        })
        .fold(false, |found, digest| found | constant_time_eq(digest.as_bytes(), presented.as_bytes()))
}

/// The active secrets that sign assertions, in clear.
///
/// # Errors
/// A sealed secret cannot be opened.
pub fn unsealed(app: &App, client: &Client) -> Result<Vec<Secret<Vec<u8>>>, Fault> {
    client
        .secrets
        .iter()
        .filter(|secret| secret.status == Status::Active)
        .filter_map(|secret| match &secret.custody {
            SecretCustody::Sealed(sealed) => Some((secret, sealed)),
            SecretCustody::Digest(_) => None,
        })
        .map(|(secret, sealed)| {
            let clear = app
                .master
                .open(&aad(&secret.id), sealed)
                .map_err(|error| Fault::Crypto(error.to_string()))?;
            Ok(Secret::new(clear.to_vec()))
        })
        .collect()
}
