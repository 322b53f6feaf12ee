//! Okta's management API (`/api/v1/…`).

pub mod administrator;
pub mod api_tokens;
pub mod authenticator;
pub mod factor_profiles;
pub mod logs;
pub mod sessions;
pub mod user_credentials;
pub mod user_factors;
pub mod users;
pub mod yubikey_tokens;

mod query;
mod user_document;
mod user_view;
