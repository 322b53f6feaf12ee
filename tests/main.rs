//! The test suite: one binary, real sockets, real databases; one trial per test and backend.
//!
//! A module lists its tests with [`trials!`]; `main` flattens the lists. Run a part of it with a
//! filter (`cargo test --test tests sqlite::oidc`), see all names with `-- --list`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[macro_use]
mod support;

mod admin;
mod architecture;
mod authn;
mod browser;
mod cli;
mod conformance;
mod factors;
mod harness;
mod message;
mod oidc;
mod openapi;
mod security;
mod store;
mod supply_chain;
mod user;
mod web;

use std::process::ExitCode;

fn main() -> ExitCode {
    let tests = [
        admin::trials(),
        architecture::trials(),
        authn::trials(),
        supply_chain::trials(),
        harness::trials(),
        message::trials(),
        oidc::trials(),
        openapi::trials(),
        security::trials(),
        store::trials(),
        user::trials(),
        web::trials(),
        browser::trials(),
        cli::trials(),
        conformance::trials(),
        factors::trials(),
    ];
    support::run(tests.into_iter().flatten().collect())
}
