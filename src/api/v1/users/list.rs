//! The list of users.

use http::StatusCode;
use poem::{Request, Response};
use serde_json::Value;

use super::{LIMIT, Users};
use crate::{
    api::{
        error::{
            oauth::json_response,
            okta::{Envelope, failed},
        },
        v1::{
            administrator::{Right, administrator},
            query::{List, Query},
            user_view::{Omitted, View},
        },
    },
    protocol::scim_filter::Filter,
    user::{
        directory::{self, Search, SortError},
        directory_order::{Place, Sort},
    },
};

/// The list of users, in cursors.
const LIST: &str = "users";
/// What it is shaped by.
const PARAMETERS: [&str; 5] = ["q", "filter", "search", "sortBy", "sortOrder"];

/// How many a page has where names are searched (Okta).
const LIMIT_OF_Q: usize = 10;

/// The longest text that a name is searched for.
const MAX_Q: usize = 256;

impl Users {
    pub(super) async fn page(&self, request: &Request) -> Result<Response, Response> {
        let app = self.0.app()?;
        administrator(app, request, Right::UsersRead).await?;
        let query = Query::of(request)?;
        let search = search(&query)?;
        let sort = sort(&query, &search)?;
        let limit = query.limit(if search.prefix.is_some() { LIMIT_OF_Q } else { LIMIT }, 1..=LIMIT)?;
        let name = sort.as_ref().map_or_else(|| LIST.to_owned(), |sort| format!("{LIST} by {sort:?}"));
        let after = query.after(app, &name)?;
        let found = match &sort {
            None => directory::page(app, &search, after.as_deref(), limit).await.map_err(failed)?,
            Some(sort) => {
                let after = after.as_deref().and_then(Place::read);
                let page = directory::sorted_page(app, &search, sort, after.as_ref(), limit).await;
                page.map_err(unsorted)?
            }
        };
        let type_id = directory::type_id(app).await.map_err(failed)?;
        let view = View {
            issuer: &app.settings.issuer,
            type_id: &type_id,
            question: None,
            omitted: Omitted::of(request.headers()),
            now: app.now(),
        };
        let documents: Vec<Value> = found.users.iter().map(|user| view.of(user)).collect();
        let mut response = json_response(StatusCode::OK, &documents);
        let list = List { path: "/api/v1/users", name: &name, limit, parameters: &PARAMETERS };
        query.link(app, &mut response, &list, found.next.as_deref());
        Ok(response)
    }
}

/// What is listed: `filter`, `search` and `q` exclude each other (Okta).
fn search(query: &Query) -> Result<Search, Response> {
    let given = |name| query.text(name).filter(|text: &&str| !text.is_empty());
    let read =
        |text: &str| Filter::parse(text).map_err(|error| Envelope::search(error.to_string()).respond());
    match (given("filter"), given("search"), given("q")) {
        (None, None, None) => Ok(Search { without_deprovisioned: true, ..Search::default() }),
        (Some(filter), None, None) => {
            let filter = read(filter)?;
            directory::check_filter(&filter)
                .map_err(|error| Envelope::search(error.to_string()).respond())?;
            Ok(Search { filter: Some(filter), ..Search::default() })
        }
        (None, Some(search), None) => {
            let filter = read(search)?;
            directory::check_search(&filter)
                .map_err(|error| Envelope::search(error.to_string()).respond())?;
            Ok(Search { filter: Some(filter), ..Search::default() })
        }
        (None, None, Some(q)) if q.len() <= MAX_Q => {
            Ok(Search { prefix: Some(q.to_owned()), without_deprovisioned: true, filter: None })
        }
        (None, None, Some(_)) => Err(Envelope::search("q: is too long").respond()),
        _ => {
            let text = "The 'q', 'filter' and 'search' parameters exclude each other.";
            Err(Envelope::new(StatusCode::BAD_REQUEST, "E0000033", text).respond())
        }
    }
}

/// `sortBy` and `sortOrder`, which belong to `search` (Okta); an order of nothing in particular is ignored.
fn sort(query: &Query, search: &Search) -> Result<Option<Sort>, Response> {
    let order = query.sort_order()?;
    let Some(by) = query.text("sortBy").filter(|by| !by.is_empty()) else { return Ok(None) };
    if query.text("search").is_none_or(str::is_empty) || search.filter.is_none() {
        return Err(Envelope::search("sortBy: only what is searched for is sorted").respond());
    }
    if !directory::is_known(by) {
        return Err(Envelope::search("sortBy: the attribute cannot be sorted by").respond());
    }
    Ok(Some(Sort { by: by.to_owned(), order }))
}

fn unsorted(error: SortError) -> Response {
    match error {
        SortError::TooMany => Envelope::search(format!("sortBy: {error}")).respond(),
        SortError::Fault(fault) => failed(fault),
    }
}
