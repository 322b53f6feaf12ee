//! Stepgate: a self-hosted OpenID Connect provider and OAuth 2.0 authorization server that speaks Okta's API.

pub mod authn;
pub mod claims;
pub mod fault;
pub mod id;
pub mod limit;
pub mod model;
pub mod policy;
pub mod ports;
pub mod protocol;
pub mod secret;
pub mod user;
