//! The device authorization endpoint (RFC 8628 §3.1).

use std::sync::Arc;

use http::StatusCode;
use poem::{Request, Response};

use super::token::{answered, authenticated};
use crate::{
    api::error::oauth::{OAuthFailure, json_response},
    app::App,
    authorize::device,
    cache::servers::ServerState,
    client::authenticate::Endpoint,
    protocol::{device::DeviceAuthorizationRequest, error::OAuthError, params::Params},
    syslog::Caller,
};

pub(super) async fn authorize(
    server: Result<(&App, Arc<ServerState>), Response>,
    request: &Request,
    caller: &Caller,
    params: &Params,
) -> Response {
    let endpoint = (Endpoint::DeviceAuthorize, params);
    let (app, server, client) = match authenticated(server, request, caller, endpoint).await {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    let answer = async {
        let asked = DeviceAuthorizationRequest::from_params(params).map_err(OAuthError::from)?;
        let codes = device::begin(app, &server, &client, &asked, caller).await?;
        Ok::<_, OAuthFailure>(json_response(StatusCode::OK, &codes))
    };
    answered(answer.await, client)
}
