//! What attackers try, by the checklist; ids in test names are stable.

mod client_auth;
mod refresh;

use crate::support::Test;

pub(crate) fn trials() -> Vec<Test> {
    [client_auth::trials(), refresh::trials()].into_iter().flatten().collect()
}
