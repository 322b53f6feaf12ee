//! Discovery documents, prebuilt.

use poem::{Request, Response};

use super::{Server, document};

/// How long clients may keep metadata.
/// How long metadata may be kept.
pub(super) const CACHE_CONTROL: &str = "max-age=3600, must-revalidate";

pub(super) fn openid(server: Server<'_>, request: &Request) -> Result<Response, Response> {
    Ok(document(&server?.1.openid_configuration, CACHE_CONTROL, request))
}

pub(super) fn oauth(server: Server<'_>, request: &Request) -> Result<Response, Response> {
    Ok(document(&server?.1.oauth_metadata, CACHE_CONTROL, request))
}
