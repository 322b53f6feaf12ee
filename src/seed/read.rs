//! From a document to what it describes; names of other objects are still unresolved.

use serde_json::{Map, Value};

use super::{
    SeedError,
    document::{Members, Node, Place, Reference, Spot},
    policy::{self, Policies},
};
use crate::{
    claims::groups,
    model::{
        Status,
        authorization_server::{
            AccessTokenProfile, ClaimType, ClaimValue, GroupFilter, ScopeConsent, TokenLifetimes,
            TrustedIssuer, UserinfoSettings,
        },
        user::UserStatus,
    },
    protocol::{
        acr::Acr,
        authorization_request::MAX_MAX_AGE,
        client_metadata::{ClientMetadata, Localized},
        grant_type::GrantType,
        okta_scope,
        resource::is_resource,
    },
    secret::Secret,
    user::{credentials::MAX_PASSWORD_BYTES, login::LoginKey},
};

pub(super) struct Document {
    pub(super) groups: Vec<Group>,
    pub(super) users: Vec<User>,
    pub(super) clients: Vec<Client>,
    pub(super) servers: Vec<Server>,
    pub(super) origins: Vec<Origin>,
    pub(super) policies: Policies,
}

pub(super) struct Group {
    pub(super) name: String,
    pub(super) description: Option<String>,
}

pub(super) struct User {
    pub(super) login: String,
    pub(super) key: LoginKey,
    pub(super) profile: Map<String, Value>,
    pub(super) password: Option<Password>,
    pub(super) force: bool,
    pub(super) status: Option<UserStatus>,
    pub(super) admin: Option<bool>,
    pub(super) groups: Option<Vec<Reference>>,
}

pub(super) enum Password {
    Clear(Secret<String>),
    Hash(Secret<String>),
}

pub(super) struct Client {
    pub(super) id: String,
    pub(super) spot: Spot,
    pub(super) secret: Option<(Secret<String>, Spot)>,
    pub(super) force: bool,
    pub(super) status: Option<Status>,
    pub(super) metadata: ClientMetadata,
    pub(super) assignment: Option<People>,
}

#[derive(Default)]
pub(super) struct People {
    pub(super) users: Vec<Reference>,
    pub(super) groups: Vec<Reference>,
    pub(super) exclude_users: Vec<Reference>,
    pub(super) exclude_groups: Vec<Reference>,
}

pub(super) struct Server {
    pub(super) id: String,
    pub(super) spot: Spot,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) audience: Option<(String, Spot)>,
    pub(super) status: Option<Status>,
    pub(super) access_token_profile: Option<AccessTokenProfile>,
    pub(super) signing_algorithms: Option<Vec<::keys::Algorithm>>,
    pub(super) code_lifetime: Option<u32>,
    pub(super) id_token_lifetime: Option<u32>,
    pub(super) resources: Option<Vec<String>>,
    pub(super) userinfo: Option<UserinfoSettings>,
    pub(super) trusted_issuers: Option<Vec<TrustedIssuer>>,
    pub(super) trusted_servers: Option<Vec<Reference>>,
    pub(super) scopes: Vec<Scope>,
    pub(super) claims: Vec<Claim>,
    pub(super) policies: Vec<Policy>,
}

pub(super) struct Scope {
    pub(super) name: String,
    pub(super) display_name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) consent: ScopeConsent,
    pub(super) optional: bool,
    pub(super) default: bool,
    pub(super) published: bool,
    pub(super) sensitive: bool,
}

pub(super) struct Claim {
    pub(super) name: String,
    pub(super) claim_type: ClaimType,
    pub(super) value: ClaimValue,
    pub(super) always_include: bool,
    pub(super) scopes: Vec<Reference>,
    pub(super) status: Status,
}

pub(super) struct Policy {
    pub(super) name: String,
    pub(super) priority: i32,
    pub(super) status: Status,
    /// Absent: all clients.
    pub(super) clients: Option<Vec<Reference>>,
    pub(super) rules: Vec<Rule>,
}

pub(super) struct Rule {
    pub(super) name: String,
    pub(super) priority: i32,
    pub(super) status: Status,
    pub(super) grant_types: Vec<String>,
    pub(super) scopes: Vec<Reference>,
    pub(super) people: People,
    pub(super) lifetimes: TokenLifetimes,
}

pub(super) struct Origin {
    pub(super) origin: String,
    pub(super) name: String,
    pub(super) scopes: Vec<String>,
    pub(super) status: Status,
}

pub(super) fn document(root: &Node, file: &std::path::Path) -> Result<Document, SeedError> {
    let known = ["force", "groups", "users", "clients", "authorization_servers", "trusted_origins"];
    let root = root.read(file).members(&[&known[..], &policy::KEYS[..]].concat())?;
    let force = root.flag("force")?.unwrap_or(false);
    Ok(Document {
        groups: list(&root, "groups", "name", group)?,
        users: list(&root, "users", "login", |place| user(place, force))?,
        clients: list(&root, "clients", "client_id", |place| client(place, force))?,
        servers: list(&root, "authorization_servers", "id", server)?,
        origins: list(&root, "trusted_origins", "origin", origin)?,
        policies: policy::policies(&root)?,
    })
}

/// Reads a list whose items are known by a key; an item that comes twice is a mistake.
pub(super) fn list<'a, T>(
    members: &Members<'a>,
    name: &str,
    by: &str,
    read: impl Fn(&Place<'a>) -> Result<T, SeedError>,
) -> Result<Vec<T>, SeedError> {
    let Some(place) = members.find(name) else { return Ok(Vec::new()) };
    let mut seen: Vec<Vec<Value>> = Vec::new();
    let mut items = Vec::new();
    for item in place.list()? {
        let named = item.any_members()?;
        // Claims of one name may exist once per type.
        let key: Vec<Value> = [by, if name == "claims" { "type" } else { by }]
            .iter()
            .filter_map(|key| named.find(key))
            .map(|place| place.json())
            .collect();
        if seen.contains(&key) {
            return Err(item.error(format!("the same `{by}` comes twice")));
        }
        seen.push(key);
        items.push(read(&item)?);
    }
    Ok(items)
}

pub(super) fn status(members: &Members<'_>) -> Result<Option<Status>, SeedError> {
    members.opt("status", |place| place.word("ACTIVE, INACTIVE"))
}

fn group(place: &Place<'_>) -> Result<Group, SeedError> {
    let members = place.members(&["name", "description"])?;
    Ok(Group { name: members.load("name")?.text()?, description: members.text("description")? })
}

/// Okta's base profile and the attributes that standard claims are made of (OpenID Connect Core §5.1).
const ATTRIBUTES: [&str; 36] = [
    "firstName",
    "middleName",
    "lastName",
    "honorificPrefix",
    "honorificSuffix",
    "title",
    "displayName",
    "nickName",
    "profileUrl",
    "email",
    "emailVerified",
    "secondEmail",
    "mobilePhone",
    "primaryPhone",
    "phoneNumberVerified",
    "streetAddress",
    "city",
    "state",
    "zipCode",
    "countryCode",
    "postalAddress",
    "preferredLanguage",
    "locale",
    "timezone",
    "userType",
    "employeeNumber",
    "costCenter",
    "organization",
    "division",
    "department",
    "managerId",
    "manager",
    "picture",
    "website",
    "gender",
    "birthdate",
];

fn user(place: &Place<'_>, force: bool) -> Result<User, SeedError> {
    let known =
        ["login", "password", "password_hash", "force", "status", "admin", "groups", "profile", "custom"];
    let members = place.members(&known)?;
    let login = members.load("login")?;
    let key = LoginKey::normalize(&login.text()?).map_err(|error| login.error(error.to_string()))?;
    Ok(User {
        login: login.text()?,
        key,
        profile: profile(&members)?,
        password: password(&members)?,
        force: members.flag("force")?.unwrap_or(force),
        status: members.opt("status", |place| {
            UserStatus::parse(&place.text()?).ok_or_else(|| {
                place.error(format!("must be one of {}", UserStatus::ALL.map(UserStatus::as_str).join(", ")))
            })
        })?,
        admin: members.flag("admin")?,
        groups: members.opt("groups", |place| place.references())?,
    })
}

fn profile(members: &Members<'_>) -> Result<Map<String, Value>, SeedError> {
    let mut profile = Map::new();
    if let Some(place) = members.find("profile") {
        for (name, value) in place.members(&ATTRIBUTES)?.all() {
            let read = match name {
                _ if value.json().is_null() => Value::Null,
                "emailVerified" | "phoneNumberVerified" => value.bool()?.into(),
                _ => value.text()?.into(),
            };
            profile.insert(name.to_owned(), read);
        }
    }
    if let Some(place) = members.find("custom") {
        for (name, value) in place.any_members()?.all() {
            if ATTRIBUTES.contains(&name) {
                return Err(value.error("belongs into `profile`"));
            }
            profile.insert(name.to_owned(), value.json());
        }
    }
    Ok(profile)
}

fn password(members: &Members<'_>) -> Result<Option<Password>, SeedError> {
    let hash = members.opt("password_hash", |place| {
        let hash = place.text()?;
        if hash.starts_with("$argon2id$") && hash.split('$').count() == 6 {
            Ok(Password::Hash(Secret::new(hash)))
        } else {
            Err(place.error("must be an argon2id hash in PHC form: $argon2id$v=19$…"))
        }
    })?;
    let clear = members.opt("password", |place| {
        let password = place.text()?;
        if password.len() > MAX_PASSWORD_BYTES {
            return Err(place.error("is longer than 1024 bytes"));
        }
        if hash.is_some() {
            return Err(place.error("and `password_hash` exclude each other"));
        }
        Ok(Password::Clear(Secret::new(password)))
    })?;
    Ok(clear.or(hash))
}

/// Keys of a client beside its metadata.
const CLIENT_KEYS: [&str; 5] = ["client_id", "client_secret", "force", "status", "assignment"];

/// Client metadata (RFC 7591 §2, OpenID Connect Registration §2 and the specifications that add to them) and Okta's
/// settings.
const METADATA: &[&str] = &[
    "client_name",
    "client_uri",
    "logo_uri",
    "policy_uri",
    "tos_uri",
    "contacts",
    "application_type",
    "redirect_uris",
    "post_logout_redirect_uris",
    "response_types",
    "grant_types",
    "token_endpoint_auth_method",
    "token_endpoint_auth_signing_alg",
    "id_token_signed_response_alg",
    "id_token_encrypted_response_alg",
    "id_token_encrypted_response_enc",
    "userinfo_signed_response_alg",
    "userinfo_encrypted_response_alg",
    "userinfo_encrypted_response_enc",
    "introspection_signed_response_alg",
    "subject_type",
    "sector_identifier_uri",
    "request_object_signing_alg",
    "jwks",
    "jwks_uri",
    "default_max_age",
    "require_auth_time",
    "default_acr_values",
    "initiate_login_uri",
    "authorization_signed_response_alg",
    "request_uris",
    "require_signed_request_object",
    "require_pushed_authorization_requests",
    "dpop_bound_access_tokens",
    "tls_client_certificate_bound_access_tokens",
    "tls_client_auth_subject_dn",
    "tls_client_auth_san_dns",
    "tls_client_auth_san_uri",
    "tls_client_auth_san_ip",
    "tls_client_auth_san_email",
    "frontchannel_logout_uri",
    "frontchannel_logout_session_required",
    "backchannel_logout_uri",
    "backchannel_logout_session_required",
    "consent_method",
    "pkce_required",
    "refresh_token",
    "introspect",
    "profile",
    "okta_scopes",
];

fn client(place: &Place<'_>, force: bool) -> Result<Client, SeedError> {
    // Names with a language are as many as there are languages.
    let localized: Vec<&str> =
        place.any_members()?.all().map(|(name, _)| name).filter(|name| Localized::is_name(name)).collect();
    let known: Vec<&str> = CLIENT_KEYS.iter().chain(METADATA).copied().chain(localized).collect();
    let members = place.members(&known)?;
    let id = members.load("client_id")?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let text = id.text()?;
    if text.len() > 100 || !text.chars().all(allowed) {
        return Err(id.error("has at most 100 letters, digits, `-`, `_` or `.`"));
    }
    Ok(Client {
        id: text,
        spot: place.spot(),
        secret: members.opt("client_secret", |place| Ok((Secret::new(place.text()?), place.spot())))?,
        force: members.flag("force")?.unwrap_or(force),
        status: status(&members)?,
        metadata: metadata(&members)?,
        assignment: members.opt("assignment", |place| people(&place, &["users", "groups"]))?,
    })
}

fn metadata(members: &Members<'_>) -> Result<ClientMetadata, SeedError> {
    let mut all = members.json_without(&CLIENT_KEYS);
    for (name, place) in members.all().filter(|(name, _)| !CLIENT_KEYS.contains(name)) {
        if let Some(Value::String(text)) = all.get("jwks").filter(|_| name == "jwks").cloned() {
            // {file: jwks.json} gives a text.
            let jwks = serde_json::from_str(&text).map_err(|_| place.error("is not JSON"))?;
            all.insert("jwks".to_owned(), jwks);
        }
        // One at a time, so that the error can say which one.
        let value = all.get(name).cloned().unwrap_or_default();
        let single = Value::Object(Map::from_iter([(name.to_owned(), value)]));
        serde_json::from_value::<ClientMetadata>(single).map_err(|error| place.error(error.to_string()))?;
    }
    let metadata: ClientMetadata =
        serde_json::from_value(Value::Object(all)).map_err(|error| members.place.error(error.to_string()))?;
    let metadata = metadata.with_defaults();
    metadata.validate().map_err(|error| match members.find(error.member) {
        Some(place) => place.error(error.reason),
        None => members.place.error(error.to_string()),
    })?;
    Ok(metadata)
}

pub(super) fn people(place: &Place<'_>, known: &[&str]) -> Result<People, SeedError> {
    let members = place.members(known)?;
    let names = |key| members.opt(key, |place| place.references()).map(Option::unwrap_or_default);
    Ok(People {
        users: names("users")?,
        groups: names("groups")?,
        exclude_users: names("exclude_users")?,
        exclude_groups: names("exclude_groups")?,
    })
}

fn server(place: &Place<'_>) -> Result<Server, SeedError> {
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
    let settings = members.opt("settings", |place| {
        place.members(&[
            "signing_algorithms",
            "code_lifetime",
            "id_token_lifetime",
            "resources",
            "userinfo",
            "trusted_issuers",
            "trusted_servers",
        ])
    })?;
    let settings = settings.as_ref();
    let lifetime = |key: &str, most: u32| {
        settings.map_or(Ok(None), |settings| settings.opt(key, |place| place.integer(1..=most)))
    };
    Ok(Server {
        id: text,
        spot: place.spot(),
        name: members.text("name")?,
        description: members.text("description")?,
        audience: members.opt("audience", |place| Ok((place.text()?, place.spot())))?,
        status: status(&members)?,
        access_token_profile: members.opt("access_token_profile", |place| place.word("okta, rfc9068"))?,
        signing_algorithms: settings
            .map_or(Ok(None), |settings| settings.opt("signing_algorithms", |place| algorithms(&place)))?,
        code_lifetime: lifetime("code_lifetime", 600)?,
        id_token_lifetime: lifetime("id_token_lifetime", 86_400)?,
        resources: settings
            .map_or(Ok(None), |settings| settings.opt("resources", |place| resources(&place)))?,
        userinfo: settings.map_or(Ok(None), |settings| settings.opt("userinfo", |place| userinfo(&place)))?,
        trusted_issuers: settings.map_or(Ok(None), |settings| {
            settings.opt("trusted_issuers", |_| list(settings, "trusted_issuers", "issuer", trusted_issuer))
        })?,
        trusted_servers: settings
            .map_or(Ok(None), |settings| settings.opt("trusted_servers", |place| place.references()))?,
        scopes: list(&members, "scopes", "name", scope)?,
        claims: list(&members, "claims", "name", claim)?,
        policies: list(&members, "policies", "name", |place| Ok(place.clone()))?
            .into_iter()
            .enumerate()
            .map(|(index, place)| access_policy(&place, index))
            .collect::<Result<_, _>>()?,
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

pub(super) fn priority(members: &Members<'_>, index: usize) -> Result<i32, SeedError> {
    let given = members.opt("priority", |place| place.integer(1..=100_000))?;
    let given = given.map_or_else(|| i32::try_from(index.saturating_add(1)), i32::try_from);
    given.map_err(|_| members.place.error("the list is too long"))
}

fn access_policy(place: &Place<'_>, index: usize) -> Result<Policy, SeedError> {
    let members = place.members(&["name", "priority", "status", "clients", "rules"])?;
    let clients = members.opt("clients", |place| place.references())?;
    Ok(Policy {
        name: members.load("name")?.text()?,
        priority: priority(&members, index)?,
        status: status(&members)?.unwrap_or_default(),
        clients: clients.filter(|clients| !clients.iter().any(|client| client.name == "ALL_CLIENTS")),
        rules: list(&members, "rules", "name", |place| Ok(place.clone()))?
            .into_iter()
            .enumerate()
            .map(|(index, place)| rule(&place, index))
            .collect::<Result<_, _>>()?,
    })
}

fn rule(place: &Place<'_>, index: usize) -> Result<Rule, SeedError> {
    let known = [
        "name",
        "priority",
        "status",
        "grant_types",
        "scopes",
        "people",
        "access_token_lifetime_minutes",
        "refresh_token_lifetime_minutes",
        "refresh_token_window_minutes",
    ];
    let members = place.members(&known)?;
    let usual = TokenLifetimes::default();
    let minutes = |key, least, most, usual| {
        members.opt(key, |place| place.integer(least..=most)).map(|given| given.unwrap_or(usual))
    };
    let lifetimes = TokenLifetimes {
        access_token_lifetime_minutes: minutes(
            "access_token_lifetime_minutes",
            5,
            1440,
            usual.access_token_lifetime_minutes,
        )?,
        refresh_token_lifetime_minutes: minutes(
            "refresh_token_lifetime_minutes",
            0,
            u32::MAX,
            usual.refresh_token_lifetime_minutes,
        )?,
        refresh_token_window_minutes: minutes(
            "refresh_token_window_minutes",
            10,
            2_628_000,
            usual.refresh_token_window_minutes,
        )?,
    };
    let grant_types = members.opt("grant_types", |place| {
        let known = || GrantType::ALL.iter().map(|known| known.as_str()).collect::<Vec<_>>().join(", ");
        place
            .list()?
            .iter()
            .map(|place| {
                let text = place.text()?;
                let known_type = text.parse::<GrantType>().is_ok();
                if known_type { Ok(text) } else { Err(place.error(format!("must be one of {}", known()))) }
            })
            .collect::<Result<Vec<_>, _>>()
    })?;
    Ok(Rule {
        name: members.load("name")?.text()?,
        priority: priority(&members, index)?,
        status: status(&members)?.unwrap_or_default(),
        grant_types: grant_types.unwrap_or_default(),
        scopes: members.opt("scopes", |place| place.references())?.unwrap_or_default(),
        people: members
            .opt("people", |place| people(&place, &["users", "groups", "exclude_users", "exclude_groups"]))?
            .unwrap_or_default(),
        lifetimes,
    })
}

fn origin(place: &Place<'_>) -> Result<Origin, SeedError> {
    let members = place.members(&["origin", "name", "cors", "redirect", "status"])?;
    let origin = members.load("origin")?;
    let text = origin.text()?;
    let canonical = url::Url::parse(&text).ok().map(|url| url.origin().ascii_serialization());
    if canonical.as_deref() != Some(text.as_str()) {
        return Err(
            origin.error("must be an origin, like \"https://app.example.com\", without path or slash")
        );
    }
    let kinds = [("CORS", members.flag("cors")?), ("REDIRECT", members.flag("redirect")?)];
    Ok(Origin {
        name: members.text("name")?.unwrap_or_else(|| text.clone()),
        origin: text,
        scopes: kinds
            .into_iter()
            .filter(|(_, wanted)| wanted.unwrap_or(true))
            .map(|(kind, _)| kind.to_owned())
            .collect(),
        status: status(&members)?.unwrap_or_default(),
    })
}
