//! `/authenticator`: the page that approves sign-ins. It knows no session and sets no cookie.

use http::StatusCode;
use poem::{Response, handler, web::Data};
use std::sync::Arc;

use super::visit::Visit;
use crate::{
    app::App,
    syslog::Caller,
    web::{authenticator, headers},
};

/// Shows the page.
#[handler]
pub(crate) fn get(app: Data<&Arc<App>>, caller: Data<&Arc<Caller>>) -> Response {
    let visit = Visit::without_cookies(&app, &caller);
    let page = authenticator::authenticator(&app.settings.issuer, &visit.nonce);
    let headers = headers::live(&visit.nonce, visit.hsts());
    visit.html(StatusCode::OK, headers, page)
}
