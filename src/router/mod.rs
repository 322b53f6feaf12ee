//! The only list of mounted subtrees, and what every request passes on its way in and out.

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
    post,
};

use crate::{api, app::App, server::BodyLimit, telemetry::Metrics, web::route};

/// Everything that users and clients reach.
pub fn public(app: Arc<App>, metrics: Option<Arc<Metrics>>) -> BoxEndpoint<'static, Response> {
    let authorize = || get(route::authorize::get).post(route::authorize::post);
    let logout = || get(route::logout::get).post(route::logout::post);
    let api = Arc::new(api::service(Arc::clone(&app)).into_endpoint());
    let routes = Route::new()
        .at("/", get(route::home::get))
        .at("/playground", get(route::home::get_playground))
        .at("/outbox", get(route::outbox::get))
        .at("/outbox.json", get(route::outbox::get_json))
        .at("/outbox/:message_id", get(route::outbox::get_mail))
        .at("/assets/:file_name", get(route::assets::get))
        .at("/signin", get(route::signin::get).post(route::signin::post))
        .at("/signin/factor", get(route::transaction::step_up))
        .at("/signin/step", get(route::transaction::get).post(route::transaction::post))
        .at("/signin/forgot-password", get(route::recovery::get).post(route::recovery::post))
        .at("/signin/unlock-account", get(route::recovery::get).post(route::recovery::post))
        .at("/signin/reset-password", get(route::recovery::get_link).post(route::recovery::post_link))
        .at("/signin/unlock", get(route::recovery::get_link).post(route::recovery::post_link))
        .at("/welcome", get(route::recovery::get_link).post(route::recovery::post_link))
        .at("/signin/verify/email", get(route::recovery::get_link).post(route::recovery::post_mail))
        .at("/consent", get(route::consent::get).post(route::consent::post))
        .at("/accounts", get(route::accounts::get).post(route::accounts::post))
        .at("/activate", get(route::device::get).post(route::device::post))
        .at("/activate/confirm", get(route::device::get_confirm).post(route::device::post_confirm))
        .at("/login/sessionCookieRedirect", get(route::session_cookie_redirect::get))
        .at("/logout", post(route::logout::confirmed))
        .at("/login/initiate", get(route::initiate_login::get))
        .at("/home/oidc_client/:client_id", get(route::initiate_login::get))
        .at("/oauth2/v1/authorize", authorize())
        .at("/oauth2/v1/logout", logout())
        .at("/oauth2/v1/sessions/check", get(route::check_session::get))
        .at("/oauth2/:authorization_server_id/v1/sessions/check", get(route::check_session::get))
        .at("/oauth2/:authorization_server_id/v1/authorize", authorize())
        .at("/oauth2/:authorization_server_id/v1/logout", logout())
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
    edge::Edge::new(app, metrics, inner).boxed()
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
