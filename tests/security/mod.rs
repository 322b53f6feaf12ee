//! What attackers try, by the checklist; ids in test names are stable.

mod refresh;

use crate::support::Test;

pub(crate) fn trials() -> Vec<Test> {
    [refresh::trials()].into_iter().flatten().collect()
}
