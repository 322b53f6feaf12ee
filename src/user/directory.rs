//! Lists of users (Okta's `filter`, `search` and `q`): pages in the order of ids, or sorted by an attribute, found by looking
//! at a bounded number of users a request.

use serde_json::{Value, json};

use crate::{
    app::App,
    fault::Fault,
    model::user::{User, UserStatus},
    protocol::{
        scim_filter::{Filter, Literal, Operator},
        timestamp::timestamp,
    },
    store::{self, user::Page},
    user::{
        directory_order::{Place, Sort},
        login::LoginKey,
    },
};

/// Users that one request looks at; a page may be short, and the next one goes on from there.
const MAX_LOOKED_AT: usize = 10_000;
/// Users that a sorted list looks at, all of them for every page.
const MAX_SORTED: usize = 100_000;
/// Users that one statement reads.
const BATCH: u64 = 500;

/// Which users are listed.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// What must hold.
    pub filter: Option<Filter>,
    /// What a name, a mail address or the login begins with.
    pub prefix: Option<String>,
    /// Whether deactivated users are left out, as they are where nothing is asked for.
    pub without_deprovisioned: bool,
}

/// A filter that cannot be used in lists of users.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SearchError {
    /// An attribute that is not offered.
    #[error("an attribute cannot be searched for")]
    Attribute,
    /// An operator that is not offered for its attribute.
    #[error("an operator is not supported for its attribute")]
    Operator,
}

/// Part of a list.
#[derive(Clone, Debug)]
pub struct Found {
    /// The users.
    pub users: Vec<User>,
    /// Where the next page begins; absent: there is none.
    pub next: Option<String>,
}

/// Checks a value of `filter`: a few attributes, compared exactly, and `lastUpdated` in order (Okta).
///
/// # Errors
/// What it asks for is not offered.
pub fn check_filter(filter: &Filter) -> Result<(), SearchError> {
    const EXACT: [&str; 6] =
        ["status", "id", "profile.login", "profile.email", "profile.firstName", "profile.lastName"];
    for (attribute, operator, _) in present_free(filter)? {
        match (attribute, operator) {
            ("lastUpdated", Operator::Eq | Operator::Gt | Operator::Ge | Operator::Lt | Operator::Le) => {}
            (attribute, Operator::Eq) if EXACT.contains(&attribute) => {}
            (attribute, _) if attribute == "lastUpdated" || EXACT.contains(&attribute) => {
                return Err(SearchError::Operator);
            }
            _ => return Err(SearchError::Attribute),
        }
    }
    Ok(())
}

fn present_free(filter: &Filter) -> Result<Vec<(&str, Operator, &Literal)>, SearchError> {
    let comparisons = filter.comparisons();
    if comparisons.len() == filter.attributes().len() { Ok(comparisons) } else { Err(SearchError::Operator) }
}

/// Checks a value of `search`: every attribute of the profile and those of the user, but not `ne` and `ew` (Okta).
///
/// # Errors
/// What it asks for is not offered.
pub fn check_search(filter: &Filter) -> Result<(), SearchError> {
    if !filter.attributes().into_iter().all(is_known) {
        return Err(SearchError::Attribute);
    }
    let offered = |operator| !matches!(operator, Operator::Ne | Operator::Ew);
    if filter.comparisons().iter().all(|(_, operator, _)| offered(*operator)) {
        Ok(())
    } else {
        Err(SearchError::Operator)
    }
}

/// Whether an attribute can be searched for and sorted by.
pub fn is_known(name: &str) -> bool {
    const OWN: [&str; 7] =
        ["id", "status", "created", "activated", "statusChanged", "lastUpdated", "type.id"];
    OWN.contains(&name) || name.strip_prefix("profile.").is_some_and(|name| !name.contains('.'))
}

/// Why there is no sorted page.
#[derive(Debug, thiserror::Error)]
pub enum SortError {
    /// There are more users than are sorted for a page.
    #[error("there are more than {MAX_SORTED} users")]
    TooMany,
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A page of users sorted by an attribute, after a place that a page before told, at most `limit`. The place holds the value
/// of the last user, not the user: who is changed meanwhile moves, and nobody else does.
///
/// # Errors
/// There are too many users, or a fault.
pub async fn sorted_page(
    app: &App,
    search: &Search,
    sort: &Sort,
    after: Option<&Place>,
    limit: usize,
) -> Result<Found, SortError> {
    let now = app.now();
    let type_id = type_id(app).await?;
    let mut query = narrowed(search, None);
    let mut first: Vec<(Place, User)> = Vec::new();
    let mut looked_at = 0_usize;
    loop {
        let batch = store::user::page(&app.db, &query).await?;
        let full = u64::try_from(batch.len()).is_ok_and(|length| length == BATCH);
        looked_at = looked_at.saturating_add(batch.len());
        query.after = batch.last().map(|user| user.id.to_string());
        for user in batch {
            if !belongs(search, &user, &|name| attribute(&user, name, (&type_id, now))) {
                continue;
            }
            let place = Place::new(&attribute(&user, &sort.by, (&type_id, now)), user.id.as_str());
            if after.is_none_or(|after| place.compare(after, sort.order).is_gt()) {
                first.push((place, user));
            }
        }
        // Only what can still be on the page is kept, and one more, which tells that there is another page.
        first.sort_by(|(one, _), (other, _)| one.compare(other, sort.order));
        first.truncate(limit.saturating_add(1));
        if !full {
            break;
        }
        if looked_at >= MAX_SORTED {
            return Err(SortError::TooMany);
        }
    }
    let more = first.len() > limit;
    first.truncate(limit);
    let next = first.last().filter(|_| more).map(|(place, _)| place.written());
    Ok(Found { users: first.into_iter().map(|(_, user)| user).collect(), next })
}

/// What a filter insists on is found by an index, whatever else it says.
fn narrowed(search: &Search, after: Option<&str>) -> Page {
    let must = |attribute: &str| search.filter.as_ref().and_then(|filter| filter.must_equal(attribute));
    let login_key = must("profile.login").and_then(|login| LoginKey::normalize(login).ok());
    Page {
        after: after.map(ToOwned::to_owned),
        id: must("id").map(ToOwned::to_owned),
        login_key: login_key.map(|key| key.as_str().to_owned()),
        limit: BATCH,
    }
}

/// A page of users after an id, at most `limit`.
///
/// # Errors
/// The database failed.
pub async fn page(app: &App, search: &Search, after: Option<&str>, limit: usize) -> Result<Found, Fault> {
    let now = app.now();
    let type_id = type_id(app).await?;
    let mut query = narrowed(search, after);
    let mut found = Vec::new();
    let mut looked_at = 0;
    loop {
        let batch = store::user::page(&app.db, &query).await?;
        let full = u64::try_from(batch.len()).is_ok_and(|length| length == BATCH);
        for user in batch {
            looked_at += 1;
            query.after = Some(user.id.to_string());
            if !belongs(search, &user, &|name| attribute(&user, name, (&type_id, now))) {
                continue;
            }
            if found.len() == limit {
                let next = found.last().map(|user: &User| user.id.to_string());
                return Ok(Found { users: found, next });
            }
            found.push(user);
        }
        if !full {
            return Ok(Found { users: found, next: None });
        }
        if looked_at >= MAX_LOOKED_AT {
            return Ok(Found { users: found, next: query.after });
        }
    }
}

fn belongs(search: &Search, user: &User, value: &impl Fn(&str) -> Value) -> bool {
    if search.without_deprovisioned && user.status == UserStatus::Deprovisioned {
        return false;
    }
    if let Some(prefix) = &search.prefix {
        let prefix = prefix.to_lowercase();
        let begins = |text: &str| text.to_lowercase().starts_with(&prefix);
        let names = ["firstName", "lastName", "email"].map(|name| user.profile.text(name));
        if !begins(&user.login) && !names.into_iter().flatten().any(begins) {
            return false;
        }
    }
    search.filter.as_ref().is_none_or(|filter| filter.matches(value))
}

/// The id of the one type of users that there is.
///
/// # Errors
/// The database failed.
pub async fn type_id(app: &App) -> Result<String, Fault> {
    let org = app.server(crate::model::authorization_server::AuthorizationServer::ORG).await?;
    let org = org.map(|org| org.org_id.clone()).unwrap_or_default();
    Ok(format!("oty{}", org.get(3..).unwrap_or_default()))
}

fn attribute(user: &User, name: &str, (type_id, now): (&str, time::OffsetDateTime)) -> Value {
    if let Some(name) = name.strip_prefix("profile.") {
        return match name {
            "login" => json!(user.login),
            name => user.profile.value(name).cloned().unwrap_or_default(),
        };
    }
    match name {
        "id" => json!(user.id),
        "status" => json!(user.status_at(now).as_str()),
        "created" => json!(timestamp(user.created_at)),
        "activated" => json!(user.activated_at.map(timestamp)),
        "statusChanged" => json!(timestamp(user.status_changed_at(now))),
        "lastUpdated" => json!(timestamp(user.updated_at(now))),
        "type.id" => json!(type_id),
        _ => Value::Null,
    }
}
