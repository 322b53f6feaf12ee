//! Access policies with their rules.

use super::{People, list, people, status};
use crate::{
    model::{Status, authorization_server::TokenLifetimes},
    protocol::grant_type::GrantType,
    seed::{
        SeedError,
        document::{Members, Place, Reference},
    },
};

pub(in crate::seed) struct Policy {
    pub(in crate::seed) name: String,
    pub(in crate::seed) priority: i32,
    pub(in crate::seed) status: Status,
    /// Absent: all clients.
    pub(in crate::seed) clients: Option<Vec<Reference>>,
    pub(in crate::seed) rules: Vec<Rule>,
}

pub(in crate::seed) struct Rule {
    pub(in crate::seed) name: String,
    pub(in crate::seed) priority: i32,
    pub(in crate::seed) status: Status,
    pub(in crate::seed) grant_types: Vec<String>,
    pub(in crate::seed) scopes: Vec<Reference>,
    pub(in crate::seed) people: People,
    pub(in crate::seed) lifetimes: TokenLifetimes,
}

pub(super) fn policy(place: &Place<'_>, index: usize) -> Result<Policy, SeedError> {
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

pub(super) fn priority(members: &Members<'_>, index: usize) -> Result<i32, SeedError> {
    let given = members.opt("priority", |place| place.integer(1..=100_000))?;
    let given = given.map_or_else(|| i32::try_from(index.saturating_add(1)), i32::try_from);
    given.map_err(|_| members.place.error("the list is too long"))
}
