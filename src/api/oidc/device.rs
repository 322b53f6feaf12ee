//! The device authorization endpoint (RFC 8628 §3.1).

use http::StatusCode;
use poem::{Request, Response};

use super::{
    Server,
    token::{answered, authenticated},
};
use crate::{
    api::error::oauth::{OAuthFailure, json_response},
    authorize::device,
    client::authenticate::Endpoint,
    protocol::{device::DeviceAuthorizationRequest, error::OAuthError, params::Params},
    syslog::Caller,
};

pub(super) async fn authorize(
    server: Server<'_>,
    request: &Request,
    caller: &Caller,
    params: &Params,
) -> Result<Response, Response> {
    let endpoint = (Endpoint::DeviceAuthorize, params);
    let (app, server, client) = authenticated(server, request, caller, endpoint).await?;
    let answer = async {
        let asked = DeviceAuthorizationRequest::from_params(params).map_err(OAuthError::from)?;
        let codes = device::begin(app, &server, &client, &asked, caller).await?;
        Ok::<_, OAuthFailure>(json_response(StatusCode::OK, &codes))
    };
    Ok(answered(answer.await, client))
}
