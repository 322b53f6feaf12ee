//! OAuth 2.0 and OpenID Connect as clients meet them.

mod authorization_request;
mod backchannel_logout;
mod code_flow;
mod frontchannel_logout;
mod global_token_revocation;
mod introspect;
mod logout;
mod metadata;
mod policy;
mod relying_party;
mod revoke;
mod session_management;
mod session_token;
mod sessions;
mod token;
mod transport;
mod userinfo;

use crate::support::Test;

pub(crate) fn trials() -> Vec<Test> {
    [
        authorization_request::trials(),
        backchannel_logout::trials(),
        code_flow::trials(),
        frontchannel_logout::trials(),
        global_token_revocation::trials(),
        introspect::trials(),
        logout::trials(),
        metadata::trials(),
        policy::trials(),
        relying_party::trials(),
        revoke::trials(),
        session_management::trials(),
        session_token::trials(),
        sessions::trials(),
        token::trials(),
        transport::trials(),
        userinfo::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
