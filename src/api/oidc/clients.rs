//! Client registration and management (RFC 7591; RFC 7592), which is Okta's `/oauth2/v1/clients` as well.

use http::{HeaderValue, StatusCode, header};
use poem::{Request, Response, error::ResponseError};
use serde_json::Value;

use super::{
    Server,
    administrator::{bearer_token, missing_scope},
};
use crate::{
    api::error::{
        bearer,
        oauth::{OAuthFailure, json_response},
        okta::Envelope,
    },
    app::App,
    cache::servers::ServerState,
    client::{
        registrar::{Registrar, RegistrarError},
        registration::{self, Document, More, Registered, RegistrationError},
    },
    id::ClientId,
    protocol::params::{Params, encode_component},
    store::client::Page,
    syslog::Caller,
};

/// The kind of thing a client is, in Okta's errors.
const KIND: &str = "PublicClientApp";
/// How many clients a page of the list has unless the request says otherwise (Okta).
const LIMIT: u64 = 20;
/// How many it has at most (Okta).
const MAX_LIMIT: u64 = 200;

/// What is asked of one client.
pub(super) enum Action {
    /// RFC 7592 §2.1
    Read,
    /// RFC 7592 §2.2
    Replace(Document),
    /// RFC 7592 §2.3
    Delete,
    /// Okta
    NewSecret,
}

pub(super) async fn register(
    server: Server<'_>,
    request: &Request,
    caller: &Caller,
    document: Document,
) -> Result<Response, Response> {
    let (app, org) = server?;
    let registrar = identify(app, &org, request).await?;
    let request = registration::Request { app, org: &org, registrar: &registrar, caller };
    let registered = registration::register(&request, document).await.map_err(|error| refusal(error, ""))?;
    told(app, StatusCode::CREATED, &registered)
}

pub(super) async fn one(
    server: Server<'_>,
    request: &Request,
    caller: &Caller,
    (id, action): (&str, Action),
) -> Result<Response, Response> {
    let (app, org) = server?;
    let registrar = identify(app, &org, request).await?;
    let request = registration::Request { app, org: &org, registrar: &registrar, caller };
    let client = ClientId::new(id);
    let outcome = match action {
        Action::Read => registration::load(&request, &client).await,
        Action::Replace(document) => registration::replace(&request, &client, document).await,
        Action::NewSecret => registration::new_secret(&request, &client).await,
        Action::Delete => match registration::delete(&request, &client).await {
            Ok(()) => return Ok(StatusCode::NO_CONTENT.into()),
            Err(error) => Err(error),
        },
    };
    told(app, StatusCode::OK, &outcome.map_err(|error| refusal(error, id))?)
}

pub(super) async fn list(
    server: Server<'_>,
    request: &Request,
    caller: &Caller,
) -> Result<Response, Response> {
    let (app, org) = server?;
    let registrar = identify(app, &org, request).await?;
    // `identify` has read the query before.
    let query = Params::parse_query(request.uri().query().unwrap_or_default()).unwrap_or_default();
    let limit = match query.one("limit").map(|limit| (limit, limit.parse())) {
        None => LIMIT,
        Some((text, Ok(limit)))
            if (1..=MAX_LIMIT).contains(&limit) && text.bytes().all(|b| b.is_ascii_digit()) =>
        {
            limit
        }
        Some(_) => return Err(Envelope::paging("limit: a number from 1 to 200").respond()),
    };
    let page = Page { name_prefix: query.one("q"), after: query.one("after"), limit };
    let request = registration::Request { app, org: &org, registrar: &registrar, caller };
    let listed = registration::list(&request, &page).await;
    let (clients, more) = listed.map_err(|error| refusal(error, ""))?;
    page_of(app, &clients, (&page, more))
}

/// A page of the list with its `Link` headers (RFC 8288).
fn page_of(app: &App, clients: &[Registered], (page, more): (&Page<'_>, More)) -> Result<Response, Response> {
    let issuer = &app.settings.issuer;
    let documents: Result<Vec<Value>, _> =
        clients.iter().map(|client| client.document(issuer).map(Value::Object)).collect();
    let documents = documents.map_err(|fault| OAuthFailure::from(fault).as_response())?;
    let mut response = json_response(StatusCode::OK, &documents);
    let link = |after: Option<&str>, relation: &str| {
        let mut url = format!("{issuer}/oauth2/v1/clients?limit={}", page.limit);
        for (name, value) in [("q", page.name_prefix), ("after", after)] {
            if let Some(value) = value {
                url.push_str(&format!("&{name}={}", encode_component(value)));
            }
        }
        format!("<{url}>; rel=\"{relation}\"")
    };
    let next =
        clients.last().filter(|_| more == More::Yes).map(|last| link(Some(last.client.id.as_str()), "next"));
    for value in [Some(link(page.after, "self")), next].into_iter().flatten() {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().append(header::LINK, value);
        }
    }
    Ok(response)
}

/// Reads the bearer token, if there is one, and finds out whose it is.
async fn identify(app: &App, org: &ServerState, request: &Request) -> Result<Registrar, Response> {
    let token = bearer_token(request)?;
    Registrar::identify(app, org, token).await.map_err(|error| refusal(error.into(), ""))
}

/// The client information response (RFC 7591 §3.2.1).
fn told(app: &App, status: StatusCode, registered: &Registered) -> Result<Response, Response> {
    let document = registered.document(&app.settings.issuer);
    Ok(json_response(status, &document.map_err(|fault| OAuthFailure::from(fault).as_response())?))
}

fn refusal(error: RegistrationError, id: &str) -> Response {
    match error {
        RegistrationError::Registrar(RegistrarError::MissingToken) => bearer::missing(),
        RegistrationError::Registrar(RegistrarError::InvalidToken(_)) => bearer::invalid_token(),
        RegistrationError::Registrar(RegistrarError::MissingScope(scope)) => missing_scope(scope),
        RegistrationError::UnknownClient => Envelope::not_found(id, KIND).respond(),
        RegistrationError::Metadata(error) => OAuthFailure::from(error).as_response(),
        RegistrationError::Throttled(count) => OAuthFailure::throttled(count).as_response(),
        RegistrationError::Fault(fault) | RegistrationError::Registrar(RegistrarError::Fault(fault)) => {
            OAuthFailure::from(fault).as_response()
        }
    }
}
