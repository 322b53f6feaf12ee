//! `check_session_iframe` (Session Management 1.0 §3.3): one document for every client and every server.

use std::sync::Arc;

use http::StatusCode;
use poem::{Response, handler, web::Data};

use super::visit::{Visit, cookies};
use crate::{
    app::App,
    syslog::Caller,
    web::{check_session::check_session, cookie::Cookie, headers},
};

/// Serves the frame; it looks at no cookie and sets none.
#[handler]
pub(crate) fn get(Data(app): Data<&Arc<App>>, Data(caller): Data<&Arc<Caller>>) -> Response {
    let visit = Visit::without_cookies(app, caller);
    let name = cookies(app).name(Cookie::BrowserState);
    let headers = headers::check_session(&visit.nonce, visit.hsts());
    let markup = check_session(&name, &visit.nonce);
    visit.html(StatusCode::OK, headers, markup)
}
