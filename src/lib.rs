//! Stepgate: a self-hosted OpenID Connect provider and OAuth 2.0 authorization server that speaks Okta's API.
//!
//! Modules are layers, and use only what is below them:
//!
//! | layer | modules |
//! |---|---|
//! | top | [`app`] (every long-lived dependency), [`router`], [`server`], [`config`], [`telemetry`] |
//! | edges | [`api`] (JSON), [`web`] (HTML), [`cli`], [`jobs`], [`seed`], [`setup`] |
//! | flows | [`authorize`], [`grant`], [`authn`], [`logout`] |
//! | parts | [`user`], [`factor`], [`message`], [`token`], [`claims`], [`client`], [`session`], [`consent`], [`policy`], [`syslog`], [`limit`], [`signing_key`] |
//! | means | [`store`] (database), [`cache`], [`ports`] (the outside world), the crate `keys` |
//! | words | [`model`] (types with invariants), [`protocol`] (the wire), [`id`], [`secret`], [`fault`] |
//!
//! An authorization request travels through [`authorize`]; a token request through [`grant`]; both end in a
//! [`store::unit::Unit`] that is committed before anything is answered.

pub mod api;
pub mod app;
pub mod authn;
pub mod authorize;
pub mod cache;
pub mod claims;
pub mod cli;
pub mod client;
pub mod config;
pub mod consent;
pub mod factor;
pub mod fault;
pub mod grant;
pub mod id;
pub mod jobs;
pub mod limit;
pub mod logout;
pub mod message;
pub mod model;
pub mod policy;
pub mod ports;
pub mod protocol;
pub mod router;
pub mod secret;
pub mod seed;
pub mod server;
pub mod session;
pub mod setup;
pub mod signing_key;
pub mod store;
pub mod syslog;
pub mod telemetry;
pub mod token;
pub mod user;
pub mod web;
