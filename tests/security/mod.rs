//! Attacks, by their checklist.

mod keys;

use crate::support::Test;

pub(crate) fn trials() -> Vec<Test> {
    [keys::trials()].into_iter().flatten().collect()
}
