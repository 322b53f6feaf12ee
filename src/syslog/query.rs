//! The read side of the system log: a page of events between two moments, rendered as Okta's LogEvent, filtered by what is
//! rendered. What a filter insists on is found by an index.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime};

use super::{catalogue, event::REQUEST_API_TOKEN_ID, user_agent};
use crate::{
    app::App,
    fault::Fault,
    id::ClientId,
    protocol::{scim_filter::Filter, timestamp::timestamp},
    store::{
        self,
        log_event::{LogEvent, Place, Select},
    },
};

pub use crate::store::log_event::Order;

/// Events that one request looks at; a page may be short, and the next one goes on from there.
const MAX_LOOKED_AT: usize = 20_000;
/// Events that one statement reads.
const BATCH: u64 = 1000;
/// How long after an event another one of before may still be committed: as long as a write waits for its turn at most. Who
/// polls is told of an event only then, from the first page on, and misses none.
pub const SETTLES_AFTER: Duration = Duration::seconds(10);

/// Which events are asked for.
#[derive(Clone, Debug)]
pub struct Query {
    /// From this moment on.
    pub since: OffsetDateTime,
    /// Before this moment.
    pub until: Option<OffsetDateTime>,
    /// Behind this event.
    pub after: Option<Place>,
    /// What must hold.
    pub filter: Option<Filter>,
    /// Words that must occur.
    pub keywords: Vec<String>,
    /// The order.
    pub order: Order,
    /// At most so many.
    pub limit: usize,
}

impl Query {
    /// Whether whoever asks goes on asking for what comes (Okta: no end, the oldest first).
    pub fn polls(&self) -> bool {
        self.until.is_none() && self.order == Order::Ascending
    }
}

/// Part of the log.
#[derive(Clone, Debug)]
pub struct Page {
    /// The events, as Okta has them.
    pub events: Vec<Value>,
    /// The last event that was looked at.
    pub last: Option<Place>,
    /// Whether there may be more behind it.
    pub more: More,
}

/// Whether there may be more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum More {
    /// There may be.
    Yes,
    /// Everything was looked at.
    No,
}

/// Whether a filter names only what an event has.
pub fn is_known(filter: &Filter) -> bool {
    const PLAIN: [&str; 7] =
        ["uuid", "published", "eventType", "version", "severity", "legacyEventType", "displayMessage"];
    const NESTED: [&str; 9] = [
        "actor.",
        "client.",
        "outcome.",
        "target.",
        "transaction.",
        "debugContext.",
        "authenticationContext.",
        "securityContext.",
        "request.",
    ];
    let known = |name: &&str| PLAIN.contains(name) || NESTED.iter().any(|prefix| name.starts_with(prefix));
    filter.attributes().iter().all(known)
}

/// A page of the log.
///
/// # Errors
/// The database failed.
pub async fn page(app: &App, query: &Query) -> Result<Page, Fault> {
    if query.limit == 0 {
        return Ok(Page { events: Vec::new(), last: query.after.clone(), more: More::No });
    }
    let now = app.now();
    let until = match query.until {
        Some(until) => until,
        None if query.polls() => now - SETTLES_AFTER,
        None => now + Duration::MILLISECOND,
    };
    let must =
        |name: &str| query.filter.as_ref().and_then(|filter| filter.must_equal(name)).map(ToOwned::to_owned);
    let mut select = Select {
        since: query.since,
        until,
        after: query.after.clone(),
        order: query.order,
        event_type: must("eventType"),
        // Of Stepgate itself no id is stored.
        actor_id: must("actor.id").filter(|id| id != SYSTEM),
        request_id: must("transaction.id"),
        limit: BATCH,
    };
    let mut events = Vec::new();
    let mut looked_at = 0;
    loop {
        let batch = store::log_event::select(&app.db, &select).await?;
        let full = u64::try_from(batch.len()).is_ok_and(|length| length == BATCH);
        let names = Names::of(app, &batch).await?;
        for (at, event) in batch {
            if events.len() == query.limit {
                return Ok(Page { events, last: select.after, more: More::Yes });
            }
            looked_at += 1;
            select.after = Some(Place { at, id: event.id.clone() });
            let document = render(&event, at, &names);
            if belongs(query, &document) {
                events.push(document);
            }
        }
        if !full {
            return Ok(Page { events, last: select.after, more: More::No });
        }
        if looked_at >= MAX_LOOKED_AT {
            return Ok(Page { events, last: select.after, more: More::Yes });
        }
    }
}

fn belongs(query: &Query, document: &Value) -> bool {
    let filtered = query
        .filter
        .as_ref()
        .is_none_or(|filter| filter.matches(&|path| lookup(document, &mut path.split('.'))));
    if !filtered {
        return false;
    }
    if query.keywords.is_empty() {
        return true;
    }
    let text = document.to_string().to_lowercase();
    query.keywords.iter().all(|word| text.contains(word))
}

/// The value at a path; of a list, the values of all members.
fn lookup<'p>(value: &Value, path: &mut (impl Iterator<Item = &'p str> + Clone)) -> Value {
    let Some(name) = path.clone().next() else { return value.clone() };
    match value {
        Value::Object(members) => {
            path.next();
            members.get(name).map_or(Value::Null, |value| lookup(value, path))
        }
        Value::Array(items) => items.iter().map(|item| lookup(item, &mut path.clone())).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Value::Null,
    }
}

/// What users and clients are called today; who is gone is known by the id alone.
struct Names {
    users: BTreeMap<String, (String, String)>,
    clients: BTreeMap<String, String>,
}

impl Names {
    async fn of(app: &App, batch: &[(OffsetDateTime, LogEvent)]) -> Result<Self, Fault> {
        let mut users = BTreeSet::new();
        let mut clients = BTreeSet::new();
        for (_, event) in batch {
            let actor = event.actor_id.as_deref();
            match event.actor_type.as_str() {
                USER => users.extend(actor),
                CLIENT => clients.extend(actor),
                _ => {}
            }
            users.extend(event.user_id.as_deref());
            clients.extend(event.client_id.as_deref());
        }
        let ids: Vec<&str> = users.into_iter().collect();
        let users = store::user::find_all(&app.db, &ids).await?;
        let mut names = Self { users: BTreeMap::new(), clients: BTreeMap::new() };
        for user in users {
            let name = user.profile.display_name(&user.login);
            names.users.insert(user.id.into_string(), (user.login, name));
        }
        for id in clients {
            if let Some(client) = app.clients.find(&app.db, &ClientId::new(id)).await? {
                names.clients.insert(id.to_owned(), client.name().to_owned());
            }
        }
        Ok(names)
    }

    fn entity(&self, kind: &str, id: &str) -> Value {
        let (alternate, name) = match kind {
            USER => match self.users.get(id) {
                Some((login, name)) => (login.as_str(), name.as_str()),
                None => (UNKNOWN, UNKNOWN),
            },
            _ => (id, self.clients.get(id).map_or(UNKNOWN, String::as_str)),
        };
        json!({ "id": id, "type": kind, "alternateId": alternate, "displayName": name, "detailEntry": null })
    }
}

const USER: &str = "User";
const CLIENT: &str = "PublicClientApp";
const SYSTEM: &str = "SystemPrincipal";
const UNKNOWN: &str = "unknown";

fn render(event: &LogEvent, at: OffsetDateTime, names: &Names) -> Value {
    let detail: Map<String, Value> =
        event.detail.as_deref().and_then(|detail| serde_json::from_str(detail).ok()).unwrap_or_default();
    let actor = match &event.actor_id {
        Some(id) => names.entity(&event.actor_type, id),
        None => json!({
            "id": SYSTEM, "type": SYSTEM, "alternateId": "system@stepgate", "displayName": "Stepgate", "detailEntry": null,
        }),
    };
    json!({
        "uuid": event.id,
        "published": timestamp(at),
        "eventType": event.event_type,
        "version": "0",
        "severity": event.severity,
        "legacyEventType": catalogue::legacy(&event.event_type, &event.outcome),
        "displayMessage": catalogue::display_message(&event.event_type),
        "actor": actor,
        "client": client(event),
        "authenticationContext": {
            "authenticationProvider": null,
            "credentialProvider": null,
            "credentialType": null,
            "issuer": null,
            "interface": null,
            "authenticationStep": 0,
            "externalSessionId": event.session_id.as_deref().unwrap_or(UNKNOWN),
            "rootSessionId": event.session_id,
        },
        "securityContext": { "asNumber": null, "asOrg": null, "isp": null, "domain": null, "isProxy": null },
        "outcome": { "result": event.outcome, "reason": event.reason.as_deref().map(str::to_uppercase) },
        "target": targets(event, names),
        "transaction": transaction(event, &detail),
        "request": { "ipChain": ip_chain(event) },
        "debugContext": { "debugData": debug_data(detail, event.count) },
    })
}

fn client(event: &LogEvent) -> Value {
    let agent = event.user_agent.as_deref();
    json!({
        "userAgent": agent.map(|agent| json!({
            "rawUserAgent": agent,
            "os": user_agent::os(agent),
            "browser": user_agent::browser(agent),
        })),
        "zone": null,
        "device": agent.map_or("Unknown", user_agent::device),
        "id": event.client_id,
        "ipAddress": event.ip,
        "geographicalContext": null,
    })
}

/// Whom it was done to, unless that is who did it.
fn targets(event: &LogEvent, names: &Names) -> Value {
    let others = [(USER, &event.user_id), (CLIENT, &event.client_id)];
    let targets: Vec<Value> = others
        .into_iter()
        .filter_map(|(kind, id)| id.as_deref().map(|id| (kind, id)))
        .filter(|(kind, id)| event.actor_type != *kind || event.actor_id.as_deref() != Some(id))
        .map(|(kind, id)| names.entity(kind, id))
        .collect();
    if targets.is_empty() { Value::Null } else { Value::Array(targets) }
}

fn transaction(event: &LogEvent, detail: &Map<String, Value>) -> Value {
    let kind = if event.ip.is_some() || event.request_id.starts_with("req") { "WEB" } else { "JOB" };
    let token = detail.get(REQUEST_API_TOKEN_ID).map(|token| json!({ REQUEST_API_TOKEN_ID: token }));
    json!({ "type": kind, "id": event.request_id, "detail": token.unwrap_or_else(|| json!({})) })
}

fn ip_chain(event: &LogEvent) -> Value {
    let version = |ip: &str| if ip.contains(':') { "V6" } else { "V4" };
    let chain = event
        .ip
        .iter()
        .map(|ip| json!({ "ip": ip, "geographicalContext": null, "version": version(ip), "source": null }));
    chain.collect()
}

fn debug_data(mut detail: Map<String, Value>, count: u32) -> Value {
    detail.remove(REQUEST_API_TOKEN_ID);
    if count > 1 {
        detail.insert("count".to_owned(), count.into());
    }
    Value::Object(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_through_lists() {
        let document = json!({"target": [{"id": "a"}, {"id": "b"}], "actor": {"id": "c"}, "none": null});
        let at = |path: &str| lookup(&document, &mut path.split('.'));
        assert_eq!(at("target.id"), json!(["a", "b"]));
        assert_eq!(at("actor.id"), json!("c"));
        assert_eq!(at("none.id"), Value::Null);
        assert_eq!(at("actor.id.more"), Value::Null);
    }

    #[test]
    fn filters_name_what_an_event_has() {
        let known = |filter: &str| is_known(&Filter::parse(filter).unwrap());
        assert!(known(r#"eventType eq "x" and target.id eq "y" or debugContext.debugData.a pr"#));
        assert!(!known(r#"password eq "x""#) && !known("targets.id pr"));
    }
}
