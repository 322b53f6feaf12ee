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
        paging,
        v1::{
            administrator::{Right, administrator},
            query::Query,
            user_view::{Omitted, View},
        },
    },
    protocol::scim_filter::Filter,
    user::directory::{self, Search},
};

/// The list of users, in cursors.
const LIST: &str = "users";

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
        let limit = query.limit(if search.prefix.is_some() { LIMIT_OF_Q } else { LIMIT }, 1..=LIMIT)?;
        let after = query.after(app, LIST)?;
        let found = directory::page(app, &search, after.as_deref(), limit).await.map_err(failed)?;
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
        let base = format!("{}/api/v1/users", app.settings.issuer);
        let limit = limit.to_string();
        let at = |after: Option<&str>| {
            let given = |name| query.text(name);
            let query = [
                ("after", after),
                ("limit", Some(limit.as_str())),
                ("q", given("q")),
                ("filter", given("filter")),
                ("search", given("search")),
            ];
            paging::address(&base, &query)
        };
        paging::link(&mut response, &at(query.text("after")), "self");
        if let Some(next) = found.next {
            paging::link(&mut response, &at(Some(&paging::cursor(app, LIST, &next))), "next");
        }
        Ok(response)
    }
}

/// What is listed: `filter`, `search` and `q` exclude each other (Okta).
fn search(query: &Query) -> Result<Search, Response> {
    let given = |name| query.text(name).filter(|text: &&str| !text.is_empty());
    let invalid = || Envelope::new(StatusCode::BAD_REQUEST, "E0000031", "Invalid search criteria.");
    if query.text("sortBy").is_some() || query.text("sortOrder").is_some() {
        return Err(invalid().because("sortBy: users are listed in the order of their ids").respond());
    }
    let read =
        |text: &str| Filter::parse(text).map_err(|error| invalid().because(error.to_string()).respond());
    match (given("filter"), given("search"), given("q")) {
        (None, None, None) => Ok(Search { without_deprovisioned: true, ..Search::default() }),
        (Some(filter), None, None) => {
            let filter = read(filter)?;
            directory::check_filter(&filter)
                .map_err(|error| invalid().because(error.to_string()).respond())?;
            Ok(Search { filter: Some(filter), ..Search::default() })
        }
        (None, Some(search), None) => {
            let filter = read(search)?;
            directory::check_search(&filter)
                .map_err(|error| invalid().because(error.to_string()).respond())?;
            Ok(Search { filter: Some(filter), ..Search::default() })
        }
        (None, None, Some(q)) if q.len() <= MAX_Q => {
            Ok(Search { prefix: Some(q.to_owned()), without_deprovisioned: true, filter: None })
        }
        (None, None, Some(_)) => Err(invalid().because("q: is too long").respond()),
        _ => {
            let text = "The 'q', 'filter' and 'search' parameters exclude each other.";
            Err(Envelope::new(StatusCode::BAD_REQUEST, "E0000033", text).respond())
        }
    }
}
