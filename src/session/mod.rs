//! Sign-on sessions of browsers.

pub mod clear;
pub mod farewell;
pub mod management;
pub mod sso;
