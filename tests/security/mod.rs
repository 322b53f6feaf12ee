//! What attackers try, by the checklist; ids in test names are stable.

mod browser_surface;
mod client_auth;
mod clock;
mod connections;
mod keys;
mod refresh;
mod sign_in;
mod throttling;
mod traps;

//! Attacks, by their checklist.


use crate::support::Test;

pub(crate) fn trials() -> Vec<Test> {
    [
        browser_surface::trials(),
        client_auth::trials(),
        clock::trials(),
        connections::trials(),
        keys::trials(),
        refresh::trials(),
        sign_in::trials(),
        throttling::trials(),
        traps::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
