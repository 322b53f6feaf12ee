//! Login started at the provider (OpenID Connect Core §4): a link, like those of Okta's dashboard, that sends the user to
//! the client's `initiate_login_uri`, which then sends an authorization request as usual.

use http::{Method, StatusCode};
use poem::{Request, Response, handler};

use super::{
    answer::{carry, fault_page},
    failure_page,
    leaving::page,
    visit::Visit,
};
use crate::{
    app::App,
    fault::Fault,
    id::ClientId,
    model::{authorization_server::AuthorizationServer, client::Client},
    protocol::{
        params::Params,
        redirect_uri::{append_query, origin_of},
    },
    web::leaving::{LeavingReason, Way},
};

/// The longest `login_hint` or `target_link_uri` that is passed on, in characters.
const MAX_PARAMETER: usize = 2048;

/// Starts a login at a client.
#[handler]
pub(crate) async fn get(visit: Visit<'_>, request: &Request) -> Response {
    let app = visit.app;
    let Ok(params) = Params::parse_query(request.uri().query().unwrap_or_default()) else {
        let text = "This link cannot be read. Go to the application and sign in there.";
        return failure_page(visit, (StatusCode::BAD_REQUEST, "invalid_request", text), None, None);
    };
    let id = request.raw_path_param("client_id").or_else(|| params.one("client_id")).unwrap_or_default();
    let client = match app.clients.find(&app.db, &ClientId::new(id)).await {
        Ok(client) => client.filter(|client| client.is_active()),
        Err(fault) => return fault_page(visit, &fault),
    };
    let Some(client) = client else {
        let text = "The application of this link is not known, or is switched off.";
        return failure_page(visit, (StatusCode::BAD_REQUEST, "invalid_client", text), None, None);
    };
    let Some(uri) = client.metadata.initiate_login_uri.as_deref() else {
        let text =
            "A sign-in cannot be started here for this application. Go to the application and sign in there.";
        let what = (StatusCode::BAD_REQUEST, "no_initiate_login_uri", text);
        return failure_page(visit, what, Some(&client), None);
    };
    let iss = match issuer(app, params.one("iss")).await {
        Ok(Some(iss)) => iss,
        Ok(None) => {
            let text = "There is no such authorization server here.";
            let what = (StatusCode::BAD_REQUEST, "unknown_authorization_server", text);
            return failure_page(visit, what, Some(&client), None);
        }
        Err(fault) => return fault_page(visit, &fault),
    };
    let location = append_query(uri, &parameters(&client, &iss, &params));
    // An address that a client gave itself gets no user without the user's own decision (RFC 9700 §4.11.2).
    if visit.session.is_none() && !client.is_vouched_for() {
        return page(visit, &client, (uri, Way::Link(location)), LeavingReason::Login);
    }
    carry(visit, &location, &Method::GET)
}

/// The issuer to sign in at: the one that the link names, if it is one of ours, else the org server.
async fn issuer(app: &App, named: Option<&str>) -> Result<Option<String>, Fault> {
    let org = app.settings.issuer.as_str();
    let id = match named {
        None => AuthorizationServer::ORG,
        Some(named) if named == org => AuthorizationServer::ORG,
        Some(named) => {
            let custom = named.strip_prefix(org).and_then(|path| path.strip_prefix("/oauth2/"));
            match custom.filter(|id| *id != AuthorizationServer::ORG) {
                Some(id) => id,
                None => return Ok(None),
            }
        }
    };
    Ok(app.server(id).await?.map(|server| server.issuer.clone()))
}

/// Core §4: `iss`, and what was given of `login_hint` and `target_link_uri`. The latter is passed on only to where the
/// client takes answers anyway: it must not become a way to anywhere.
fn parameters<'a>(client: &Client, iss: &'a str, params: &'a Params) -> Vec<(&'static str, &'a str)> {
    let given = |name: &str| params.one(name).filter(|value| value.len() <= MAX_PARAMETER);
    let is_own = |target: &&str| {
        let origin = origin_of(target);
        origin.is_some() && client.metadata.redirect_uris.iter().any(|uri| origin_of(uri) == origin)
    };
    let mut parameters = vec![("iss", iss)];
    parameters.extend(given("login_hint").map(|hint| ("login_hint", hint)));
    parameters.extend(given("target_link_uri").filter(is_own).map(|target| ("target_link_uri", target)));
    parameters
}
