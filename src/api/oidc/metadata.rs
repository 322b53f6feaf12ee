//! Discovery documents, prebuilt.

use std::sync::Arc;

use poem::{Request, Response};

use super::document;
use crate::{app::App, cache::servers::ServerState};

/// How long clients may keep metadata.
const CACHE_CONTROL: &str = "max-age=3600, must-revalidate";

pub(super) fn openid(server: Result<(&App, Arc<ServerState>), Response>, request: &Request) -> Response {
    match server {
        Ok((_, server)) => document(&server.openid_configuration, CACHE_CONTROL, request),
        Err(answer) => answer,
    }
}

pub(super) fn oauth(server: Result<(&App, Arc<ServerState>), Response>, request: &Request) -> Response {
    match server {
        Ok((_, server)) => document(&server.oauth_metadata, CACHE_CONTROL, request),
        Err(answer) => answer,
    }
}
