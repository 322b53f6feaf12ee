//! Storage on real databases: what is acknowledged is there, what is refused is not, what is old goes.

mod generation;
mod migration;
mod sweep;
mod writer;

use crate::support::Test;

pub(crate) fn trials() -> Vec<Test> {
    [generation::trials(), migration::trials(), sweep::trials(), writer::trials()]
        .into_iter()
        .flatten()
        .collect()
}
