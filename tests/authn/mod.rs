//! Okta's Authentication API: the machine as a table, and every row of its transitions over HTTP.

mod machine;
mod transitions;

use crate::support::Test;

pub(crate) fn trials() -> Vec<Test> {
    [machine::trials(), transitions::trials()].into_iter().flatten().collect()
}
