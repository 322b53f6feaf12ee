//! What attackers try, by the checklist; ids in test names are stable.

mod client_auth;
mod keys;
mod refresh;

//! Attacks, by their checklist.


use crate::support::Test;

pub(crate) fn trials() -> Vec<Test> {
    [
        client_auth::trials(),
        keys::trials(),
        refresh::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
