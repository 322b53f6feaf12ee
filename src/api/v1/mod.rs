//! Okta's management API (`/api/v1/…`).

pub mod administrator;
pub mod sessions;
