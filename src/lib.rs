//! Stepgate: a self-hosted OpenID Connect provider and OAuth 2.0 authorization server that speaks Okta's API.

pub mod fault;
pub mod id;
pub mod ports;
pub mod secret;
pub mod web;
