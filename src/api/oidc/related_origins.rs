//! Origins that use the passkeys of this installation (Web Authentication Level 3 §5.11.1).

use http::StatusCode;
use poem::Response;
use serde_json::json;

use crate::{
    api::error::{oauth::json_response, okta::Envelope},
    app::App,
};

/// The document; there is none where nothing is configured.
pub(super) fn document(app: &App) -> Result<Response, Response> {
    let origins = &app.settings.related_origins;
    if origins.is_empty() {
        return Err(Envelope::not_found("webauthn", "Document").respond());
    }
    Ok(json_response(StatusCode::OK, &json!({ "origins": origins })))
}
