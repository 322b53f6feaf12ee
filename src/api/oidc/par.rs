//! The pushed authorization request endpoint (RFC 9126 §2).

use std::sync::Arc;

use http::StatusCode;
use poem::{Request, Response};

use super::{
    sender,
    token::{answered, authenticated},
};
use crate::{
    api::error::oauth::{OAuthFailure, json_response},
    app::App,
    authorize::pushed::{PushError, push},
    cache::servers::ServerState,
    client::{authenticate::Endpoint, dpop::ProofError},
    protocol::{error::OAuthError, params::Params},
    syslog::Caller,
};

pub(super) async fn par(
    server: Result<(&App, Arc<ServerState>), Response>,
    request: &Request,
    caller: &Caller,
    params: &Params,
) -> Response {
    let endpoint = (Endpoint::Par, params);
    let (app, server, client) = match authenticated(server, request, caller, endpoint).await {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    let answer = async {
        let sender = sender(request).map_err(OAuthError::from)?;
        let pushed = push(app, &server, &client, (params, &sender), caller).await?;
        Ok::<_, OAuthFailure>(json_response(StatusCode::CREATED, &pushed))
    };
    answered(answer.await, client)
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
