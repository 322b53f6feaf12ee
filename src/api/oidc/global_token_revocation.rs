//! Universal Logout (Okta): a machine of the org server ends everything that a user has.

use http::StatusCode;
use poem::{Request, Response};
use serde_json::{Map, Value};

use super::{
    Server,
    administrator::{bearer_token, missing_scope},
    schema::GlobalTokenRevocation,
};
use crate::{
    api::{
        error::{
            bearer,
            okta::{Envelope, failed},
        },
        json_body::JsonBody,
    },
    app::App,
    cache::servers::ServerState,
    client::administrator::{Administrator, AdministratorError},
    fault::Fault,
    id::{ClientId, UserId},
    logout::universal,
    protocol::okta_scope::OktaScope,
    syslog::Caller,
};

pub(super) async fn global_token_revocation(
    server: Server<'_>,
    request: &Request,
    caller: &Caller,
    body: &JsonBody<GlobalTokenRevocation>,
) -> Result<Response, Response> {
    let (app, server) = server?;
    let client = authorized(app, &server, request).await?;
    let document = body.members().map_err(|_| Envelope::malformed().respond())?;
    let user = subject(app, &document).await.map_err(failed)?;
    let user = user.ok_or_else(|| Envelope::invalid(StatusCode::BAD_REQUEST, "sub_id").respond())?;
    if universal::log_out(app, &user, &client, caller).await.map_err(failed)? {
        Ok(StatusCode::NO_CONTENT.into())
    } else {
        Err(Envelope::not_found(user.as_str(), "User").respond())
    }
}

/// The client whose own token allows it.
///
/// # Errors
/// The answer to whoever may not.
async fn authorized(app: &App, org: &ServerState, request: &Request) -> Result<ClientId, Response> {
    const SCOPE: OktaScope = OktaScope::UniversalLogoutManage;
    let token = bearer_token(request)?.ok_or_else(bearer::missing)?;
    match Administrator::identify(app, org, token.expose()).await {
        Ok(administrator) if administrator.scopes.contains(&SCOPE) => Ok(administrator.client),
        Ok(_) => Err(missing_scope(SCOPE)),
        Err(AdministratorError::InvalidToken(_) | AdministratorError::Binding(_)) => {
            Err(bearer::invalid_token())
        }
        Err(AdministratorError::Fault(fault)) => Err(failed(fault)),
    }
}

/// The user that `sub_id` names (RFC 9493 §3.2.3, §3.2.7); absent when it is none of the formats.
async fn subject(app: &App, document: &Map<String, Value>) -> Result<Option<UserId>, Fault> {
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
