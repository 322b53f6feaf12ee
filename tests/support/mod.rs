//! What tests stand on: the runner, private instances of the services, clients over real sockets.
//!
//! Owns processes, temporary folders and databases, and takes all of them away at the end of the
//! run. Never knows a rule of the product: that is for the tests to say.

#[macro_use]
mod trial;

pub(crate) mod api_token;
pub(crate) mod app;
pub(crate) mod assertion;
pub(crate) mod assurance;
pub(crate) mod authenticator;
pub(crate) mod authn;
pub(crate) mod browser;
pub(crate) mod certificate;
pub(crate) mod checklist;
pub(crate) mod database;
pub(crate) mod device;
pub(crate) mod dpop;
pub(crate) mod factor;
pub(crate) mod fixtures;
pub(crate) mod html;
pub(crate) mod http;
pub(crate) mod mailbox;
pub(crate) mod op;
pub(crate) mod par;
pub(crate) mod peer;
mod postgres;
pub(crate) mod process;
pub(crate) mod property;
pub(crate) mod push;
mod redis;
pub(crate) mod registration;
pub(crate) mod relying_party;
pub(crate) mod request_object;
pub(crate) mod response;
mod services;
pub(crate) mod session_token;
pub(crate) mod smtp;
mod sqlite;
pub(crate) mod yubikey;

pub(crate) use app::TestApp;
pub(crate) use trial::{Backend, Test, run};
