//! Styles, scripts and icons: named by their content, so they may be kept for ever.

use http::{StatusCode, header};
use poem::{Request, Response, handler};

use crate::web::style;

/// Sends an asset.
#[handler]
pub(crate) fn get(request: &Request) -> Response {
    match request.raw_path_param("file_name").and_then(style::find) {
        Some(asset) => Response::builder()
            .header(header::CONTENT_TYPE, asset.content_type)
            .header(header::CACHE_CONTROL, style::CACHE_CONTROL)
            .header("cross-origin-resource-policy", "same-origin")
            .body(asset.text),
        None => StatusCode::NOT_FOUND.into(),
    }
}
