//! Clients proving who they are (RFC 6749 §2.3; RFC 7523; OpenID Connect Core §9), and the custody of their secrets.

pub mod assertion;
pub mod authenticate;
pub mod encryption;
pub mod secret;
pub mod sector;

pub use authenticate::{AuthenticateError, authenticate};
