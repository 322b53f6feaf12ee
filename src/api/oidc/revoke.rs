//! The revocation endpoint (RFC 7009).

use http::{StatusCode, header};
use poem::{Request, Response};

use super::{
    Server,
    token::{answered, authenticated},
};
use crate::{
    api::error::oauth::OAuthFailure,
    client::authenticate::Endpoint,
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
    server: Server<'_>,
    request: &Request,
    caller: &Caller,
    params: &Params,
) -> Result<Response, Response> {
    let endpoint = (Endpoint::Revoke, params);
    let (app, server, client) = authenticated(server, request, caller, endpoint).await?;
    let answer = async {
        let asked = RevocationRequest::from_params(params)?;
        token::revoke::revoke(app, &server, &client, asked.token.expose(), caller)
            .await
            .map_err(unavailable)?;
        let answer =
            Response::builder().status(StatusCode::OK).header(header::CACHE_CONTROL, "no-store").finish();
        Ok::<_, OAuthFailure>(answer)
    };
    Ok(answered(answer.await, client))
}

/// RFC 7009 §2.2.1: when it cannot be done now the client must take the token to live on, and try again.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn unavailable(fault: Fault) -> OAuthFailure {
    tracing::error!(fault = %fault, "a token could not be revoked");
    OAuthError::new(ErrorCode::TemporarilyUnavailable, "The token could not be revoked. Try again.").into()
}
