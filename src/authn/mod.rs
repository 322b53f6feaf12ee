//! The authentication transaction (Okta's Authentication API) as a machine: states, facts, steps and what may be
//! done in a state.
//!
//! The same machine stands behind the JSON API and the pages. It is pure; it knows nothing of OAuth, and the
//! factors that a sign-in needs come to it as events, never as requests.

pub mod account;
pub mod action;
pub mod event;
pub mod facts;
pub mod remember;
pub mod rules;
pub mod service;
pub mod session_token;
pub mod state;
pub mod transaction;
pub mod transition;
