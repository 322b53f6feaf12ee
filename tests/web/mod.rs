//! The pages as people and scripted browsers meet them.

mod pages;

use crate::support::Test;

pub(crate) fn trials() -> Vec<Test> {
    [pages::trials()].into_iter().flatten().collect()
}
