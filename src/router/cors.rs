//! Cross-origin requests (Fetch §3.2). Unknown origins get no headers, never an error: a form of our own page carries an
//! `Origin` too.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::{Request, Response};

use super::surface::{Cors, Surface};
use crate::{app::App, model::client::Client};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, OPTIONS");
/// A browser's own session can also be ended.
const SESSION_METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE, OPTIONS");
const ALLOWED: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, accept, accept-language, dpop, x-okta-user-agent-extended, x-device-fingerprint",
);
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "dpop-nonce, www-authenticate, date, x-okta-request-id, x-rate-limit-limit, x-rate-limit-remaining, \
     x-rate-limit-reset",
);
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The origin of a cross-origin request, if it is one that these rules are about.
pub(super) fn origin(request: &Request) -> Option<HeaderValue> {
    request.headers().get(header::ORIGIN).cloned()
}

/// Whether a request is a preflight.
pub(super) fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Answers a preflight.
pub(super) async fn preflight(app: &App, surface: Surface, origin: Option<&HeaderValue>) -> Response {
    let mut response: Response = StatusCode::NO_CONTENT.into();
    if surface.cors != Cors::Nobody {
        let allowed = allowed(app, surface, origin, None).await;
        let headers = response.headers_mut();
        vary(headers);
        if let Some(allowed) = allowed {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            let methods = if surface.cors == Cors::Trusted { SESSION_METHODS } else { METHODS };
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
            allow_credentials(surface, headers);
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED);
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        }
    }
    response
}

/// Lets the calling page read an answer, where it may.
pub(super) async fn apply(
    app: &App,
    surface: Surface,
    origin: Option<&HeaderValue>,
    response: &mut Response,
) {
    if surface.cors == Cors::Nobody {
        return;
    }
    if matches!(surface.cors, Cors::Client | Cors::Trusted) {
        vary(response.headers_mut());
    }
    if origin.is_none() && surface.cors != Cors::Anyone {
        return;
    }
    let client = response.extensions().get::<Arc<Client>>().cloned();
    if let Some(allowed) = allowed(app, surface, origin, client.as_deref()).await {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        allow_credentials(surface, headers);
    }
}

/// Fetch §3.2.5: with credentials only where the origin was named exactly.
fn allow_credentials(surface: Surface, headers: &mut HeaderMap) {
    if surface.cors == Cors::Trusted {
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
}

async fn allowed(
    app: &App,
    surface: Surface,
    origin: Option<&HeaderValue>,
    client: Option<&Client>,
) -> Option<HeaderValue> {
    match surface.cors {
        Cors::Nobody => None,
        Cors::Anyone => Some(HeaderValue::from_static("*")),
        Cors::Client | Cors::Trusted => {
            let origin = origin?;
            let text = origin.to_str().ok()?;
            let origins = match app.origins.load(&app.db).await {
                Ok(origins) => origins,
                Err(fault) => {
                    tracing::error!(fault = %fault, "origins could not be loaded");
                    return None;
                }
            };
            let known = match client {
                _ if surface.cors == Cors::Trusted => origins.trusts(text),
                Some(client) => origins.allows(client, text),
                // Before the client is known, or without one, any client's origin may read the error.
                None => origins.knows(text),
            };
            known.then(|| origin.clone())
        }
    }
}

fn vary(headers: &mut HeaderMap) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}
