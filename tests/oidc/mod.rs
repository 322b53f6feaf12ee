//! OAuth 2.0 and OpenID Connect as clients meet them.

mod authorization_request;
mod claims_parameter;
mod code_flow;
mod encrypted_response;
mod introspect;
mod introspection_jwt;
mod logout;
mod metadata;
mod pairwise;
mod policy;
mod pushed;
mod relying_party;
mod resource;
mod response_types;
mod revoke;
mod signed_userinfo;
mod step_up;
mod token;
mod transport;
mod userinfo;

use crate::support::Test;

pub(crate) fn trials() -> Vec<Test> {
    [
        authorization_request::trials(),
        claims_parameter::trials(),
        code_flow::trials(),
        encrypted_response::trials(),
        introspect::trials(),
        introspection_jwt::trials(),
        logout::trials(),
        metadata::trials(),
        pairwise::trials(),
        policy::trials(),
        pushed::trials(),
        relying_party::trials(),
        response_types::trials(),
        resource::trials(),
        revoke::trials(),
        signed_userinfo::trials(),
        step_up::trials(),
        token::trials(),
        transport::trials(),
        userinfo::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
