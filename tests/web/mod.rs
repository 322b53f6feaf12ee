//! The pages as people and scripted browsers meet them.

pub(crate) mod account;
mod pages;
mod signin_step;

use crate::support::Test;

pub(crate) fn trials() -> Vec<Test> {
    [account::trials(), pages::trials(), signin_step::trials()].into_iter().flatten().collect()
}
