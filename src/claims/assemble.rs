//! One map of claims for each target; the only place that says which claims go where.
//!
//! | target | scope claims (Core §5.4) | custom claims |
//! |---|---|---|
//! | ID token alone | all | `IDENTITY` |
//! | ID token beside an access token | none; Okta's thin set for the org server where the client wants it | `IDENTITY` with `alwaysIncludeInToken` |
//! | userinfo | all | `IDENTITY` |
//! | access token | none | `RESOURCE` |
//!
//! Claims that the `claims` parameter names are added to the ID token or userinfo, wherever they are named, if they have
//! an acceptable value (Core §5.5); a custom claim that needs a scope still needs it. A custom claim wins
//! over a scope claim of the same name, in every target alike; nothing wins over the protocol's own claims.

use serde_json::{Map, Value};

use super::{custom, groups, standard};
use crate::{
    model::{
        authorization_server::{Claim, ClaimType, ServerConfig},
        user::Holder,
    },
    protocol::{
        claims_request::Requested,
        scope_claims::{CLAIM_SCOPES, claims_of, thin_claims_of},
    },
};

/// What the claims are for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// An ID token.
    IdToken {
        /// Whether an access token is issued with it, so that userinfo can be asked.
        with_access_token: bool,
    },
    /// An access token.
    AccessToken,
    /// The userinfo response.
    Userinfo,
}

/// What the claims come from.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The user; absent for grants without one.
    pub user: Option<&'a Holder>,
    /// The names of the user's groups.
    pub groups: &'a [String],
    /// The granted scopes.
    pub scopes: &'a [&'a str],
    /// What the `claims` parameter asks for in this target (Core §5.5).
    pub requested: &'a Requested,
    /// The authorization server.
    pub server: &'a ServerConfig,
    /// Whether the client gets Okta's thin set (`okta_compat`); counts on the org server only.
    pub thin_okta: bool,
}

impl Facts<'_> {
    /// Whether the scope was granted.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.contains(&scope)
    }
}

/// Why claims could not be assembled; the request fails with `server_error`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ClaimsError {
    /// More than a hundred group names.
    #[error("a groups claim has more than 100 values")]
    TooManyGroups,
    /// A groups claim is configured with an unusable regular expression.
    #[error("the regular expression of a groups claim can't be used")]
    BadGroupPattern,
}

/// The claims for a target, beside those of the protocol itself.
///
/// # Errors
/// A groups claim fails.
pub fn assemble(target: Target, facts: &Facts<'_>) -> Result<Map<String, Value>, ClaimsError> {
    let mut claims = scope_claims(target, facts)?;
    for (name, value) in custom_claims(target, facts)? {
        // An address from elsewhere was not verified by anybody here.
        let verified = VERIFIED.iter().find(|(claim, _)| *claim == name);
        if let Some((_, verified)) = verified
            && claims.get(&name).is_some_and(|before| *before != value)
        {
            claims.shift_remove(*verified);
        }
        claims.insert(name, value);
    }
    Ok(claims)
}

/// The `sub` that a custom authorization server's own `RESOURCE` claim `sub` gives to access tokens, if it has
/// one. It is apart from [`assemble`] because it replaces a claim of the protocol.
pub fn access_token_subject(facts: &Facts<'_>) -> Option<String> {
    let claim = facts.server.claims.iter().find(|claim| {
        claim.name == "sub" && claim.claim_type == ClaimType::Resource && custom::applies(claim, facts)
    })?;
    if facts.server.server.is_org() {
        return None;
    }
    match custom::value(&claim.value, facts) {
        Ok(Some(Value::String(subject))) => Some(subject),
        Ok(_) | Err(_) => None,
    }
}

/// Whether the name belongs to the protocol, so that no custom claim may have it.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

fn scope_claims(target: Target, facts: &Facts<'_>) -> Result<Map<String, Value>, ClaimsError> {
    let mut claims = Map::new();
    let Some(user) = facts.user else { return Ok(claims) };
    let thin = facts.thin_okta && facts.server.server.is_org();
    let claims_of: fn(&str) -> &'static [&'static str] = match target {
        Target::IdToken { with_access_token: false } | Target::Userinfo => claims_of,
        Target::IdToken { with_access_token: true } if thin => thin_claims_of,
        Target::IdToken { with_access_token: true } => |_| &[],
        Target::AccessToken => return Ok(claims),
    };
    let wanted: Vec<&str> = CLAIM_SCOPES
        .into_iter()
        .filter(|scope| facts.has_scope(scope))
        .flat_map(claims_of)
        .copied()
        .collect();
    for (name, value) in standard::standard(user) {
        if wanted.contains(&name.as_str()) || facts.requested.wants(&name, &value) {
            claims.insert(name, value);
        }
    }
    // The scope `groups` is built into the org server; elsewhere it is a custom claim's business.
    let fat = target != Target::IdToken { with_access_token: true };
    if fat && facts.server.server.is_org() && facts.has_scope("groups") && !facts.groups.is_empty() {
        let names = facts.groups.iter().map(String::as_str).collect();
        claims.insert("groups".to_owned(), groups::at_most_a_hundred(names)?.into());
    }
    Ok(claims)
}

fn custom_claims(target: Target, facts: &Facts<'_>) -> Result<Map<String, Value>, ClaimsError> {
    let mut claims = Map::new();
    for claim in &facts.server.claims {
        let asked = facts.requested.get(&claim.name).is_some() && may_be_asked_for(claim, target);
        if !(asked || goes_into(claim, target)) || is_reserved(&claim.name) || !custom::applies(claim, facts)
        {
            continue;
        }
        if let Some(value) = custom::value(&claim.value, facts)?
            && (goes_into(claim, target) || facts.requested.wants(&claim.name, &value))
        {
            claims.insert(claim.name.clone(), value);
        }
    }
    Ok(claims)
}

/// What is kept out of an ID token for brevity alone.
fn may_be_asked_for(claim: &Claim, target: Target) -> bool {
    claim.claim_type == ClaimType::Identity && matches!(target, Target::IdToken { .. })
}

fn goes_into(claim: &Claim, target: Target) -> bool {
    match (claim.claim_type, target) {
        (ClaimType::Resource, Target::AccessToken)
        | (ClaimType::Identity, Target::Userinfo | Target::IdToken { with_access_token: false }) => true,
        (ClaimType::Identity, Target::IdToken { with_access_token: true }) => claim.always_include,
        (ClaimType::Resource, Target::Userinfo | Target::IdToken { .. })
        | (ClaimType::Identity, Target::AccessToken) => false,
    }
}

/// Claims and what says that they were verified.
const VERIFIED: [(&str, &str); 2] = [("email", "email_verified"), ("phone_number", "phone_number_verified")];

/// Base claims of both tokens (Okta), of RFC 7519 §4.1, Core §2, RFC 9068 §2.2, RFC 8693 §4, RFC 7800 and of
/// logout tokens. Reserved in every target, so that a claim never means two things.
const RESERVED: [&str; 35] = [
    "ver",
    "jti",
    "iss",
    "aud",
    "sub",
    "iat",
    "exp",
    "nbf",
    "cid",
    "uid",
    "scp",
    "scope",
    "client_id",
    "azp",
    "auth_time",
    "acr",
    "amr",
    "idp",
    "sid",
    "nonce",
    "at_hash",
    "c_hash",
    "s_hash",
    "ds_hash",
    "cnf",
    "act",
    "may_act",
    "active",
    "token_type",
    "username",
    "authorization_details",
    "events",
    "sub_id",
    "sub_jwk",
    "_claim_names",
];

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::{
        super::standard::tests::{full_profile, user},
        *,
    };
    use crate::{
        id::{AuthorizationServerId, ClaimId},
        model::{
            Status,
            authorization_server::{
                AccessTokenProfile, AuthorizationServer, ClaimValue, GroupFilter, ServerSettings,
            },
        },
        protocol::claims_request::ClaimsRequest,
    };

    const ALONE: Target = Target::IdToken { with_access_token: false };
    const BESIDE: Target = Target::IdToken { with_access_token: true };
    const EVERY_TARGET: [Target; 4] = [ALONE, BESIDE, Target::AccessToken, Target::Userinfo];

    fn server(id: &str, claims: Vec<Claim>) -> ServerConfig {
        let at = datetime!(2026-01-01 00:00:00 UTC);
        let server = AuthorizationServer {
            id: AuthorizationServerId::new(id),
            name: id.to_owned(),
            description: String::new(),
            audience: "api://default".to_owned(),
            status: Status::Active,
            access_token_profile: AccessTokenProfile::Okta,
            settings: ServerSettings::default(),
            not_before: at,
            created_at: at,
            updated_at: at,
        };
        ServerConfig { server, scopes: vec![], claims, policies: vec![] }
    }

    fn claim(name: &str, claim_type: ClaimType, value: ClaimValue) -> Claim {
        Claim {
            id: ClaimId::new(name),
            name: name.to_owned(),
            claim_type,
            value,
            always_include: false,
            scopes: vec![],
            status: Status::Active,
        }
    }

    fn attribute(name: &str) -> ClaimValue {
        ClaimValue::Attribute(name.to_owned())
    }

    fn names(target: Target, server: &ServerConfig, scopes: &[&str], thin_okta: bool) -> Vec<String> {
        let user = user(full_profile());
        let groups = ["Everyone".to_owned(), "Sales".to_owned()];
        let facts = Facts {
            user: Some(&user),
            groups: &groups,
            scopes,
            requested: &Requested::default(),
            server,
            thin_okta,
        };
        assemble(target, &facts).unwrap().into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn scope_claims_go_where_core_5_4_sends_them() {
        let server = server("default", vec![]);
        let all = |target| names(target, &server, &["openid", "profile", "email", "address", "phone"], true);
        assert_eq!(all(ALONE).len(), 19);
        assert_eq!(all(Target::Userinfo), all(ALONE));
        assert!(all(BESIDE).is_empty());
        assert!(all(Target::AccessToken).is_empty());
        assert_eq!(names(Target::Userinfo, &server, &["email"], false), ["email", "email_verified"]);
        assert_eq!(
            names(Target::Userinfo, &server, &["phone"], false),
            ["phone_number", "phone_number_verified"]
        );
        assert_eq!(names(Target::Userinfo, &server, &["address"], false), ["address"]);
        assert_eq!(names(Target::Userinfo, &server, &["profile"], false).len(), 14);
        assert!(names(Target::Userinfo, &server, &["openid", "groups"], false).is_empty());
    }

    #[test]
    fn the_org_server_keeps_okta_s_thin_set_for_okta_clients() {
        let org = server("org", vec![]);
        let scopes = ["openid", "profile", "email", "phone"];
        assert_eq!(names(BESIDE, &org, &scopes, true), ["name", "preferred_username", "email"]);
        assert_eq!(names(BESIDE, &org, &["openid", "email"], true), ["email"]);
        assert!(names(BESIDE, &org, &scopes, false).is_empty());
    }

    #[test]
    fn the_groups_scope_is_built_into_the_org_server() {
        let org = server("org", vec![]);
        assert_eq!(names(ALONE, &org, &["openid", "groups"], false), ["groups"]);
        assert_eq!(names(Target::Userinfo, &org, &["openid", "groups"], false), ["groups"]);
        assert!(names(BESIDE, &org, &["openid", "groups"], true).is_empty());
    }

    #[test]
    fn custom_claims_go_by_type_and_always_include() {
        let mut always = claim("always", ClaimType::Identity, attribute("department"));
        always.always_include = true;
        let mut inactive = claim("inactive", ClaimType::Resource, attribute("department"));
        inactive.status = Status::Inactive;
        let server = server(
            "default",
            vec![
                claim("resource", ClaimType::Resource, attribute("floor")),
                claim("identity", ClaimType::Identity, attribute("department")),
                always,
                inactive,
            ],
        );
        let table: [(Target, &[&str]); 4] = [
            (ALONE, &["identity", "always"]),
            (BESIDE, &["always"]),
            (Target::AccessToken, &["resource"]),
            (Target::Userinfo, &["identity", "always"]),
        ];
        for (target, expected) in table {
            assert_eq!(names(target, &server, &["openid"], false), expected, "{target:?}");
        }
    }

    #[test]
    fn a_claim_with_scopes_needs_one_of_them() {
        let mut scoped = claim("scoped", ClaimType::Resource, attribute("department"));
        scoped.scopes = vec!["read".to_owned(), "write".to_owned()];
        let server = server("default", vec![scoped]);
        assert_eq!(names(Target::AccessToken, &server, &["write"], false), ["scoped"]);
        assert!(names(Target::AccessToken, &server, &["openid"], false).is_empty());
    }

    #[test]
    fn no_custom_claim_takes_a_name_of_the_protocol() {
        let claims = RESERVED
            .iter()
            .flat_map(|name| {
                [ClaimType::Resource, ClaimType::Identity].map(|claim_type| {
                    let mut claim = claim(name, claim_type, ClaimValue::Static(json!("forged")));
                    claim.always_include = true;
                    claim
                })
            })
            .collect();
        let server = server("default", claims);
        for target in EVERY_TARGET {
            assert!(names(target, &server, &["openid"], false).is_empty(), "{target:?}");
        }
    }

    #[test]
    fn values_without_content_are_left_out() {
        let groups =
            |value: &str| ClaimValue::Groups { filter: GroupFilter::StartsWith, value: value.to_owned() };
        let resource = |name: &str, value| claim(name, ClaimType::Resource, value);
        let server = server(
            "default",
            vec![
                resource("absent", attribute("absent")),
                resource("empty", attribute("empty")),
                resource("nothing", attribute("nothing")),
                resource("null", ClaimValue::Static(Value::Null)),
                resource("none", groups("x")),
                resource("groups", groups("s")),
                resource("login", attribute("login")),
                resource("fixed", ClaimValue::Static(json!({ "a": [1] }))),
            ],
        );
        let user = user(full_profile());
        let groups = ["Everyone".to_owned(), "Sales".to_owned()];
        let facts = Facts {
            user: Some(&user),
            groups: &groups,
            scopes: &[],
            requested: &Requested::default(),
            server: &server,
            thin_okta: false,
        };
        let expected = json!({ "groups": ["Sales"], "login": "Alice@example.com", "fixed": { "a": [1] } });
        assert_eq!(Value::Object(assemble(Target::AccessToken, &facts).unwrap()), expected);
        let machine = Facts { user: None, groups: &[], ..facts };
        assert_eq!(
            Value::Object(assemble(Target::AccessToken, &machine).unwrap()),
            json!({ "fixed": { "a": [1] } })
        );
    }

    #[test]
    fn more_than_a_hundred_groups_issue_no_token() {
        let value = ClaimValue::Groups { filter: GroupFilter::Regex, value: ".*".to_owned() };
        let custom = server("default", vec![claim("groups", ClaimType::Resource, value)]);
        let org = server("org", vec![]);
        let user = user(json!({}));
        let groups: Vec<String> = (0..101).map(|n| format!("g{n}")).collect();
        for (server, target) in [(&custom, Target::AccessToken), (&org, Target::Userinfo)] {
            let facts = Facts {
                user: Some(&user),
                groups: &groups,
                scopes: &["groups"],
                requested: &Requested::default(),
                server,
                thin_okta: false,
            };
            assert_eq!(assemble(target, &facts), Err(ClaimsError::TooManyGroups));
        }
    }

    #[test]
    fn the_claims_parameter_is_honoured_beside_an_access_token() {
        let server = server("default", vec![]);
        let user = user(full_profile());
        let asked =
            r#"{"id_token": {"name": null, "sub": null, "unheard_of": null, "email": {"value": "x"}}}"#;
        let requested = ClaimsRequest::parse(asked).unwrap().id_token;
        let facts = Facts {
            user: Some(&user),
            groups: &[],
            scopes: &["openid", "email"],
            requested: &requested,
            server: &server,
            thin_okta: false,
        };
        assert_eq!(Value::Object(assemble(BESIDE, &facts).unwrap()), json!({ "name": "Alice Smith" }));
        assert_eq!(assemble(Target::AccessToken, &facts), Ok(Map::new()));
    }

    #[test]
    fn a_custom_claim_wins_over_a_scope_claim_in_every_target() {
        let mut email = claim("email", ClaimType::Identity, attribute("login"));
        email.always_include = true;
        let server = server("default", vec![email]);
        let user = user(full_profile());
        let facts = Facts {
            user: Some(&user),
            groups: &[],
            scopes: &["openid", "email"],
            requested: &Requested::default(),
            server: &server,
            thin_okta: false,
        };
        for target in [ALONE, BESIDE, Target::Userinfo] {
            assert_eq!(assemble(target, &facts).unwrap()["email"], "Alice@example.com", "{target:?}");
            // What was verified is the attribute, not the login.
            assert!(!assemble(target, &facts).unwrap().contains_key("email_verified"), "{target:?}");
        }
    }

    #[test]
    fn only_a_custom_server_names_the_subject_of_its_access_tokens() {
        let sub = |value| vec![claim("sub", ClaimType::Resource, value)];
        let user = user(full_profile());
        let subject = |server: &ServerConfig| {
            access_token_subject(&Facts {
                user: Some(&user),
                groups: &[],
                scopes: &[],
                requested: &Requested::default(),
                server,
                thin_okta: false,
            })
        };
        assert_eq!(subject(&server("default", sub(attribute("email")))).unwrap(), "alice@example.com");
        assert_eq!(subject(&server("default", sub(attribute("floor")))), None);
        assert_eq!(subject(&server("default", vec![])), None);
        assert_eq!(subject(&server("org", sub(attribute("email")))), None);
    }
}
