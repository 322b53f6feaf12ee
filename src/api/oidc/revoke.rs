//! The revocation endpoint (RFC 7009).

use std::sync::Arc;

use http::{StatusCode, header};
use poem::{Request, Response, error::ResponseError};

use super::{
    header_text,
    token::{about, credentials},
};
use crate::{
    api::error::oauth::OAuthFailure,
    app::App,
    cache::servers::ServerState,
    client::{authenticate, authenticate::Endpoint},
    fault::Fault,
    protocol::{
        error::{ErrorCode, OAuthError},
        params::Params,
        revocation::RevocationRequest,
    },
    syslog::Caller,
    token,
};

pub(super) async fn revoke(
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
        let client = authenticate(app, &server, Endpoint::Revoke, authentication, caller)
            .await
            .map_err(|error| OAuthFailure::from(error).to_header(authorization))?;
        let asked = RevocationRequest::from_params(params)?;
        token::revoke::revoke(app, &server, &client, asked.token.expose(), caller)
            .await
            .map_err(unavailable)?;
        let answer =
            Response::builder().status(StatusCode::OK).header(header::CACHE_CONTROL, "no-store").finish();
        Ok::<_, OAuthFailure>(about(answer, Some(client)))
    };
    answer.await.unwrap_or_else(|failure| failure.as_response())
}

/// RFC 7009 §2.2.1: when it cannot be done now the client must take the token to live on, and try again.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn unavailable(fault: Fault) -> OAuthFailure {
    tracing::error!(fault = %fault, "a token could not be revoked");
    OAuthError::new(ErrorCode::TemporarilyUnavailable, "The token could not be revoked. Try again.").into()
}
