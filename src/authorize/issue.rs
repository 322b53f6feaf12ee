//! The answer to an authorization request: the code with its grant in one unit with the log event, or an error.

use super::{checks::ValidRequest, decide::Decision, destination::Destination, flow::Flow};
use crate::{
    app::App,
    cache::servers::ServerState,
    fault::Fault,
    id::GrantId,
    model::{client::Client, grant::Grant, session::Session},
    protocol::{
        error::OAuthError,
        scope::{OPENID, ScopeSet},
    },
    secret::{TokenHash, opaque_token},
    session::management,
    store::{
        self,
        authorization_code::AuthorizationCode,
        unit::{Outcome, Unit},
    },
    syslog::{Caller, Event, EventType},
};

/// An answer and where it goes.
#[derive(Clone, Debug)]
pub struct AuthorizationResponse {
    /// Where and how.
    pub destination: Destination,
    /// The parameters, with `state` and `iss` (RFC 9207).
    pub params: Vec<(&'static str, String)>,
}

/// An error as an answer (RFC 6749 §4.1.2.1).
pub fn error(destination: Destination, error: &OAuthError) -> AuthorizationResponse {
    let params = vec![
        ("error", error.code.as_str().to_owned()),
        ("error_description", error.description().to_owned()),
    ];
    with_context(destination, params)
}

fn with_context(destination: Destination, mut params: Vec<(&'static str, String)>) -> AuthorizationResponse {
    if let Some(state) = &destination.state {
        params.push(("state", state.clone()));
    }
    params.push(("iss", destination.iss.clone()));
    AuthorizationResponse { destination, params }
}

/// `session_state`, which every successful answer to an OpenID request has (Session Management 1.0 §2).
fn session_state(
    app: &App,
    request: &ValidRequest,
    scope: &ScopeSet,
    session: &Session,
) -> Option<(&'static str, String)> {
    let redirect_uri = &request.destination.redirect_uri;
    let state = management::session_state(app, &request.client_id, redirect_uri, &session.id);
    state.filter(|_| scope.contains(OPENID)).map(|state| ("session_state", state))
}

/// Where a code is issued.
pub struct Issuing<'a> {
    /// The authorization server.
    pub server: &'a ServerState,
    /// The client.
    pub client: &'a Client,
    /// The session that was relied on.
    pub session: &'a Session,
    /// The pending request, if one was frozen: it is completed in the same unit.
    pub flow: Option<&'a Flow>,
    /// Who sent the last request.
    pub caller: &'a Caller,
}

/// Issues a code. `None` when the flow was completed meanwhile in another tab.
///
/// # Errors
/// The database failed; nothing was issued.
pub async fn code(
    app: &App,
    issuing: &Issuing<'_>,
    request: &ValidRequest,
    decision: Decision,
    mut unit: Unit,
) -> Result<Option<AuthorizationResponse>, Fault> {
    let now = app.now();
    let grant = Grant {
        id: GrantId::generate(app.random.as_ref()),
        server_id: request.server_id.clone(),
        client_id: request.client_id.clone(),
        user_id: Some(decision.user.id.clone()),
        session_id: Some(issuing.session.id.clone()),
        scope: decision.scope,
        acr: decision.acr,
        amr: decision.amr,
        auth_time: Some(decision.auth_time),
        access_lifetime: decision.lifetimes.access(),
        refresh_idle_lifetime: decision.lifetimes.refresh_idle(),
        created_at: now,
        expires_at: decision.lifetimes.refresh_absolute().map(|lifetime| now + lifetime),
        revoked_at: None,
        confirmation: None,
        resource: Vec::new(),
        claims: None,
        actor: None,
    };
    let lifetime = time::Duration::seconds(issuing.server.config.server.settings.code_lifetime.into());
    let code = opaque_token(app.random.as_ref());
    let row = AuthorizationCode {
        grant_id: grant.id.clone(),
        client_id: grant.client_id.clone(),
        server_id: grant.server_id.clone(),
        redirect_uri: request.destination.redirect_uri.clone(),
        redirect_uri_sent: request.destination.redirect_uri_sent,
        code_challenge: request.code_challenge.clone(),
        nonce: request.nonce.clone(),
        failures: 0,
        expires_at: now + lifetime,
        consumed_at: None,
    };
    let event = Event::new(EventType::AuthorizeCode)
        .server(&grant.server_id)
        .client(&grant.client_id)
        .user(&decision.user.id)
        .session(&issuing.session.id)
        .with("grant", grant.id.as_str())
        .with("scopes", grant.scope.to_string());
    if let Some(flow) = issuing.flow {
        unit = unit.claim(flow.complete());
    }
    unit = unit
        .row(store::grant::row(&grant)?)
        .row(store::authorization_code::row(&TokenHash::of(code.expose()), &row, now))
        .row(event.row(issuing.caller, app.random.as_ref(), now));
    match app.db.writer().commit(unit).await? {
        Outcome::Lost(_) => Ok(None),
        Outcome::Won => {
            let mut params = vec![("code", code.expose().clone())];
            params.extend(session_state(app, request, &grant.scope, issuing.session));
            Ok(Some(with_context(request.destination.clone(), params)))
        }
    }
}
