//! `/authenticator`: the page that approves sign-ins. It knows no session.

use http::StatusCode;
use poem::{Response, handler};

use super::visit::Visit;
use crate::web::{authenticator, headers};

/// Shows the page.
#[handler]
pub(crate) fn get(visit: Visit<'_>) -> Response {
    let page = authenticator::authenticator(&visit.app.settings.issuer, &visit.nonce);
    let headers = headers::live(&visit.nonce, visit.hsts());
    visit.html(StatusCode::OK, headers, page)
}
