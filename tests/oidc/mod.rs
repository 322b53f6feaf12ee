//! OAuth 2.0 and OpenID Connect as clients meet them.

mod authorization_request;
mod code_flow;

use crate::support::Test;

pub(crate) fn trials() -> Vec<Test> {
    [authorization_request::trials(), code_flow::trials()].into_iter().flatten().collect()
}
