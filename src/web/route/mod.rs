//! The browser's endpoints: they read a form or a link, call one use case and render a page or a redirect. Every page
//! hands its result to [`crate::authorize::dispatch`] and goes where that sends it.

pub mod account;
pub mod accounts;
pub mod assets;
pub mod authenticator;
pub mod authorize;
pub mod check_session;
pub mod consent;
pub mod device;
pub mod home;
pub mod initiate_login;
pub mod logout;
pub mod outbox;
pub mod recovery;
pub mod session_cookie_redirect;
pub mod signin;
pub mod transaction;

mod answer;
mod form;
mod leaving;
mod visit;
mod waiting;

pub(crate) use answer::{failure_page, step};
pub(crate) use visit::cookies;
