//! Universal Logout (Okta): a machine of the org server ends everything that a user has.

use std::sync::Arc;

use http::{StatusCode, header};
use poem::{Body, Request, Response};
use serde_json::Value;

use super::header_text;
use crate::{
    api::error::{bearer, okta::Envelope},
    app::App,
    cache::servers::ServerState,
    fault::Fault,
    id::{ClientId, UserId},
    logout::universal,
    protocol::{
        bearer::PresentedToken,
        error::{ErrorCode, OAuthError},
        okta_scope::OktaScope,
        params::Params,
        token_response::TokenType,
    },
    syslog::Caller,
    token::{access, introspect::client_token_is_live},
};

pub(super) async fn global_token_revocation(
    server: Result<(&App, Arc<ServerState>), Response>,
    request: &Request,
    caller: &Caller,
    body: Body,
) -> Response {
    let (app, server) = match server {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    let client = match authorized(app, &server, request).await {
        Ok(client) => client,
        Err(answer) => return answer,
    };
    let Ok(bytes) = body.into_bytes().await else { return Envelope::malformed().respond() };
    let Ok(document) = serde_json::from_slice::<Value>(&bytes) else {
        return Envelope::malformed().respond();
    };
    let user = match subject(app, &document).await {
        Ok(Some(user)) => user,
        Ok(None) => return Envelope::invalid(StatusCode::BAD_REQUEST, "sub_id").respond(),
        Err(fault) => return failed(&fault),
    };
    match universal::log_out(app, &user, &client, caller).await {
        Ok(true) => StatusCode::NO_CONTENT.into(),
        Ok(false) => Envelope::not_found(user.as_str(), "User").respond(),
        Err(fault) => failed(&fault),
    }
}

fn failed(fault: &Fault) -> Response {
    tracing::error!(%fault, "a universal logout failed");
    Envelope::internal().respond()
}

/// The client whose own token allows it (RFC 6750 §2.1, §3.1).
///
/// # Errors
/// The answer to whoever may not.
async fn authorized(app: &App, server: &ServerState, request: &Request) -> Result<ClientId, Response> {
    let query = Params::parse_query(request.uri().query().unwrap_or_default())
        .map_err(|error| bearer::refused(&error.into()))?;
    let authorization = header_text(request, &header::AUTHORIZATION);
    let presented = PresentedToken::extract(authorization, &query, None)
        .map_err(|error| bearer::refused(&error.into()))?
        .ok_or_else(bearer::missing)?;
    if presented.token_type != TokenType::Bearer {
        return Err(bearer::invalid_token());
    }
    let claims =
        access::verify(server, presented.token.expose(), app.now()).map_err(|_| bearer::invalid_token())?;
    // Tokens of users name a grant; this scope is for machines.
    let live = claims.grant.is_none()
        && client_token_is_live(app, server, &claims).await.map_err(|fault| failed(&fault))?;
    if !live {
        return Err(bearer::invalid_token());
    }
    if !claims.scope.contains(OktaScope::UniversalLogoutManage.as_str()) {
        let text = "The access token needs the scope okta.universalLogout.manage.";
        return Err(bearer::refused(&OAuthError::new(ErrorCode::InsufficientScope, text)));
    }
    Ok(claims.client)
}

/// The user that `sub_id` names (RFC 9493 §3.2.3, §3.2.7); absent when it is none of the formats.
async fn subject(app: &App, document: &Value) -> Result<Option<UserId>, Fault> {
    let text = |name: &str| document.get("sub_id").and_then(|id| id.get(name)).and_then(Value::as_str);
    let user = match text("format") {
        Some("opaque") => text("id"),
        Some("iss_sub") => match text("iss") {
            Some(iss) if is_ours(app, iss).await? => text("sub"),
            Some(_) | None => None,
        },
        Some(_) | None => None,
    };
    Ok(user.filter(|user| !user.is_empty() && user.len() <= MAX_SUBJECT).map(UserId::new))
}

/// The longest subject (OpenID Connect Core §2).
const MAX_SUBJECT: usize = 255;

/// Whether an issuer is an authorization server of this installation.
async fn is_ours(app: &App, issuer: &str) -> Result<bool, Fault> {
    let org = &app.settings.issuer;
    if issuer == org {
        return Ok(true);
    }
    let Some(id) = issuer.strip_prefix(org.as_str()).and_then(|path| path.strip_prefix("/oauth2/")) else {
        return Ok(false);
    };
    Ok(app.server(id).await?.is_some_and(|server| server.issuer == issuer))
}
