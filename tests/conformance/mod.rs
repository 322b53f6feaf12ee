//! The runs against other people's software: that the runner of the OpenID conformance suite tells good from bad.

mod runner;
mod suite;

use crate::support::Test;

pub(crate) fn trials() -> Vec<Test> {
    runner::trials()
}
