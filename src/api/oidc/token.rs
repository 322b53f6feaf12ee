//! The token endpoint.

use std::sync::Arc;

use http::{StatusCode, header};
use poem::{Request, Response, error::ResponseError};

use super::{
    Server, header_text,
    sender::{certificate, sender},
};
use crate::{
    api::error::oauth::{OAuthFailure, json_response, supply_nonce},
    app::App,
    cache::servers::ServerState,
    client::{authenticate, authenticate::Endpoint, dpop},
    grant,
    model::client::Client,
    protocol::{
        client_auth::ClientAuthentication, dpop::ProofHeader, error::OAuthError, params::Params, resource,
        token_request::TokenRequest,
    },
    syslog::Caller,
};

pub(super) async fn token(
    server: Server<'_>,
    request: &Request,
    caller: &Caller,
    params: &Params,
) -> Result<Response, Response> {
    let (app, server) = server?;
    let authorization = header_text(request, &header::AUTHORIZATION);
    let authentication = credentials(request, params).map_err(|failure| failure.as_response())?;
    let token_request = TokenRequest::from_params(params).map_err(refusal)?;
    let sender = sender(request).map_err(refusal)?;
    let proves = sender.proof != ProofHeader::Absent;
    let resource = resource::of_token_request(params).map_err(refusal)?;
    let request = grant::Request {
        server: &server,
        authentication,
        sender,
        origin: header_text(request, &header::ORIGIN),
        resource: &resource,
        caller,
    };
    let (client, answer) = grant::run(app, request, &token_request).await;
    let response = match answer {
        Ok(tokens) => {
            let mut response = json_response(StatusCode::OK, &tokens);
            // RFC 9449 §8.2: before the nonce that was used grows too old.
            if client.as_ref().is_some_and(|client| proves && dpop::requires_nonce(&server, client)) {
                supply_nonce(&mut response, &dpop::nonce(app));
            }
            response
        }
        Err(error) => OAuthFailure::from(error).to_header(authorization).as_response(),
    };
    Ok(about(response, client))
}

fn refusal(error: impl Into<OAuthError>) -> Response {
    OAuthFailure::from(error.into()).as_response()
}

/// Reads the credentials of a request; two `Authorization` headers are two methods.
pub(super) fn credentials(request: &Request, params: &Params) -> Result<ClientAuthentication, OAuthFailure> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION).iter();
    let authorization = match (headers.next(), headers.next()) {
        (None, _) => None,
        (Some(value), None) => Some(value.to_str().map_err(|_| {
            OAuthFailure::from(OAuthError::invalid_client("The Authorization header is malformed."))
        })?),
        (Some(_), Some(_)) => {
            return Err(
                OAuthError::invalid_request("Only one client authentication method may be used.").into()
            );
        }
    };
    let certificate = certificate(request).map_err(|error| OAuthFailure::from(OAuthError::from(error)))?;
    ClientAuthentication::extract(authorization, params)
        .map(|authentication| authentication.with_certificate(certificate))
        .map_err(|error| OAuthFailure::from(OAuthError::from(error)).to_header(authorization))
}

/// Authenticates the client of a request to an endpoint beside the token endpoint.
///
/// # Errors
/// The answer to whoever is not a client of the server.
pub(super) async fn authenticated<'a>(
    server: Server<'a>,
    request: &Request,
    caller: &Caller,
    (endpoint, params): (Endpoint, &Params),
) -> Result<(&'a App, Arc<ServerState>, Arc<Client>), Response> {
    let (app, server) = server?;
    let authentication = credentials(request, params).map_err(|failure| failure.as_response())?;
    let client = authenticate(app, &server, endpoint, authentication, caller).await.map_err(|error| {
        OAuthFailure::from(error).to_header(header_text(request, &header::AUTHORIZATION)).as_response()
    })?;
    Ok((app, server, client))
}

/// What an authenticated client is answered. An error is for it as well: its browsers may read it.
pub(super) fn answered(answer: Result<Response, OAuthFailure>, client: Arc<Client>) -> Response {
    about(answer.unwrap_or_else(|failure| failure.as_response()), Some(client))
}

/// Tells the CORS rules which client an answer is for.
pub(super) fn about(mut response: Response, client: Option<Arc<Client>>) -> Response {
    if let Some(client) = client {
        response.extensions_mut().insert(client);
    }
    response
}
