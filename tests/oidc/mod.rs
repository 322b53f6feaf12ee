//! OAuth 2.0 and OpenID Connect as clients meet them.

mod authorization_request;
mod backchannel_logout;
mod claims_parameter;
mod code_flow;
mod device;
mod dpop;
mod encrypted_response;
mod fapi2;
mod frontchannel_logout;
mod global_token_revocation;
mod introspect;
mod introspection_jwt;
mod jarm;
mod jwt_bearer;
mod logout;
mod metadata;
mod mtls;
mod pairwise;
mod password;
mod policy;
mod pushed;
mod registration;
mod relying_party;
mod request_object;
mod resource;
mod response_types;
mod revoke;
mod session_management;
mod session_token;
mod sessions;
mod signed_userinfo;
mod step_up;
mod token;
mod transport;
mod userinfo;

use crate::support::Test;

pub(crate) fn trials() -> Vec<Test> {
    [
        authorization_request::trials(),
        backchannel_logout::trials(),
        claims_parameter::trials(),
        code_flow::trials(),
        device::trials(),
        dpop::trials(),
        encrypted_response::trials(),
        fapi2::trials(),
        frontchannel_logout::trials(),
        global_token_revocation::trials(),
        introspect::trials(),
        introspection_jwt::trials(),
        jarm::trials(),
        jwt_bearer::trials(),
        logout::trials(),
        metadata::trials(),
        mtls::trials(),
        pairwise::trials(),
        password::trials(),
        policy::trials(),
        pushed::trials(),
        registration::trials(),
        relying_party::trials(),
        request_object::trials(),
        response_types::trials(),
        resource::trials(),
        revoke::trials(),
        session_management::trials(),
        session_token::trials(),
        sessions::trials(),
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
