//! The device authorization endpoint (RFC 8628 §3.1).

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
    authorize::device,
    cache::servers::ServerState,
    client::{authenticate, authenticate::Endpoint},
    protocol::{device::DeviceAuthorizationRequest, error::OAuthError, params::Params},
    syslog::Caller,
};

pub(super) async fn authorize(
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
        let client = authenticate(app, &server, Endpoint::DeviceAuthorize, authentication, caller)
            .await
            .map_err(|error| OAuthFailure::from(error).to_header(authorization))?;
        let asked = DeviceAuthorizationRequest::from_params(params).map_err(OAuthError::from)?;
        let codes = device::begin(app, &server, &client, &asked, caller).await?;
        Ok::<_, OAuthFailure>(about(json_response(StatusCode::OK, &codes), Some(client)))
    };
    answer.await.unwrap_or_else(|failure| failure.as_response())
}
