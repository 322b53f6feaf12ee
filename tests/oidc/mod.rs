//! OAuth 2.0 and OpenID Connect as clients meet them.

mod authorization_request;
mod code_flow;
mod device;
mod introspect;
mod jwt_bearer;
mod logout;
mod metadata;
mod password;
mod policy;
mod relying_party;
mod revoke;
mod token;
mod transport;
mod userinfo;

use crate::support::Test;

pub(crate) fn trials() -> Vec<Test> {
    [
        authorization_request::trials(),
        code_flow::trials(),
        device::trials(),
        introspect::trials(),
        jwt_bearer::trials(),
        logout::trials(),
        metadata::trials(),
        password::trials(),
        policy::trials(),
        relying_party::trials(),
        revoke::trials(),
        token::trials(),
        transport::trials(),
        userinfo::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
