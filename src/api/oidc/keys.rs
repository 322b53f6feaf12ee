//! The JWK Set, prebuilt; it may be kept until the next planned change.

use poem::{Request, Response};

use super::{Server, document};

pub(super) fn keys(server: Server<'_>, request: &Request) -> Result<Response, Response> {
    let (app, server) = server?;
    let seconds = server.jwks_max_age(&app.settings.keys.rotation, app.now());
    Ok(document(&server.jwks, &format!("max-age={seconds}, must-revalidate"), request))
}
