//! The pushed authorization request endpoint (RFC 9126 §2).

use std::sync::Arc;

use http::{StatusCode, header};
use poem::{Request, Response, error::ResponseError};

use super::{
    header_text, sender,
    token::{about, credentials},
};
use crate::{
    api::error::oauth::{OAuthFailure, json_response},
    app::App,
    authorize::pushed::{PushError, push},
    cache::servers::ServerState,
    client::{authenticate, authenticate::Endpoint, dpop::ProofError},
    protocol::{error::OAuthError, params::Params},
    syslog::Caller,
};

pub(super) async fn par(
    server: Result<(&App, Arc<ServerState>), Response>,
    request: &Request,
    caller: &Caller,
    params: &Params,
) -> Response {
    let (app, server) = match server {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    let authorization = header_text(request, &header::AUTHORIZATION);
    let client = async {
        let authentication = credentials(request, params)?;
        authenticate(app, &server, Endpoint::Par, authentication, caller)
            .await
            .map_err(|error| OAuthFailure::from(error).to_header(authorization))
    };
    let client = match client.await {
        Ok(client) => client,
        Err(failure) => return failure.as_response(),
    };
    let sender = match sender(request) {
        Ok(sender) => sender,
        Err(error) => return OAuthFailure::from(OAuthError::from(error)).as_response(),
    };
    let response = match push(app, &server, &client, (params, &sender), caller).await {
        Ok(pushed) => json_response(StatusCode::CREATED, &pushed),
        Err(error) => OAuthFailure::from(error).as_response(),
    };
    about(response, Some(client))
}

impl From<PushError> for OAuthFailure {
    fn from(error: PushError) -> Self {
        match error {
            PushError::Refused(error) => error.into(),
            PushError::Proof(ProofError::Refused(error)) => error.into(),
            PushError::Proof(ProofError::UseNonce(nonce)) => Self::use_dpop_nonce(nonce),
            PushError::TooMany(count) => Self::throttled(count),
            PushError::Fault(fault) => fault.into(),
        }
    }
}
