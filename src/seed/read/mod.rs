//! From a document to what it describes; names of other objects are still unresolved.

mod api_token;
mod client;
mod factor_profile;
mod policy;
mod server;
pub(super) mod sign_on_policy;
mod user;
mod yubikey_token;

use serde_json::Value;

pub(super) use self::{
    api_token::ApiToken,
    client::Client,
    factor_profile::FactorProfile,
    policy::Policy,
    server::{Claim, Scope, Server, Settings},
    user::{Password, User},
    yubikey_token::YubikeyToken,
};
use self::{
    api_token::api_token, client::client, factor_profile::factor_profile, server::server,
    sign_on_policy::Policies, user::user, yubikey_token::yubikey_token,
};
use super::{
    SeedError,
    document::{Members, Node, Place, Reference},
};
use crate::model::Status;

pub(super) struct Document {
    pub(super) groups: Vec<Group>,
    pub(super) users: Vec<User>,
    pub(super) clients: Vec<Client>,
    pub(super) servers: Vec<Server>,
    pub(super) origins: Vec<Origin>,
    pub(super) policies: Policies,
    pub(super) factor_profiles: Vec<FactorProfile>,
    pub(super) yubikey_tokens: Vec<YubikeyToken>,
    pub(super) api_tokens: Vec<ApiToken>,
}

pub(super) struct Group {
    pub(super) name: String,
    pub(super) description: Option<String>,
}

#[derive(Default)]
pub(super) struct People {
    pub(super) users: Vec<Reference>,
    pub(super) groups: Vec<Reference>,
    pub(super) exclude_users: Vec<Reference>,
    pub(super) exclude_groups: Vec<Reference>,
}

pub(super) struct Origin {
    pub(super) origin: String,
    pub(super) name: String,
    pub(super) scopes: Vec<String>,
    pub(super) status: Status,
}

pub(super) fn document(root: &Node, file: &std::path::Path) -> Result<Document, SeedError> {
    let known = [
        "force",
        "groups",
        "users",
        "clients",
        "authorization_servers",
        "trusted_origins",
        "api_tokens",
        "factor_profiles",
        "yubikey_tokens",
    ];
    let root = root.read(file).members(&[&known[..], &sign_on_policy::KEYS[..]].concat())?;
    let force = root.flag("force")?.unwrap_or(false);
    Ok(Document {
        groups: list(&root, "groups", "name", group)?,
        users: list(&root, "users", "login", |place| user(place, force))?,
        clients: list(&root, "clients", "client_id", |place| client(place, force))?,
        servers: list(&root, "authorization_servers", "id", server)?,
        origins: list(&root, "trusted_origins", "origin", origin)?,
        policies: sign_on_policy::policies(&root)?,
        factor_profiles: list(&root, "factor_profiles", "name", |place| factor_profile(place, force))?,
        yubikey_tokens: list(&root, "yubikey_tokens", "serial_number", yubikey_token)?,
        api_tokens: list(&root, "api_tokens", "name", |place| api_token(place, force))?,
    })
}

/// Reads a list whose items are known by a key; an item that comes twice is a mistake.
fn list<'a, T>(
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

fn status(members: &Members<'_>) -> Result<Option<Status>, SeedError> {
    members.opt("status", |place| place.word("ACTIVE, INACTIVE"))
}

fn group(place: &Place<'_>) -> Result<Group, SeedError> {
    let members = place.members(&["name", "description"])?;
    Ok(Group { name: members.load("name")?.text()?, description: members.text("description")? })
}

fn people(place: &Place<'_>, known: &[&str]) -> Result<People, SeedError> {
    let members = place.members(known)?;
    let names = |key| members.opt(key, |place| place.references()).map(Option::unwrap_or_default);
    Ok(People {
        users: names("users")?,
        groups: names("groups")?,
        exclude_users: names("exclude_users")?,
        exclude_groups: names("exclude_groups")?,
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
