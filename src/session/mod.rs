//! Sign-on sessions of browsers.

pub mod sso;
