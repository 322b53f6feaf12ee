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
mod sign_on_policy;
mod signed_userinfo;
mod step_up;
mod token;
mod transport;
mod userinfo;

use crate::support::{Test, checklist::tested};

pub(crate) fn trials() -> Vec<Test> {
    [
        trials![plain: every_line_of_the_checklist_has_a_test],
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
        sign_on_policy::trials(),
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

/// The groups of the checklist of what certification looks at, and how many lines each has.
const LINES: [(&str, u8); 18] = [
    ("t", 10),
    ("d", 12),
    ("k", 4),
    ("r", 4),
    ("a", 15),
    ("j", 4),
    ("p", 7),
    ("e", 8),
    ("i", 6),
    ("u", 5),
    ("g", 6),
    ("l", 6),
    ("q", 5),
    ("x", 5),
    ("m", 2),
    ("v", 4),
    ("c", 4),
    ("h", 4),
];

/// Lines about what is not offered: FAPI 1.0 and CIBA.
const NOT_OFFERED: [&str; 5] = ["v4", "c1", "c2", "c3", "c4"];

/// A test `oidc_a7_…` or `oidc_a07_…` proves line A7.
fn every_line_of_the_checklist_has_a_test() {
    let tested = tested("oidc_");
    let lines =
        LINES.iter().flat_map(|(group, last)| (1..=*last).map(move |number| format!("{group}{number}")));
    let missing: Vec<String> =
        lines.filter(|line| !tested.contains(line) && !NOT_OFFERED.contains(&line.as_str())).collect();
    assert_eq!(missing, [""; 0]);
}
