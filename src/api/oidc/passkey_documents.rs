//! Documents of one's own about passkeys below `/.well-known`.

use http::header;
use poem::Response;
use serde_json::{Value, json};

use super::metadata::CACHE_CONTROL;
use crate::{app::App, message::ACCOUNT};

/// The origins that use the passkeys of this installation, its own first (Web Authentication Level 3 §5.11.1).
pub(super) fn related_origins(app: &App) -> Response {
    let settings = &app.settings;
    let origins: Vec<&str> = std::iter::once(settings.issuer.as_str())
        .chain(settings.related_origins.iter().map(String::as_str))
        .collect();
    public(&json!({ "origins": origins }))
}

/// Where people add and look after their passkeys, for password managers (W3C, A Well-Known URL for Relying Party Passkey
/// Endpoints).
pub(super) fn passkey_endpoints(app: &App) -> Response {
    let account = format!("{}{ACCOUNT}", app.settings.issuer);
    public(&json!({ "enroll": account, "manage": account }))
}

fn public(document: &Value) -> Response {
    Response::builder()
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CACHE_CONTROL, CACHE_CONTROL)
        .body(document.to_string())
}
