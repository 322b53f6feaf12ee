//! `/login/sessionCookieRedirect` (Okta): a link that exchanges a session token for a session in this browser and leads
//! on to a trusted address.

use http::{Method, StatusCode};
use poem::{Request, Response, handler};

use super::{
    answer::{carry, fault_page},
    failure_page,
    form::query,
    visit::Visit,
};
use crate::{
    app::App,
    authn::session_token::{self, Presenter, SessionTokenError},
    cache::origins::OriginSet,
    protocol::redirect_uri::origin_of,
};

/// The longest address that is gone to.
const MAX_URL: usize = 2048;

/// Follows the link.
#[handler]
pub(crate) async fn get(visit: Visit<'_>, request: &Request) -> Response {
    let app = visit.app;
    let origins = match app.origins.load(&app.db).await {
        Ok(origins) => origins,
        Err(fault) => return fault_page(visit, &fault),
    };
    let params = query(request);
    let target = params.one("redirectUrl").and_then(|url| Some((url, target(url, app, &origins)?)));
    let Some((url, origin)) = target else {
        let text = "The link leads to an address that is not trusted here.";
        return failure_page(visit, (StatusCode::BAD_REQUEST, "invalid_redirect_url", text), None, None);
    };
    follow(visit, params.one("token").unwrap_or_default(), &origin, url).await
}

/// A session that is there already stays, and the token is left alone.
async fn follow(mut visit: Visit<'_>, token: &str, origin: &str, url: &str) -> Response {
    if visit.session.is_none() {
        match session_token::redeem(visit.app, token, Presenter::Link { origin }, visit.caller).await {
            Ok(signed_in) => visit.open_session(signed_in.opened.session, signed_in.opened.cookie.expose()),
            Err(SessionTokenError::Invalid) => {
                let text =
                    "The link has been used or has expired. Go back to the application and sign in again.";
                return failure_page(
                    visit,
                    (StatusCode::BAD_REQUEST, "invalid_session_token", text),
                    None,
                    None,
                );
            }
            Err(SessionTokenError::Fault(fault)) => return fault_page(visit, &fault),
        }
    }
    carry(visit, url, &Method::GET)
}

/// The origin of an address that may be gone to: this issuer's, or one that is trusted with `REDIRECT`. The text itself
/// must begin with that origin, so that no browser reads it differently from us.
fn target(url: &str, app: &App, origins: &OriginSet) -> Option<String> {
    let plain = url.len() <= MAX_URL && url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let origin = origin_of(url).filter(|_| plain)?;
    let rest = url.strip_prefix(&origin)?;
    let ends = rest.is_empty() || rest.starts_with(['/', '?', '#']);
    let trusted = origin_of(&app.settings.issuer).as_ref() == Some(&origin) || origins.may_redirect(&origin);
    (ends && trusted).then_some(origin)
}
