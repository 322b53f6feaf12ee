//! The answer to an authorization request: the grant with its code in one unit with the log event, or an error.

use super::{
    checks::ValidRequest, decide::Decision, destination::Destination, flow, flow::Flow, front_channel,
    front_channel::IssueError,
};
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

/// Issues what the response type asks for. `None` when the request was completed meanwhile, in another tab.
///
/// # Errors
/// A claim cannot be computed, or a fault; nothing was issued.
pub async fn issue(
    app: &App,
    issuing: &Issuing<'_>,
    request: &ValidRequest,
    decision: Decision,
    unit: Unit,
) -> Result<Option<AuthorizationResponse>, IssueError> {
    let now = app.now();
    let grant = grant(app, issuing, request, &decision)?;
    let code = request.response_type.has_code().then(|| opaque_token(app.random.as_ref()));
    let code_text = code.as_ref().map(|code| code.expose().as_str());
    // Signed before anything is spent: what fails here leaves nothing behind.
    let tokens = front_channel::tokens(app, issuing, request, (&decision, &grant), code_text).await?;
    let mut unit = flow::complete(unit, request, issuing.flow, now).row(store::grant::row(&grant)?);
    let mut params = front_channel::Params::new();
    if let Some(code) = &code {
        let row = code_row(issuing, request, &grant);
        unit = unit.row(store::authorization_code::row(&TokenHash::of(code.expose()), &row, now));
        params.push(("code", code.expose().clone()));
    }
    params.extend(tokens);
    params.extend(session_state(app, request, &grant.scope, issuing.session));
    let unit = unit.row(event(issuing, request, &grant).row(issuing.caller, app.random.as_ref(), now));
    match app.db.writer().commit(unit).await? {
        Outcome::Lost(_) => Ok(None),
        Outcome::Won => Ok(Some(with_context(request.destination.clone(), params))),
    }
}

/// The grant that everything in the response, and everything that its code buys, belongs to.
pub(super) fn grant(
    app: &App,
    issuing: &Issuing<'_>,
    request: &ValidRequest,
    decision: &Decision,
) -> Result<Grant, Fault> {
    let now = app.now();
    Ok(Grant {
        id: GrantId::generate(app.random.as_ref()),
        server_id: request.server_id.clone(),
        client_id: request.client_id.clone(),
        user_id: Some(decision.user.id.clone()),
        session_id: Some(issuing.session.id.clone()),
        scope: decision.scope.clone(),
        acr: decision.acr.clone(),
        amr: decision.amr.clone(),
        auth_time: Some(decision.auth_time),
        access_lifetime: decision.lifetimes.access(),
        refresh_idle_lifetime: decision.lifetimes.refresh_idle(),
        created_at: now,
        expires_at: decision.lifetimes.refresh_absolute().map(|lifetime| now + lifetime),
        revoked_at: None,
        confirmation: None,
        resource: request.resource.clone(),
        claims: if request.claims.is_empty() { None } else { Some(serde_json::to_string(&request.claims)?) },
        actor: None,
    })
}

fn code_row(issuing: &Issuing<'_>, request: &ValidRequest, grant: &Grant) -> AuthorizationCode {
    let lifetime = time::Duration::seconds(issuing.server.config.server.settings.code_lifetime.into());
    AuthorizationCode {
        grant_id: grant.id.clone(),
        client_id: grant.client_id.clone(),
        server_id: grant.server_id.clone(),
        redirect_uri: request.destination.redirect_uri.clone(),
        redirect_uri_sent: request.destination.redirect_uri_sent,
        code_challenge: request.code_challenge.clone(),
        nonce: request.nonce.clone(),
        dpop_jkt: request.dpop_jkt.clone(),
        failures: 0,
        expires_at: grant.created_at + lifetime,
        consumed_at: None,
    }
}

/// One event for the response, whatever is in it.
fn event(issuing: &Issuing<'_>, request: &ValidRequest, grant: &Grant) -> Event {
    let kind = match (request.response_type.has_code(), request.response_type.has_token()) {
        (true, _) => EventType::AuthorizeCode,
        (false, true) => EventType::AuthorizeImplicitAccessToken,
        (false, false) => EventType::AuthorizeImplicitIdToken,
    };
    let event = Event::new(kind)
        .server(&grant.server_id)
        .client(&grant.client_id)
        .session(&issuing.session.id)
        .with("grant", grant.id.as_str())
        .with("responseType", request.response_type.as_str())
        .with("scopes", grant.scope.to_string());
    match &grant.user_id {
        Some(user) => event.user(user),
        None => event,
    }
}
