//! OAuth 2.0 and OpenID Connect as clients meet them.

mod code_flow;
mod policy;
mod relying_party;
mod token;

use crate::support::Test;

pub(crate) fn trials() -> Vec<Test> {
    [
        code_flow::trials(),
        policy::trials(),
        relying_party::trials(),
        token::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
