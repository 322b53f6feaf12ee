//! The introspection endpoint (RFC 7662).

use http::{StatusCode, header};
use poem::{Request, Response};

use super::{
    Server, header_text,
    token::{answered, authenticated},
};
use crate::{
    api::error::oauth::{OAuthFailure, json_response, jwt_response},
    client::authenticate::Endpoint,
    model::client::Client,
    protocol::{introspection::IntrospectionRequest, params::Params},
    syslog::Caller,
    token,
};

pub(super) async fn introspect(
    server: Server<'_>,
    request: &Request,
    caller: &Caller,
    params: &Params,
) -> Result<Response, Response> {
    let endpoint = (Endpoint::Introspect, params);
    let (app, server, client) = authenticated(server, request, caller, endpoint).await?;
    let answer = async {
        let asked = IntrospectionRequest::from_params(params)?;
        let active = token::introspect::introspect(app, &server, &client, asked.token.expose()).await?;
        let response = match wanted(header_text(request, &header::ACCEPT), &client) {
            Form::Json => json_response(StatusCode::OK, &active),
            Form::Jwt => {
                let jwt = token::introspection_jwt::sign(&server, &client, &active, app.now())?;
                jwt_response(MEDIA_TYPE, jwt)
            }
        };
        Ok::<_, OAuthFailure>(response)
    };
    Ok(answered(answer.await, client))
}

/// RFC 9701 §4, §5.
const MEDIA_TYPE: &str = "application/token-introspection+jwt";

/// How an answer is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    /// RFC 7662 §2.2.
    Json,
    /// RFC 9701 §5.
    Jwt,
}

/// What `Accept` names by name; without that, what the caller registered (RFC 9701 §4, §6).
fn wanted(accept: Option<&str>, caller: &Client) -> Form {
    let accepts = |media_type: &str| {
        let ranges = accept.unwrap_or_default().split(',');
        ranges
            .map(|range| range.split(';').next().unwrap_or_default().trim())
            .any(|range| range.eq_ignore_ascii_case(media_type))
    };
    if accepts(MEDIA_TYPE) {
        Form::Jwt
    } else if accepts("application/json") || caller.metadata.introspection_signed_response_alg.is_none() {
        Form::Json
    } else {
        Form::Jwt
    }
}
