//! The authorization endpoint (RFC 6749 §3.1), GET and POST.

use std::sync::Arc;

use http::{Method, StatusCode};
use poem::{Body, Request, Response, handler, web::Data};

use super::{
    answer::{carry, fault_page, flow_error},
    failure_page,
    leaving::{deliver_to, step_for},
    visit::Visit,
};
use crate::{
    app::App,
    authn::session_token::{self, Presenter, SessionTokenError},
    authorize::{
        checks::{Entry, ValidRequest, validate},
        destination::{LocateError, active_client, destination},
        dispatch::{Journey, dispatch},
        flow::{park, unpark},
        issue,
        parse::{ParseError, parse},
        pushed::open,
        request_object::{RequestObjectError, resolve},
    },
    cache::servers::ServerState,
    fault::Fault,
    model::{authorization_server::AuthorizationServer, client::Client},
    protocol::{
        authorization_request::AuthorizationRequest,
        error::OAuthError,
        params::{Params, is_form},
        pushed::is_pushed,
    },
    store::unit::Unit,
    syslog::Caller,
    web::error::DeveloperPanel,
};

/// The parameter that carries the ticket of a POSTed request.
const TICKET: &str = "ticket";

/// The server that a path names; its absence is a page.
async fn server_of(app: &App, request: &Request) -> Result<Option<Arc<ServerState>>, Fault> {
    match request.raw_path_param("authorization_server_id") {
        None => app.server(AuthorizationServer::ORG).await,
        Some(AuthorizationServer::ORG) => Ok(None),
        Some(id) => app.server(id).await,
    }
}

/// Answers an authorization request.
#[handler]
pub(crate) async fn get(visit: Visit<'_>, request: &Request) -> Response {
    let app = visit.app;
    let server = match server_of(app, request).await {
        Ok(Some(server)) => server,
        Ok(None) => return unknown_server(visit),
        Err(fault) => return fault_page(visit, &fault),
    };
    let query = request.uri().query().unwrap_or_default();
    let ticket = Params::parse_query(query)
        .ok()
        .and_then(|params| params.one(TICKET).map(ToOwned::to_owned))
        .filter(|_| !query.contains('&'));
    match ticket {
        Some(ticket) => match unpark(app, &ticket).await {
            Ok(encoded) => answer(visit, &server, &encoded).await,
            Err(error) => flow_error(visit, error),
        },
        None => answer(visit, &server, query).await,
    }
}

/// Takes a POSTed request and answers with a redirect: only on the GET that follows does a browser show a session cookie
/// that is `SameSite=Lax`.
#[handler]
pub(crate) async fn post(
    request: &Request,
    body: Body,
    app: Data<&Arc<App>>,
    caller: Data<&Arc<Caller>>,
) -> Response {
    // Cross-site by design: a browser may keep its cookies to itself here, so none is read and none is replaced.
    let visit = Visit::without_cookies(&app, &caller);
    match server_of(&app, request).await {
        Ok(Some(_)) => {}
        Ok(None) => return unknown_server(visit),
        Err(fault) => return fault_page(visit, &fault),
    }
    let query_is_empty = request.uri().query().is_none_or(str::is_empty);
    let encoded = match body.into_string().await {
        // A session token is a credential: it is taken from a link only, and never kept with a request.
        Ok(encoded) if is_form(request.content_type()) && query_is_empty => without_session_token(&encoded).0,
        Ok(_) | Err(_) => {
            let text = "An authorization request by POST is a form, with nothing in the URL.";
            return failure_page(visit, (StatusCode::BAD_REQUEST, "invalid_request", text), None, None);
        }
    };
    // What cannot be read is refused before it is written: it would be on the GET that follows.
    if let Err(error) = parse(encoded.as_bytes()) {
        return unreadable(visit, &error);
    }
    let (ticket, row) = match park(&app, &encoded, &caller).await {
        Ok(parked) => parked,
        Err(error) => return flow_error(visit, error),
    };
    if let Err(fault) = app.db.writer().commit(Unit::new().row(row)).await {
        return fault_page(visit, &fault);
    }
    carry(visit, &format!("{}?{TICKET}={ticket}", request.uri().path()), &Method::POST)
}

/// The parameter of Okta's session token.
const SESSION_TOKEN: &str = "sessionToken";

/// The parameters without the session token, and the token.
fn without_session_token(encoded: &str) -> (String, Option<String>) {
    // What is not there is left as it was sent.
    if !encoded.contains(SESSION_TOKEN) {
        return (encoded.to_owned(), None);
    }
    let (tokens, rest): (Vec<_>, Vec<_>) =
        form_urlencoded::parse(encoded.as_bytes()).into_owned().partition(|(name, _)| name == SESSION_TOKEN);
    let rest = form_urlencoded::Serializer::new(String::new()).extend_pairs(rest).finish();
    (rest, tokens.into_iter().next().map(|(_, token)| token))
}

/// Exchanges a session token for a session, unless there is one, and takes it out of the URL by a redirect.
async fn exchange_session_token(
    mut visit: Visit<'_>,
    server: &ServerState,
    request: &ValidRequest,
    encoded: &str,
) -> Response {
    let (rest, token) = without_session_token(encoded);
    if let Some(token) = token.filter(|_| visit.session.is_none()) {
        let presenter = Presenter::Authorization {
            client: &request.client_id,
            redirect_uri: &request.destination.redirect_uri,
        };
        match session_token::redeem(visit.app, &token, presenter, visit.caller).await {
            Ok(signed_in) => visit.open_session(signed_in.opened.session, signed_in.opened.cookie.expose()),
            // Then the user signs in, or the client learns that nobody is signed in.
            Err(SessionTokenError::Invalid) => {}
            Err(SessionTokenError::Fault(fault)) => return fault_page(visit, &fault),
        }
    }
    carry(visit, &format!("{}/v1/authorize?{rest}", server.endpoint_base), &Method::GET)
}

async fn answer(visit: Visit<'_>, server: &Arc<ServerState>, encoded: &str) -> Response {
    let app = visit.app;
    let parsed = match parse(encoded.as_bytes()) {
        Ok(parsed) => parsed,
        Err(error) => return unreadable(visit, &error),
    };
    if let Some(request_uri) = parsed.request.request_uri.as_deref().filter(|uri| is_pushed(uri)) {
        return pushed(visit, server, &parsed.request, request_uri).await;
    }
    let client = match active_client(app, &parsed.request.client_id).await {
        Ok(client) => client,
        Err(error) => return not_located(visit, &parsed.request, error),
    };
    let outside = parsed.request.clone();
    let parsed = match resolve(app, server, &client, parsed, Entry::Authorize).await {
        Ok(parsed) => parsed,
        Err(RequestObjectError::Fault(fault)) => return fault_page(visit, &fault),
        Err(error) => return object_refused(visit, (server, &client), &outside, error.into()).await,
    };
    let destination = match destination(server, &client, &parsed.request) {
        Ok(destination) => destination,
        Err(error) => return not_located(visit, &parsed.request, error),
    };
    let request = match validate(&parsed, &client, server, destination.clone(), Entry::Authorize) {
        Ok(request) => request,
        Err(error) => {
            return deliver_to(visit, &client, issue::error(destination, &error), &Method::GET).await;
        }
    };
    // Only from the link itself: what is signed into a request object could not be taken out of it.
    let in_link = outside.session_token && parsed.request.session_token;
    if in_link && client.is_okta_compat() {
        return exchange_session_token(visit, server, &request, encoded).await;
    }
    if in_link {
        tracing::info!(client.id = %client.id, "a session token was ignored: the client's profile is not okta_compat");
    }
    let browser = visit.browser();
    let next = dispatch(app, server, &client, Journey::Fresh(Box::new(request)), &browser).await;
    step_for(visit, &client, next, &Method::GET).await
}

/// A request object that is not taken: its client is told where the parameters around it say, if that is registered
/// (OpenID Connect Core §6).
async fn object_refused(
    visit: Visit<'_>,
    (server, client): (&ServerState, &Arc<Client>),
    outside: &AuthorizationRequest,
    error: OAuthError,
) -> Response {
    match destination(server, client, outside) {
        Ok(destination) => deliver_to(visit, client, issue::error(destination, &error), &Method::GET).await,
        Err(_) => {
            let developer = DeveloperPanel::Facts {
                advice: "Check the request object, its signature and its address.".to_owned(),
                facts: vec![("Problem".to_owned(), error.description().to_owned())],
            };
            let text = "The application sent a sign-in request that cannot be read.";
            let code = error.code.as_str();
            failure_page(visit, (StatusCode::BAD_REQUEST, code, text), Some(client), Some(developer))
        }
    }
}

/// A pushed request (RFC 9126 §4): of what the browser sent, `client_id` and `request_uri` count and nothing else.
async fn pushed(
    visit: Visit<'_>,
    server: &Arc<ServerState>,
    sent: &AuthorizationRequest,
    request_uri: &str,
) -> Response {
    let app = visit.app;
    let (client, request) = match open(app, server, &sent.client_id, request_uri).await {
        Ok(opened) => opened,
        Err(error) => return not_located(visit, sent, error),
    };
    let browser = visit.browser();
    let next = dispatch(app, server, &client, Journey::Fresh(Box::new(request)), &browser).await;
    step_for(visit, &client, next, &Method::GET).await
}

fn unknown_server(visit: Visit<'_>) -> Response {
    let text =
        "There is no such authorization server here. Check the issuer in the application's configuration.";
    failure_page(visit, (StatusCode::NOT_FOUND, "unknown_authorization_server", text), None, None)
}

fn unreadable(visit: Visit<'_>, error: &ParseError) -> Response {
    let developer = DeveloperPanel::Facts {
        advice: "Each parameter may be sent once, within its size.".to_owned(),
        facts: vec![("Problem".to_owned(), error.to_string())],
    };
    let text = "The application sent a sign-in request that cannot be read.";
    failure_page(visit, (StatusCode::BAD_REQUEST, "invalid_request", text), None, Some(developer))
}

fn not_located(visit: Visit<'_>, request: &AuthorizationRequest, error: LocateError) -> Response {
    match error {
        LocateError::UnknownClient => {
            let developer = DeveloperPanel::Facts {
                advice:
                    "Check the client_id in the application's configuration, and that the client is active."
                        .to_owned(),
                facts: vec![("client_id".to_owned(), request.client_id.clone())],
            };
            let text = "The application that sent you here is not known, or is switched off.";
            failure_page(visit, (StatusCode::BAD_REQUEST, "invalid_client", text), None, Some(developer))
        }
        LocateError::MissingRedirectUri(client) => {
            let developer = DeveloperPanel::RedirectUri {
                sent: String::new(),
                registered: client.metadata.redirect_uris.clone(),
            };
            let text = "The application did not say where to return to.";
            failure_page(
                visit,
                (StatusCode::BAD_REQUEST, "invalid_redirect_uri", text),
                Some(&client),
                Some(developer),
            )
        }
        LocateError::UnregisteredRedirectUri { client, sent } => {
            let developer =
                DeveloperPanel::RedirectUri { sent, registered: client.metadata.redirect_uris.clone() };
            let text = "The application asked to return to an address that is not registered for it.";
            failure_page(
                visit,
                (StatusCode::BAD_REQUEST, "invalid_redirect_uri", text),
                Some(&client),
                Some(developer),
            )
        }
        LocateError::InvalidRequestUri => {
            let text =
                "This sign-in is over or has taken too long. Go back to the application and start again.";
            failure_page(visit, (StatusCode::BAD_REQUEST, "invalid_request_uri", text), None, None)
        }
        LocateError::Fault(fault) => fault_page(visit, &fault),
    }
}
