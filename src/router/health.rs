//! Health for orchestrators, and metrics; on the internal listener only.

use std::sync::{Arc, atomic::Ordering};

use http::{StatusCode, header};
use poem::{Response, handler, web::Data};

use crate::{app::App, model::authorization_server::AuthorizationServer, telemetry::Metrics};

fn verdict(healthy: bool) -> Response {
    let (status, text) =
        if healthy { (StatusCode::OK, "ok\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "unavailable\n") };
    Response::builder().status(status).header(header::CACHE_CONTROL, "no-store").body(text)
}

/// The process runs; it depends on nothing.
#[handler]
pub(super) fn live() -> Response {
    verdict(true)
}

/// Requests may be sent here: the database answers and a signing key is there.
#[handler]
pub(super) async fn ready(app: Data<&Arc<App>>) -> Response {
    if !app.ready.load(Ordering::SeqCst) || app.db.ping().await.is_err() {
        return verdict(false);
    }
    let server = app.server(AuthorizationServer::ORG).await;
    verdict(server.is_ok_and(|server| server.is_some_and(|server| server.access_token_signer().is_ok())))
}

/// Preparation is over.
#[handler]
#[expect(clippy::needless_pass_by_value, reason = "an extractor is taken by value")]
pub(super) fn startup(app: Data<&Arc<App>>) -> Response {
    verdict(app.ready.load(Ordering::SeqCst))
}

/// Metrics in Prometheus' text format.
#[handler]
#[expect(clippy::needless_pass_by_value, reason = "an extractor is taken by value")]
pub(super) fn metrics(metrics: Data<&Arc<Metrics>>) -> Response {
    Response::builder().content_type("text/plain; version=0.0.4; charset=utf-8").body(metrics.render())
}
