//! Where the answer goes: the client and its redirect URI. Until both are certain, errors stay on our own page.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    app::App,
    cache::servers::ServerState,
    fault::Fault,
    id::{AuthorizationServerId, ClientId},
    model::client::Client,
    protocol::{
        authorization_request::AuthorizationRequest, response_mode::ResponseMode,
        response_type::ResponseType, scope::OPENID,
    },
};

/// Where and how an answer is delivered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Destination {
    /// The redirect URI, validated.
    pub redirect_uri: String,
    /// Whether the request named it (RFC 6749 §4.1.3).
    pub redirect_uri_sent: bool,
    /// How parameters travel.
    pub response_mode: ResponseMode,
    /// `state`, byte for byte.
    pub state: Option<String>,
    /// The issuer (RFC 9207).
    pub iss: String,
    /// The authorization server that answers.
    pub server_id: AuthorizationServerId,
    /// The client that is answered.
    pub client_id: ClientId,
}

/// Why it is not known where the answer goes; told on our own page only (RFC 6749 §4.1.2.1).
#[derive(Debug, thiserror::Error)]
pub enum LocateError {
    /// No client of that id is active.
    #[error("no active client has this client_id")]
    UnknownClient,
    /// `redirect_uri` is missing though one is needed.
    #[error("the parameter redirect_uri is missing")]
    MissingRedirectUri(Arc<Client>),
    /// `redirect_uri` is not registered.
    #[error("the redirect_uri is not registered for this client")]
    UnregisteredRedirectUri {
        /// The client, whose registered URIs a developer may be shown.
        client: Arc<Client>,
        /// What was sent.
        sent: String,
    },
    /// `request_uri` is unknown, expired, spent, or another client's.
    #[error("the request_uri is not one that this client can open now")]
    InvalidRequestUri,
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Finds a client that may act.
///
/// # Errors
/// There is none of that id.
pub async fn active_client(app: &App, client_id: &str) -> Result<Arc<Client>, LocateError> {
    app.clients
        .find(&app.db, &ClientId::new(client_id))
        .await?
        .filter(|client| client.is_active())
        .ok_or(LocateError::UnknownClient)
}

/// Where a client is to be answered.
///
/// # Errors
/// Its redirect URI is not certain.
pub fn destination(
    server: &ServerState,
    client: &Arc<Client>,
    request: &AuthorizationRequest,
) -> Result<Destination, LocateError> {
    let redirect_uri = match request.redirect_uri.as_deref() {
        Some(sent) => {
            if !client.metadata.accepts_redirect_uri(sent) {
                let sent = sent.to_owned();
                return Err(LocateError::UnregisteredRedirectUri { client: Arc::clone(client), sent });
            }
            sent.to_owned()
        }
        // OpenID Connect Core §3.1.2.1 requires it; RFC 6749 §3.1.2.3 only when several are registered.
        None => match client.metadata.only_redirect_uri() {
            Some(only) if !asks_for_openid(request) => only.to_owned(),
            _ => return Err(LocateError::MissingRedirectUri(Arc::clone(client))),
        },
    };
    Ok(Destination {
        redirect_uri,
        redirect_uri_sent: request.redirect_uri.is_some(),
        response_mode: error_mode(request),
        state: request.state.clone(),
        iss: server.issuer.clone(),
        server_id: server.config.server.id.clone(),
        client_id: client.id.clone(),
    })
}

fn asks_for_openid(request: &AuthorizationRequest) -> bool {
    request.scope.as_deref().is_some_and(|scope| scope.split(' ').any(|name| name == OPENID))
}

/// How even an error is delivered: as asked, if that can be understood, otherwise as the response type would have it.
fn error_mode(request: &AuthorizationRequest) -> ResponseMode {
    let response_type = request
        .response_type
        .as_deref()
        .and_then(|response_type| response_type.parse::<ResponseType>().ok())
        .unwrap_or(ResponseType::Code);
    ResponseMode::choose(request.response_mode.as_deref(), response_type)
        .unwrap_or_else(|_| ResponseMode::default_for(response_type))
}
