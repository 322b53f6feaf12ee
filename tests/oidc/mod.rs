//! OAuth 2.0 and OpenID Connect as clients meet them.

mod code_flow;
mod relying_party;

use crate::support::Test;

pub(crate) fn trials() -> Vec<Test> {
    [code_flow::trials(), relying_party::trials()].into_iter().flatten().collect()
}
