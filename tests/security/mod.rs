//! What attackers try, by the checklist; ids in test names are stable.

mod browser_surface;
mod clock;
mod connections;
mod refresh;
mod sign_in;
mod throttling;
mod traps;

use crate::support::Test;

pub(crate) fn trials() -> Vec<Test> {
    [
        browser_surface::trials(),
        clock::trials(),
        connections::trials(),
        refresh::trials(),
        sign_in::trials(),
        throttling::trials(),
        traps::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
