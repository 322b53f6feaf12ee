//! OAuth 2.0 and OpenID Connect as clients meet them.

mod authorization_request;
mod claims_parameter;
mod code_flow;
mod introspect;
mod logout;
mod metadata;
mod pairwise;
mod policy;
mod pushed;
mod registration;
mod relying_party;
mod resource;
mod revoke;
mod token;
mod transport;
mod userinfo;

use crate::support::Test;

pub(crate) fn trials() -> Vec<Test> {
    [
        authorization_request::trials(),
        claims_parameter::trials(),
        code_flow::trials(),
        introspect::trials(),
        logout::trials(),
        metadata::trials(),
        pairwise::trials(),
        policy::trials(),
        pushed::trials(),
        registration::trials(),
        relying_party::trials(),
        resource::trials(),
        revoke::trials(),
        token::trials(),
        transport::trials(),
        userinfo::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
