//! Authorization servers: settings, scopes and claims.

use serde_json::Value;

use super::{
    list,
    policy::{Policy, policy},
    status,
};
use crate::{
    claims::groups,
    model::{
        Status,
        authorization_server::{
            AccessTokenProfile, ClaimType, ClaimValue, GroupFilter, ScopeConsent, TrustedIssuer,
            UserinfoSettings,
        },
    },
    protocol::{acr::Acr, authorization_request::MAX_MAX_AGE, okta_scope, resource::is_resource},
    seed::{
        SeedError,
        document::{Place, Reference, Spot},
    },
};

pub(in crate::seed) struct Server {
    pub(in crate::seed) id: String,
    pub(in crate::seed) spot: Spot,
    pub(in crate::seed) name: Option<String>,
    pub(in crate::seed) description: Option<String>,
    pub(in crate::seed) audience: Option<(String, Spot)>,
    pub(in crate::seed) status: Option<Status>,
    pub(in crate::seed) access_token_profile: Option<AccessTokenProfile>,
    pub(in crate::seed) settings: Settings,
    pub(in crate::seed) scopes: Vec<Scope>,
    pub(in crate::seed) claims: Vec<Claim>,
    pub(in crate::seed) policies: Vec<Policy>,
}

/// What is said of the settings; what is not stays as it is.
#[derive(Default)]
pub(in crate::seed) struct Settings {
    pub(in crate::seed) signing_algorithms: Option<Vec<::keys::Algorithm>>,
    pub(in crate::seed) code_lifetime: Option<u32>,
    pub(in crate::seed) id_token_lifetime: Option<u32>,
    pub(in crate::seed) dpop_nonce_required: Option<bool>,
    pub(in crate::seed) resources: Option<Vec<String>>,
    pub(in crate::seed) userinfo: Option<UserinfoSettings>,
    pub(in crate::seed) trusted_issuers: Option<Vec<TrustedIssuer>>,
    pub(in crate::seed) trusted_servers: Option<Vec<Reference>>,
}

pub(in crate::seed) struct Scope {
    pub(in crate::seed) name: String,
    pub(in crate::seed) display_name: Option<String>,
    pub(in crate::seed) description: Option<String>,
    pub(in crate::seed) consent: ScopeConsent,
    pub(in crate::seed) optional: bool,
    pub(in crate::seed) default: bool,
    pub(in crate::seed) published: bool,
    pub(in crate::seed) sensitive: bool,
}

pub(in crate::seed) struct Claim {
    pub(in crate::seed) name: String,
    pub(in crate::seed) claim_type: ClaimType,
    pub(in crate::seed) value: ClaimValue,
    pub(in crate::seed) always_include: bool,
    pub(in crate::seed) scopes: Vec<Reference>,
    pub(in crate::seed) status: Status,
}

pub(super) fn server(place: &Place<'_>) -> Result<Server, SeedError> {
    let known = [
        "id",
        "name",
        "description",
        "audience",
        "status",
        "access_token_profile",
        "settings",
        "scopes",
        "claims",
        "policies",
    ];
    let members = place.members(&known)?;
    let id = members.load("id")?;
    let text = id.text()?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if text.len() > 100 || !text.chars().all(allowed) || text == "v1" {
        return Err(id.error("has at most 100 letters, digits, `-` or `_`, and is not `v1`"));
    }
    Ok(Server {
        id: text,
        spot: place.spot(),
        name: members.text("name")?,
        description: members.text("description")?,
        audience: members.opt("audience", |place| Ok((place.text()?, place.spot())))?,
        status: status(&members)?,
        access_token_profile: members.opt("access_token_profile", |place| place.word("okta, rfc9068"))?,
        settings: members.opt("settings", |place| settings(&place))?.unwrap_or_default(),
        scopes: list(&members, "scopes", "name", scope)?,
        claims: list(&members, "claims", "name", claim)?,
        policies: list(&members, "policies", "name", |place| Ok(place.clone()))?
            .into_iter()
            .enumerate()
            .map(|(index, place)| policy(&place, index))
            .collect::<Result<_, _>>()?,
    })
}

fn settings(place: &Place<'_>) -> Result<Settings, SeedError> {
    let members = place.members(&[
        "signing_algorithms",
        "code_lifetime",
        "id_token_lifetime",
        "dpop_nonce_required",
        "resources",
        "userinfo",
        "trusted_issuers",
        "trusted_servers",
    ])?;
    Ok(Settings {
        signing_algorithms: members.opt("signing_algorithms", |place| algorithms(&place))?,
        code_lifetime: members.opt("code_lifetime", |place| place.integer(1..=600))?,
        id_token_lifetime: members.opt("id_token_lifetime", |place| place.integer(1..=86_400))?,
        dpop_nonce_required: members.flag("dpop_nonce_required")?,
        resources: members.opt("resources", |place| resources(&place))?,
        userinfo: members.opt("userinfo", |place| userinfo(&place))?,
        trusted_issuers: members
            .opt("trusted_issuers", |_| list(&members, "trusted_issuers", "issuer", trusted_issuer))?,
        trusted_servers: members.opt("trusted_servers", |place| place.references())?,
    })
}

/// An issuer whose assertions about users are believed (RFC 7523 §2.1).
fn trusted_issuer(place: &Place<'_>) -> Result<TrustedIssuer, SeedError> {
    let members = place.members(&["issuer", "jwks", "jwks_uri", "subject"])?;
    let jwks = members.opt("jwks", |place| {
        let jwks = match place.json() {
            // {file: jwks.json} gives a text.
            Value::String(text) => serde_json::from_str(&text).map_err(|_| place.error("is not JSON"))?,
            jwks => jwks,
        };
        ::keys::ClientKeys::parse(&jwks).map_err(|_| place.error("is not a JWK set"))?;
        Ok(jwks)
    })?;
    let jwks_uri = members.opt("jwks_uri", |place| {
        let uri = place.text()?;
        let https = url::Url::parse(&uri).is_ok_and(|url| url.scheme() == "https" && url.has_host());
        if https { Ok(uri) } else { Err(place.error("must be an https URL")) }
    })?;
    if jwks.is_some() == jwks_uri.is_some() {
        return Err(place.error("needs exactly one of `jwks` and `jwks_uri`"));
    }
    Ok(TrustedIssuer {
        issuer: members.load("issuer")?.text()?,
        jwks,
        jwks_uri,
        subject: members.opt("subject", |place| place.word("login, id"))?.unwrap_or_default(),
    })
}

fn resources(place: &Place<'_>) -> Result<Vec<String>, SeedError> {
    let resources = place.list()?;
    if resources.len() > 100 {
        return Err(place.error("has more than 100 entries"));
    }
    let resource = |place: &Place<'_>| {
        let text = place.text()?;
        if is_resource(&text) {
            Ok(text)
        } else {
            Err(place.error("must be an absolute URI without a fragment"))
        }
    };
    resources.iter().map(resource).collect()
}

fn userinfo(place: &Place<'_>) -> Result<UserinfoSettings, SeedError> {
    let members = place.members(&["acr_values", "max_age"])?;
    let acr_values = members.opt("acr_values", |place| {
        let acr = |place: &Place<'_>| {
            let known = Acr::ALL.iter().map(|acr| acr.as_str()).collect::<Vec<_>>().join(", ");
            Ok(place.word::<Acr>(&known)?.as_str().to_owned())
        };
        place.list()?.iter().map(acr).collect()
    })?;
    let max_age = members.opt("max_age", |place| place.integer(1..=MAX_MAX_AGE))?;
    Ok(UserinfoSettings { acr_values: acr_values.unwrap_or_default(), max_age })
}

fn algorithms(place: &Place<'_>) -> Result<Vec<::keys::Algorithm>, SeedError> {
    let algorithms = place
        .list()?
        .iter()
        .map(|place| {
            let known = ::keys::Algorithm::ALL.iter().map(|known| known.as_str()).collect::<Vec<_>>();
            place.text()?.parse().map_err(|_| place.error(format!("must be one of {}", known.join(", "))))
        })
        .collect::<Result<Vec<_>, _>>()?;
    if algorithms.is_empty() { Err(place.error("needs at least one algorithm")) } else { Ok(algorithms) }
}

fn scope(place: &Place<'_>) -> Result<Scope, SeedError> {
    let known =
        ["name", "display_name", "description", "consent", "optional", "default", "published", "sensitive"];
    let members = place.members(&known)?;
    let name = members.load("name")?;
    let text = name.text()?;
    // RFC 6749 §3.3.
    if !text.chars().all(|c| matches!(c, '!' | '#'..='[' | ']'..='~')) {
        return Err(name.error("is no scope token (RFC 6749 §3.3)"));
    }
    if text.starts_with(okta_scope::PREFIX) {
        return Err(name
            .error("begins with `okta.`: such scopes are built in, and given to a client by `okta_scopes`"));
    }
    Ok(Scope {
        name: text,
        display_name: members.text("display_name")?,
        description: members.text("description")?,
        consent: members
            .opt("consent", |place| place.word("IMPLICIT, REQUIRED, FLEXIBLE"))?
            .unwrap_or_default(),
        optional: members.flag("optional")?.unwrap_or(false),
        default: members.flag("default")?.unwrap_or(false),
        published: members.flag("published")?.unwrap_or(true),
        sensitive: members.flag("sensitive")?.unwrap_or(false),
    })
}

fn claim(place: &Place<'_>) -> Result<Claim, SeedError> {
    let known = ["name", "type", "static", "attribute", "groups", "always_include", "scopes", "status"];
    let members = place.members(&known)?;
    let values = [
        members.opt("static", |place| Ok(ClaimValue::Static(place.json())))?,
        members.opt("attribute", |place| Ok(ClaimValue::Attribute(place.text()?)))?,
        members.opt("groups", |place| group_filter(&place))?,
    ];
    let mut values = values.into_iter().flatten();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(place.error("needs exactly one of `static`, `attribute` and `groups`"));
    };
    Ok(Claim {
        name: members.load("name")?.text()?,
        claim_type: members
            .load("type")?
            .word::<ClaimType>("RESOURCE (access token), IDENTITY (ID token)")?,
        value,
        always_include: members.flag("always_include")?.unwrap_or(false),
        scopes: members.opt("scopes", |place| place.references())?.unwrap_or_default(),
        status: status(&members)?.unwrap_or_default(),
    })
}

fn group_filter(place: &Place<'_>) -> Result<ClaimValue, SeedError> {
    let members = place.members(&["filter", "value"])?;
    let filter: GroupFilter = members.load("filter")?.word("STARTS_WITH, EQUALS, CONTAINS, REGEX")?;
    let value = members.load("value")?;
    let text = value.text()?;
    if filter == GroupFilter::Regex && groups::compile(&text).is_err() {
        return Err(value.error("is no regular expression, or a too large one"));
    }
    Ok(ClaimValue::Groups { filter, value: text })
}
