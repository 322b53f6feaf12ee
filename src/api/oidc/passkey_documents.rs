//! Documents of one's own about passkeys below `/.well-known`.

use http::StatusCode;
use poem::Response;
use serde_json::json;

use crate::{api::error::oauth::json_response, app::App, message::ACCOUNT};

/// The origins that use the passkeys of this installation, its own first (Web Authentication Level 3 §5.11.1).
pub(super) fn related_origins(app: &App) -> Response {
    let settings = &app.settings;
    let origins: Vec<&str> = std::iter::once(settings.issuer.as_str())
        .chain(settings.related_origins.iter().map(String::as_str))
        .collect();
    json_response(StatusCode::OK, &json!({ "origins": origins }))
}

/// Where people add and look after their passkeys, for password managers (W3C, A Well-Known URL for Relying Party Passkey
/// Endpoints).
pub(super) fn passkey_endpoints(app: &App) -> Response {
    let account = format!("{}{ACCOUNT}", app.settings.issuer);
    json_response(StatusCode::OK, &json!({ "enroll": account, "manage": account }))
}
