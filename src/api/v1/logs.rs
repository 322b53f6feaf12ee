//! Okta's System Log API: `/api/v1/logs`.

use http::StatusCode;
use poem::{Request, Response};
use poem_openapi::{Object, OpenApi, types::Any};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::{
    administrator::{Right, administrator},
    query::Query as Parameters,
};
use crate::{
    api::{
        Served,
        error::{
            oauth::json_response,
            okta::{Envelope, failed},
        },
        paging,
        payload::{Answer, documented},
    },
    app::App,
    protocol::{scim_filter::Filter, timestamp},
    store::log_event::Place,
    syslog::query::{self, More, Order, Query},
};

/// The endpoints.
pub struct Logs(pub(in crate::api) Served);

/// An event, for the document.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
struct LogEvent {
    /// The id.
    uuid: String,
    /// When it happened.
    published: String,
    /// What happened, in Okta's catalogue.
    event_type: String,
    /// `0`.
    version: String,
    /// `DEBUG`, `INFO`, `WARN` or `ERROR`.
    severity: String,
    /// What it was called before.
    legacy_event_type: Option<String>,
    /// What happened, in words.
    display_message: String,
    /// Who did it.
    actor: Any<Value>,
    /// From where.
    client: Any<Value>,
    /// In which session.
    authentication_context: Any<Value>,
    /// From which network.
    security_context: Any<Value>,
    /// How it ended.
    outcome: Any<Value>,
    /// To whom.
    target: Option<Any<Value>>,
    /// In which request.
    transaction: Any<Value>,
    /// By which way.
    request: Any<Value>,
    /// What else is known.
    debug_context: Any<Value>,
}

documented! {
    LogsDoc: Vec<LogEvent> = &[
        (200, "A page of events"),
        (400, "The request is refused"),
        (401, "No valid token was presented"),
        (403, "The right is missing"),
        (429, "Too many requests"),
    ];
}

#[OpenApi]
impl Logs {
    /// List events of the system log (Okta System Log API)
    #[oai(path = "/api/v1/logs", method = "get", operation_id = "listLogEvents")]
    async fn list(&self, request: &Request) -> Answer<LogsDoc> {
        Answer::of(self.page(request).await)
    }
}

/// The log, in cursors.
const LIST: &str = "logs";
/// How many events a page has unless the request says otherwise, and at most (Okta).
const LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;
/// How far back a request goes that does not say so (Okta).
const WEEK: Duration = Duration::days(7);
/// How far back a request may go (Okta).
const MAX_AGE: Duration = Duration::days(180);
/// The most keywords, and the most characters of one (Okta).
const MAX_KEYWORDS: usize = 10;
const MAX_KEYWORD: usize = 40;

impl Logs {
    async fn page(&self, request: &Request) -> Result<Response, Response> {
        let app = self.0.app()?;
        administrator(app, request, Right::LogsRead).await?;
        let parameters = Parameters::of(request)?;
        let query = read(app, &parameters)?;
        let page = query::page(app, &query).await.map_err(failed)?;
        let mut response = json_response(StatusCode::OK, &page.events);
        let base = format!("{}/api/v1/logs", app.settings.issuer);
        let given = |name| parameters.text(name);
        let at = |since: Option<&str>, after: Option<&str>| {
            let query = [
                ("since", since),
                ("until", given("until")),
                ("after", after),
                ("limit", given("limit")),
                ("sortOrder", given("sortOrder")),
                ("filter", given("filter")),
                ("q", given("q")),
            ];
            paging::address(&base, &query)
        };
        paging::link(&mut response, &at(given("since"), given("after")), "self");
        if page.more == More::Yes || query.polls() {
            // Who polls an empty log goes on where this page began.
            let begin = || Place { at: query.since, id: String::new() };
            let place = written(query.since, &page.last.unwrap_or_else(begin));
            paging::link(&mut response, &at(None, Some(&paging::cursor(app, LIST, &place))), "next");
        }
        Ok(response)
    }
}

fn millis(at: OffsetDateTime) -> i128 {
    at.unix_timestamp_nanos() / 1_000_000
}

/// A cursor keeps the beginning, which the links to further pages do not repeat.
fn written(since: OffsetDateTime, place: &Place) -> String {
    format!("{}:{}:{}", millis(since), millis(place.at), place.id)
}

fn place(text: &str) -> Option<(OffsetDateTime, Place)> {
    let (since, rest) = text.split_once(':')?;
    let (at, id) = rest.split_once(':')?;
    let instant = |millis: &str| {
        let nanos = millis.parse::<i128>().ok()?.checked_mul(1_000_000)?;
        OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()
    };
    Some((instant(since)?, Place { at: instant(at)?, id: id.to_owned() }))
}

fn refuse<T>(code: &'static str, summary: &str, cause: &str) -> Result<T, Response> {
    Err(Envelope::new(StatusCode::BAD_REQUEST, code, summary).because(cause).respond())
}

fn read(app: &App, parameters: &Parameters) -> Result<Query, Response> {
    let now = app.now();
    let after = match parameters.after(app, LIST)? {
        None => None,
        Some(text) => {
            Some(place(&text).ok_or_else(|| Envelope::paging("after: the cursor is not known").respond())?)
        }
    };
    let since = moment(parameters, "since")?;
    let until = moment(parameters, "until")?;
    if since.is_some() && after.is_some() {
        return refuse("E0000063", "Invalid combination of parameters specified.", "since and after");
    }
    let end = until.unwrap_or(now);
    let since = match &after {
        Some((since, _)) => *since,
        None => since.unwrap_or(end - WEEK),
    };
    if after.is_none() && since < now - MAX_AGE {
        return refuse("E0000053", "Invalid filter.", "since: must not be more than 180 days ago");
    }
    if since > end {
        return refuse("E0000053", "Invalid filter.", "since: must be before until");
    }
    let order = match parameters.text("sortOrder") {
        None | Some("ASCENDING") => Order::Ascending,
        Some("DESCENDING") => Order::Descending,
        Some(_) => {
            let cause = "sortOrder: must be ASCENDING or DESCENDING".to_owned();
            return Err(Envelope::validation("sortOrder", [cause]).respond());
        }
    };
    Ok(Query {
        since,
        until,
        after: after.map(|(_, place)| place),
        filter: filter(parameters.text("filter"))?,
        keywords: keywords(parameters.text("q"))?,
        order,
        limit: parameters.limit(LIMIT, 0..=MAX_LIMIT)?,
    })
}

fn moment(parameters: &Parameters, name: &str) -> Result<Option<OffsetDateTime>, Response> {
    let Some(text) = parameters.text(name) else { return Ok(None) };
    match timestamp::parse(text) {
        // What lies beyond is never in the log, and arithmetic stays within its range.
        Some(at) if (1970..=9000).contains(&at.year()) => Ok(Some(at)),
        Some(_) | None => refuse("E0000030", "Bad request. Invalid date.", name),
    }
}

fn filter(text: Option<&str>) -> Result<Option<Filter>, Response> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    match Filter::parse(text) {
        Ok(filter) if query::is_known(&filter) => Ok(Some(filter)),
        Ok(_) => refuse("E0000053", "Invalid filter.", "an attribute is not known"),
        Err(error) => refuse("E0000053", "Invalid filter.", &error.to_string()),
    }
}

fn keywords(text: Option<&str>) -> Result<Vec<String>, Response> {
    let words: Vec<String> = text.unwrap_or_default().split_whitespace().map(str::to_lowercase).collect();
    if words.len() > MAX_KEYWORDS || words.iter().any(|word| word.chars().count() > MAX_KEYWORD) {
        return refuse("E0000053", "Invalid filter.", "q: at most 10 keywords of at most 40 characters");
    }
    Ok(words)
}
