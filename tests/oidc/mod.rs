//! OAuth 2.0 and OpenID Connect as clients meet them.

mod authorization_request;
mod claims_parameter;
mod code_flow;
mod dpop;
mod fapi2;
mod introspect;
mod logout;
mod metadata;
mod mtls;
mod pairwise;
mod policy;
mod pushed;
mod relying_party;
mod resource;
mod response_types;
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
        dpop::trials(),
        fapi2::trials(),
        introspect::trials(),
        logout::trials(),
        metadata::trials(),
        mtls::trials(),
        pairwise::trials(),
        policy::trials(),
        pushed::trials(),
        relying_party::trials(),
        response_types::trials(),
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
