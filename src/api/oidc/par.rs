//! The pushed authorization request endpoint (RFC 9126 §2).

use http::StatusCode;
use poem::{Request, Response};

use super::{
    Server, sender,
    token::{answered, authenticated},
};
use crate::{
    api::error::oauth::{OAuthFailure, json_response},
    authorize::pushed::{PushError, push},
    client::{authenticate::Endpoint, dpop::ProofError},
    protocol::{error::OAuthError, params::Params},
    syslog::Caller,
};

pub(super) async fn par(
    server: Server<'_>,
    request: &Request,
    caller: &Caller,
    params: &Params,
) -> Result<Response, Response> {
    let endpoint = (Endpoint::Par, params);
    let (app, server, client) = authenticated(server, request, caller, endpoint).await?;
    let answer = async {
        let sender = sender(request).map_err(OAuthError::from)?;
        let pushed = push(app, &server, &client, (params, &sender), caller).await?;
        Ok::<_, OAuthFailure>(json_response(StatusCode::CREATED, &pushed))
    };
    Ok(answered(answer.await, client))
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
