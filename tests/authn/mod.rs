//! Okta's Authentication API: the machine as a table, and every row of its transitions over HTTP.

mod documents;
mod machine;
mod sequences;
mod transitions;

use crate::support::Test;

pub(crate) fn trials() -> Vec<Test> {
    [documents::trials(), machine::trials(), sequences::trials(), transitions::trials()]
        .into_iter()
        .flatten()
        .collect()
}
