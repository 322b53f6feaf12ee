//! Clients registering (RFC 7591, RFC 7592), clients proving who they are (RFC 6749 §2.3; RFC 7523; RFC 8705; OpenID
//! Connect Core §9), and the custody of their secrets.

pub mod administrator;
pub mod assertion;
pub mod authenticate;
pub mod certificate;
pub mod dpop;
pub mod encryption;
pub mod registrar;
pub mod registration;
pub mod secret;
pub mod sector;
pub mod sender;
pub mod signature;

pub use authenticate::{AuthenticateError, authenticate};
