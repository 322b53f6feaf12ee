//! `/` and `/playground` of a development server; a production server has nothing to show at `/`.

use http::StatusCode;
use poem::{Response, handler};

use super::{answer::fault_page, failure_page, visit::Visit};
use crate::{
    app::App,
    fault::Fault,
    model::authorization_server::AuthorizationServer,
    store,
    user::login::LoginKey,
    web::{
        headers,
        home::{DemoAdministrator, DemoClient, HomePage, Issuer, ServiceClient, home},
        playground::{PlaygroundPage, playground},
        signin::DemoUser,
    },
};

/// The page for an address where there is none.
pub(super) fn nothing_here(visit: Visit<'_>) -> Response {
    let text = "There is no page at this address. To sign in, go back to the application you came from.";
    failure_page(visit, (StatusCode::NOT_FOUND, "not_found", text), None, None)
}

fn issuers(app: &App) -> Vec<Issuer> {
    let base = &app.settings.issuer;
    vec![
        Issuer {
            name: "default".to_owned(),
            issuer: format!("{base}/oauth2/{}", AuthorizationServer::DEFAULT),
        },
        Issuer { name: "org".to_owned(), issuer: base.clone() },
    ]
}

/// The demo user, with its password as long as it is the one that was made with it.
///
/// # Errors
/// The database failed.
pub(super) async fn demo_users(app: &App) -> Result<Vec<DemoUser>, Fault> {
    let Some(demo) = &app.settings.demo else { return Ok(Vec::new()) };
    let key = LoginKey::normalize(&demo.login).map_err(Fault::stored)?;
    let Some(user) = store::user::find_by_login(&app.db, key.as_str()).await? else { return Ok(Vec::new()) };
    let unchanged = demo.password_since.is_some() && user.password_changed_at == demo.password_since;
    let password = unchanged.then(|| demo.password.expose().clone());
    Ok(vec![DemoUser { login: user.login, password }])
}

/// Shows what a developer needs to begin.
#[handler]
pub(crate) async fn get(visit: Visit<'_>) -> Response {
    let app = visit.app;
    if !app.settings.dev {
        return nothing_here(visit);
    }
    let users = match demo_users(app).await {
        Ok(users) => users,
        Err(fault) => return fault_page(visit, &fault),
    };
    let demo = app.settings.demo.as_ref();
    let base = &app.settings.issuer;
    let view = HomePage {
        issuers: issuers(app),
        single_page: demo.map(|demo| DemoClient {
            client_id: demo.spa_client_id.to_string(),
            client_secret: None,
            redirect_uri: "http://localhost:3000/login/callback".to_owned(),
        }),
        web: demo.map(|demo| DemoClient {
            client_id: demo.web_client_id.to_string(),
            client_secret: Some(demo.web_client_secret.expose().clone()),
            redirect_uri: "http://localhost:3000/callback".to_owned(),
        }),
        service: demo.map(|demo| ServiceClient {
            client_id: demo.service_client_id.to_string(),
            client_secret: demo.service_client_secret.expose().clone(),
            scope: "api".to_owned(),
        }),
        users,
        administrator: demo.and_then(|demo| demo.administrator.as_ref()).map(|(login, token)| {
            DemoAdministrator {
                login: login.clone(),
                api_token: token.expose().clone(),
                users_uri: format!("{base}/api/v1/users"),
            }
        }),
        playground_href: app.settings.playground_client.as_ref().map(|_| "/playground".to_owned()),
        links: vec![
            ("Your account".to_owned(), crate::web::account::PATH.to_owned()),
            ("Outbox".to_owned(), crate::web::outbox::PATH.to_owned()),
            ("Discovery (org)".to_owned(), format!("{base}/.well-known/openid-configuration")),
            (
                "Discovery (default)".to_owned(),
                format!("{base}/oauth2/default/.well-known/openid-configuration"),
            ),
        ],
    };
    visit.page(StatusCode::OK, home(&view))
}

/// Shows the playground.
#[handler]
pub(crate) fn get_playground(visit: Visit<'_>) -> Response {
    let app = visit.app;
    let Some(client) = app.settings.playground_client.as_ref().filter(|_| app.settings.dev) else {
        return nothing_here(visit);
    };
    let view = PlaygroundPage {
        client_id: client.to_string(),
        device_client_id: app.settings.playground_device_client.as_ref().map(ToString::to_string),
        issuers: issuers(app),
        scope: "openid profile email offline_access".to_owned(),
    };
    let headers = headers::playground(&visit.nonce, visit.hsts());
    let markup = playground(&view, &visit.nonce);
    visit.html(StatusCode::OK, headers, markup)
}

/// The answer for unknown paths of pages.
#[handler]
pub(crate) fn not_found(visit: Visit<'_>) -> Response {
    nothing_here(visit)
}
