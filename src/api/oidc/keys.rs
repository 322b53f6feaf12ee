//! The JWK Set, prebuilt; it may be kept until the next planned change.

use std::sync::Arc;

use poem::{Request, Response};

use super::document;
use crate::{app::App, cache::servers::ServerState};

pub(super) fn keys(server: Result<(&App, Arc<ServerState>), Response>, request: &Request) -> Response {
    match server {
        Ok((app, server)) => {
            let seconds = server.jwks_max_age(&app.settings.keys.rotation, app.now());
            document(&server.jwks, &format!("max-age={seconds}, must-revalidate"), request)
        }
        Err(answer) => answer,
    }
}
