//! OAuth 2.0 and OpenID Connect as clients meet them.

mod authorization_request;
mod code_flow;
mod introspect;
mod jarm;
mod logout;
mod metadata;
mod policy;
mod pushed;
mod relying_party;
mod request_object;
mod response_types;
mod revoke;
mod token;
mod transport;
mod userinfo;

use crate::support::Test;

pub(crate) fn trials() -> Vec<Test> {
    [
        authorization_request::trials(),
        code_flow::trials(),
        introspect::trials(),
        jarm::trials(),
        logout::trials(),
        metadata::trials(),
        policy::trials(),
        pushed::trials(),
        relying_party::trials(),
        request_object::trials(),
        response_types::trials(),
        revoke::trials(),
        token::trials(),
        transport::trials(),
        userinfo::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
