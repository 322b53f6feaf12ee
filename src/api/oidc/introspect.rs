//! The introspection endpoint (RFC 7662).

use std::sync::Arc;

use http::{StatusCode, header};
use poem::{Request, Response, error::ResponseError};

use super::{
    header_text,
    token::{about, credentials},
};
use crate::{
    api::error::oauth::{OAuthFailure, json_response},
    app::App,
    cache::servers::ServerState,
    client::{authenticate, authenticate::Endpoint},
    protocol::{introspection::IntrospectionRequest, params::Params},
    syslog::Caller,
    token,
};

pub(super) async fn introspect(
    server: Result<(&App, Arc<ServerState>), Response>,
    request: &Request,
    caller: &Caller,
    params: &Params,
) -> Response {
    let (app, server) = match server {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    let answer = async {
        let authorization = header_text(request, &header::AUTHORIZATION);
        let authentication = credentials(request, params)?;
        let client = authenticate(app, &server, Endpoint::Introspect, authentication, caller)
            .await
            .map_err(|error| OAuthFailure::from(error).to_header(authorization))?;
        let asked = IntrospectionRequest::from_params(params)?;
        let active = token::introspect::introspect(app, &server, &client, asked.token.expose()).await?;
        Ok::<_, OAuthFailure>(about(json_response(StatusCode::OK, &active), Some(client)))
    };
    answer.await.unwrap_or_else(|failure| failure.as_response())
}
