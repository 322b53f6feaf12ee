//! The only list of mounted subtrees, and what every request passes on its way in and out.

mod allow;
mod cors;
mod edge;
mod health;
mod surface;

use std::sync::Arc;

use poem::{
    EndpointExt, IntoEndpoint, Response, Route,
    endpoint::BoxEndpoint,
    get,
    middleware::{AddData, CatchPanic},
};

use self::allow::Pages;
use crate::{api, app::App, server::BodyLimit, telemetry::Metrics, web::route};

/// Everything that users and clients reach.
pub fn public(app: Arc<App>, metrics: Option<Arc<Metrics>>) -> BoxEndpoint<'static, Response> {
    let api = Arc::new(api::service(Arc::clone(&app)).into_endpoint());
    let (routes, allowed) = Pages::default()
        .page("/", route::home::get)
        .page("/playground", route::home::get_playground)
        .page("/outbox", route::outbox::get)
        .page("/outbox.json", route::outbox::get_json)
        .page("/outbox/:message_id", route::outbox::get_mail)
        .page("/assets/:file_name", route::assets::get)
        .form("/signin", route::signin::get, route::signin::post)
        .page("/signin/factor", route::transaction::step_up)
        .page("/signin/push", route::transaction::push)
        .form("/signin/step", route::transaction::get, route::transaction::post)
        .form("/signin/forgot-password", route::recovery::get, route::recovery::post)
        .form("/signin/unlock-account", route::recovery::get, route::recovery::post)
        .form("/signin/reset-password", route::recovery::get_link, route::recovery::post_link)
        .form("/signin/unlock", route::recovery::get_link, route::recovery::post_link)
        .form("/welcome", route::recovery::get_link, route::recovery::post_link)
        .form("/signin/verify/email", route::recovery::get_link, route::recovery::post_mail)
        .page("/authenticator", route::authenticator::get)
        .form("/consent", route::consent::get, route::consent::post)
        .form("/accounts", route::accounts::get, route::accounts::post)
        .page("/account", route::account::overview::get)
        .page("/account/activity", route::account::activity::get)
        .form("/account/methods/add", route::account::enrolment::get, route::account::enrolment::post)
        .form("/account/methods/:factor_id", route::account::method::get, route::account::method::post)
        .form(
            "/account/methods/:factor_id/activate",
            route::account::enrolment::get_activate,
            route::account::enrolment::post_activate,
        )
        .page("/account/methods/:factor_id/activate/state", route::account::device::get_state)
        .form("/account/password", route::account::password::get, route::account::password::post)
        .form("/account/recovery-codes", route::account::codes::get, route::account::codes::post)
        .sent("/account/sessions", route::account::sessions::post)
        .sent("/account/apps", route::account::apps::post)
        .sent("/account/language", route::account::language::post)
        .form("/activate", route::device::get, route::device::post)
        .form("/activate/confirm", route::device::get_confirm, route::device::post_confirm)
        .page("/login/sessionCookieRedirect", route::session_cookie_redirect::get)
        .sent("/logout", route::logout::confirmed)
        .page("/login/initiate", route::initiate_login::get)
        .page("/home/oidc_client/:client_id", route::initiate_login::get)
        .form("/oauth2/v1/authorize", route::authorize::get, route::authorize::post)
        .form("/oauth2/v1/logout", route::logout::get, route::logout::post)
        .page("/oauth2/v1/sessions/check", route::check_session::get)
        .page("/oauth2/:authorization_server_id/v1/sessions/check", route::check_session::get)
        .form("/oauth2/:authorization_server_id/v1/authorize", route::authorize::get, route::authorize::post)
        .form("/oauth2/:authorization_server_id/v1/logout", route::logout::get, route::logout::post)
        .done();
    let routes = routes
        // Not at "/": poem prefers what is nested there over the start page.
        .nest_no_strip("/oauth2", Arc::clone(&api))
        .nest_no_strip("/.well-known", Arc::clone(&api))
        .nest_no_strip("/api/v1/authn", api::authentication(Arc::clone(&app)))
        .nest_no_strip("/api", api::management(Arc::clone(&app)))
        .at("/v1/keys", api);
    let (bytes, timeout) = app.settings.form;
    let body = BodyLimit { bytes, timeout };
    let inner = routes
        .with(AddData::new(Arc::clone(&app)))
        .with(body)
        .with(CatchPanic::new().with_handler(edge::Panicked));
    edge::Edge::new(app, metrics, (inner, allowed.and(api::methods()))).boxed()
}

/// What only the operator reaches: health and metrics.
pub fn internal(app: Arc<App>, metrics: Arc<Metrics>) -> BoxEndpoint<'static, Response> {
    Route::new()
        .at("/health/live", get(health::live))
        .at("/health/ready", get(health::ready))
        .at("/health/startup", get(health::startup))
        .at("/metrics", get(health::metrics))
        .with(AddData::new(app))
        .with(AddData::new(metrics))
        .map_to_response()
        .boxed()
}
