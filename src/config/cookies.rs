//! `[cookies]`: how the session cookie travels.

use serde::{Deserialize, Serialize};

/// How the session cookie travels.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cookies {
    /// `none` or `lax`; by default `none` on https (every form carries a CSRF token) and `lax` on http.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_site: Option<SameSite>,
}

/// The cookie attribute `SameSite`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SameSite {
    /// Sent with every request, also from other sites.
    None,
    /// Sent from other sites only when the user follows a link.
    Lax,
}
