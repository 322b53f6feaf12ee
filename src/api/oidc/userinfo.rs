//! The userinfo endpoint (OpenID Connect Core §5.3).

use http::{StatusCode, header};
use poem::{Body, Request, Response, error::ResponseError};

use super::{Server, header_text, sender, token::about};
use crate::{
    api::error::{
        bearer,
        oauth::{OAuthFailure, json_response, jwt_response, supply_nonce},
    },
    client::dpop,
    protocol::{
        bearer::PresentedToken,
        error::{ErrorCode, OAuthError},
        params::{Params, is_form},
        token_response::TokenType,
    },
    token::userinfo::{self, Userinfo, UserinfoError},
};

pub(super) async fn userinfo(
    server: Server<'_>,
    request: &Request,
    body: Option<Body>,
) -> Result<Response, Response> {
    let (app, server) = server?;
    let form = match body {
        Some(body) if is_form(request.content_type()) => {
            let bytes = body.into_bytes().await.map_err(|_| Response::from(StatusCode::BAD_REQUEST))?;
            Some(Params::parse_form(&bytes).map_err(malformed)?)
        }
        Some(_) | None => None,
    };
    let query = Params::parse_query(request.uri().query().unwrap_or_default()).map_err(malformed)?;
    let authorization = header_text(request, &header::AUTHORIZATION);
    let presented = PresentedToken::extract(authorization, &query, form.as_ref())
        .map_err(malformed)?
        .ok_or_else(bearer::missing)?;
    let sender = sender(request).map_err(|_| bearer::invalid_token())?;
    Ok(match userinfo::userinfo(app, &server, &presented, &sender).await {
        Ok((answer, client)) => {
            let mut response = match answer {
                Userinfo::Claims(claims) => json_response(StatusCode::OK, &claims),
                Userinfo::Jwt(jwt) => jwt_response("application/jwt", jwt),
            };
            // RFC 9449 §8.2: before the nonce that was used grows too old.
            if presented.token_type == TokenType::DPoP && dpop::requires_nonce(&server, &client) {
                supply_nonce(&mut response, &dpop::nonce(app));
            }
            about(response, Some(client))
        }
        Err(UserinfoError::InvalidToken) => bearer::invalid_token(),
        Err(UserinfoError::InsufficientAuthentication) => {
            bearer::insufficient_user_authentication(&server.config.server.settings.userinfo)
        }
        Err(UserinfoError::NoEncryptionKey(_)) => bearer::refused(&OAuthError::invalid_request(
            "The client asked for encrypted userinfo, and its keys have none to encrypt to.",
        )),
        Err(UserinfoError::InsufficientScope) => bearer::refused(&OAuthError::new(
            ErrorCode::InsufficientScope,
            "The access token needs the scope openid.",
        )),
        Err(UserinfoError::Binding(error)) => bearer::unproven(error, presented.token_type),
        Err(UserinfoError::Claims(error)) => {
            tracing::error!(%error, "a claim could not be computed");
            OAuthFailure::from(OAuthError::server_error()).as_response()
        }
        Err(UserinfoError::Fault(fault)) => OAuthFailure::from(fault).as_response(),
    })
}

fn malformed(error: impl Into<OAuthError>) -> Response {
    bearer::refused(&error.into())
}
