//! Sign-on sessions of browsers.

pub mod farewell;
pub mod management;
pub mod sso;
