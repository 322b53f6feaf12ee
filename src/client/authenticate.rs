//! The one way a client proves who it is, for every endpoint. The method is the registered one and no other; unknown
//! clients, wrong secrets and clients that are switched off look alike.

use std::sync::Arc;

use super::{
    assertion::{self, AssertionError, VerifyError},
    certificate::{self, CertificateError},
    secret,
};
use crate::{
    app::App,
    cache::{Count, servers::ServerState},
    fault::Fault,
    id::ClientId,
    limit::rate::{Bucket, address},
    model::client::Client,
    protocol::client_auth::{AuthMethod, ClientAuthError, ClientAuthentication},
    syslog::{Caller, Event, EventType, Reason, record_repeated, record_throttled},
};

/// Where a client authenticates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Endpoint {
    /// RFC 6749 §3.2
    Token,
    /// RFC 7662
    Introspect,
    /// RFC 7009
    Revoke,
    /// RFC 9126
    Par,
    /// RFC 8628 §3.1
    DeviceAuthorize,
}

impl Endpoint {
    fn path(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Introspect => "introspect",
            Self::Revoke => "revoke",
            Self::Par => "par",
            Self::DeviceAuthorize => "device/authorize",
        }
    }
}

/// Why a client could not be authenticated.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// The credentials cannot be read, or several methods were used at once.
    #[error(transparent)]
    Request(#[from] ClientAuthError),
    /// The client is unknown, switched off, or did not prove itself.
    #[error("the client could not be authenticated")]
    Refused,
    /// Too many failures of this client from this address.
    #[error("too many failed client authentications")]
    Throttled(Count),
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Authenticates the client of a request.
///
/// # Errors
/// The credentials are unreadable or prove nothing, or a fault.
pub async fn authenticate(
    app: &App,
    server: &ServerState,
    endpoint: Endpoint,
    presented: ClientAuthentication,
    caller: &Caller,
) -> Result<Arc<Client>, AuthenticateError> {
    let assertion = match &presented {
        ClientAuthentication::Assertion { assertion, client_id } => {
            let assertion = match assertion::parse(assertion) {
                Ok(assertion) => assertion,
                Err(error) => return refuse(app, client_id.as_deref(), error.reason(), caller).await,
            };
            // RFC 7521 §4.2: client_id, if sent, names the same client.
            if client_id.as_deref().is_some_and(|id| id != assertion.client.as_str()) {
                return refuse(app, Some(assertion.client.as_str()), "client_id_mismatch", caller).await;
            }
            Some(assertion)
        }
        ClientAuthentication::Basic { .. }
        | ClientAuthentication::BasicWithoutSecret { .. }
        | ClientAuthentication::Post { .. }
        | ClientAuthentication::None { .. }
        | ClientAuthentication::Certificate { .. }
        | ClientAuthentication::Missing => None,
    };
    let id = match (&assertion, presented.client_id()) {
        (Some(assertion), _) => assertion.client.clone(),
        (None, Some(id)) => ClientId::new(id),
        (None, None) => return refuse(app, None, "no_credentials", caller).await,
    };
    if let Some(count) = failures(app, &id, caller, Access::Peek).await
        && count.exceeded
    {
        record_throttled(app, Bucket::ClientAuthenticationFailure, caller).await?;
        return Err(AuthenticateError::Throttled(count));
    }
    let client = app.clients.find(&app.db, &id).await?;
    let known = client.as_deref().filter(|client| client.is_active());
    let method = known.map(|client| client.metadata.auth_method());
    let verdict: Result<(), Reason> = match (&presented, method) {
        (ClientAuthentication::Basic { secret, .. }, method) => {
            let right = secret::verify(app, &id, known, secret);
            proven(right && method == Some(AuthMethod::ClientSecretBasic), "wrong_secret_or_method")
        }
        (ClientAuthentication::Post { secret, .. }, method) => {
            let right = secret::verify(app, &id, known, secret);
            proven(right && method == Some(AuthMethod::ClientSecretPost), "wrong_secret_or_method")
        }
        (ClientAuthentication::None { .. }, method) => {
            proven(method == Some(AuthMethod::None), "no_credentials")
        }
        // Whatever a public client's connection shows only binds its tokens.
        (ClientAuthentication::Certificate { .. }, Some(AuthMethod::None)) => Ok(()),
        (ClientAuthentication::Certificate { certificate, .. }, _) => match known {
            Some(client) => {
                certificate::verify(app, client, certificate).await.map_err(CertificateError::reason)
            }
            None => Err("unknown_client"),
        },
        // Okta's browser library sends a bare client id here at these two endpoints.
        (ClientAuthentication::BasicWithoutSecret { .. }, method) => {
            let accepted = matches!(endpoint, Endpoint::Introspect | Endpoint::Revoke);
            proven(method == Some(AuthMethod::None) && accepted, "basic_without_secret")
        }
        (ClientAuthentication::Assertion { .. } | ClientAuthentication::Missing, _) => {
            match (known, assertion) {
                (Some(client), Some(assertion)) => {
                    let url = format!("{}/v1/{}", server.endpoint_base, endpoint.path());
                    match assertion::verify(app, server, client, assertion, &url).await {
                        Ok(()) => Ok(()),
                        Err(VerifyError::Refused(error)) => Err(AssertionError::reason(error)),
                        Err(VerifyError::Fault(fault)) => return Err(fault.into()),
                    }
                }
                (None, _) | (_, None) => Err("unknown_client"),
            }
        }
    };
    match (verdict, client) {
        (Ok(()), Some(client)) => Ok(client),
        (Ok(()), None) => refuse(app, Some(id.as_str()), "unknown_client", caller).await,
        (Err(reason), client) => {
            let reason = match client {
                None => "unknown_client",
                Some(client) if !client.is_active() => "client_inactive",
                Some(_) => reason,
            };
            refuse(app, Some(id.as_str()), reason, caller).await
        }
    }
}

fn proven(holds: bool, reason: Reason) -> Result<(), Reason> {
    if holds { Ok(()) } else { Err(reason) }
}

#[derive(Clone, Copy)]
enum Access {
    Peek,
    Hit,
}

async fn failures(app: &App, id: &ClientId, caller: &Caller, access: Access) -> Option<Count> {
    let rate = app.rates.of(Bucket::ClientAuthenticationFailure)?;
    let ip = caller.ip.map(address).unwrap_or_default();
    let key = Bucket::ClientAuthenticationFailure.key(&[id.as_str(), &ip]);
    let now = app.now();
    Some(match access {
        Access::Peek => app.counter.peek(&key, rate.limit, rate.window, now).await,
        Access::Hit => app.counter.hit(&key, rate.limit, rate.window, now).await,
    })
}

/// Counts and logs a failure; repeats within a minute are gathered into one event.
async fn refuse<T>(
    app: &App,
    id: Option<&str>,
    reason: Reason,
    caller: &Caller,
) -> Result<T, AuthenticateError> {
    // The client is told nothing; whoever runs the server finds out here what a client does wrong.
    tracing::info!(reason, client.id = ?id.map(|id| id.chars().take(64).collect::<String>()), "a client was refused");
    let id = id.map(ClientId::new);
    if let Some(id) = &id {
        // The count decides the next attempt, not this one.
        let _ = failures(app, id, caller, Access::Hit).await;
    }
    let mut event = Event::failure(EventType::InvalidClientCredentials, reason);
    if let Some(id) = &id {
        event = event.with("clientId", id.as_str());
    }
    let key = format!("{}\n{reason}", id.as_ref().map_or("", ClientId::as_str));
    record_repeated(app, &key, event, caller).await?;
    Err(AuthenticateError::Refused)
}
