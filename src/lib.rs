//! Stepgate: a self-hosted OpenID Connect provider and OAuth 2.0 authorization server that speaks Okta's API.

pub mod app;
pub mod authn;
pub mod authorize;
pub mod cache;
pub mod claims;
pub mod client;
pub mod config;
pub mod consent;
pub mod fault;
pub mod grant;
pub mod id;
pub mod limit;
pub mod model;
pub mod policy;
pub mod ports;
pub mod protocol;
pub mod secret;
pub mod server;
pub mod session;
pub mod signing_key;
pub mod store;
pub mod syslog;
pub mod telemetry;
pub mod token;
pub mod user;
pub mod web;
