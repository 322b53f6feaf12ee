//! The query of a request to the management API, read strictly: a parameter that comes twice, or that is none of its
//! values, is refused.

use http::StatusCode;
use poem::{Request, Response};

use crate::{
    api::{error::okta::Envelope, paging},
    app::App,
    protocol::params::Params,
    user::directory_order::SortOrder,
};

/// A list that is told in pages.
pub(super) struct List<'a> {
    /// Its path below the issuer.
    pub(super) path: &'a str,
    /// Its name in cursors.
    pub(super) name: &'a str,
    /// How many a page has.
    pub(super) limit: usize,
    /// The other parameters that make it the list that it is: further pages have them, too.
    pub(super) parameters: &'a [&'static str],
}

/// The parameters.
pub(super) struct Query(Params);

impl Query {
    /// Reads the query of a request.
    ///
    /// # Errors
    /// The answer to one that cannot be read.
    pub(super) fn of(request: &Request) -> Result<Self, Response> {
        Params::parse_query(request.uri().query().unwrap_or_default())
            .map(Self)
            .map_err(|_| Envelope::invalid(StatusCode::BAD_REQUEST, "query").respond())
    }

    /// A parameter.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.one(name)
    }

    /// A truth value.
    ///
    /// # Errors
    /// The answer to something else.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Response> {
        match self.text(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(Envelope::validation(name, [format!("{name}: must be true or false")]).respond()),
        }
    }

    /// How many a page has.
    ///
    /// # Errors
    /// The answer to a number that is none, or out of its range.
    pub(super) fn limit(
        &self,
        default: usize,
        range: std::ops::RangeInclusive<usize>,
    ) -> Result<usize, Response> {
        let Some(text) = self.text("limit") else { return Ok(default) };
        let number = text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
        number.filter(|number| range.contains(number)).ok_or_else(|| {
            Envelope::paging(&format!("limit: a number from {} to {}", range.start(), range.end())).respond()
        })
    }

    /// Where a page of a list begins.
    ///
    /// # Errors
    /// The answer to a cursor that is not ours.
    pub(super) fn after(&self, app: &App, list: &str) -> Result<Option<String>, Response> {
        let Some(cursor) = self.text("after") else { return Ok(None) };
        paging::place(app, list, cursor)
            .map(Some)
            .ok_or_else(|| Envelope::paging("after: the cursor is not known").respond())
    }

    /// Up or down (Okta `sortOrder`), in whichever case.
    ///
    /// # Errors
    /// The answer to something else.
    pub(super) fn sort_order(&self) -> Result<SortOrder, Response> {
        match self.text("sortOrder").map(str::to_ascii_uppercase).as_deref() {
            None | Some("ASC") => Ok(SortOrder::Ascending),
            Some("DESC") => Ok(SortOrder::Descending),
            Some(_) => Err(Envelope::search("sortOrder: must be ASC or DESC").respond()),
        }
    }

    /// Adds to a page where it is, and where the next one is, which begins at a place.
    pub(super) fn link(&self, app: &App, response: &mut Response, list: &List<'_>, next: Option<&str>) {
        let base = format!("{}{}", app.settings.issuer, list.path);
        let limit = list.limit.to_string();
        let at = |after: Option<&str>| {
            let mut query = vec![("after", after), ("limit", Some(limit.as_str()))];
            query.extend(list.parameters.iter().map(|name| (*name, self.text(name))));
            paging::address(&base, &query)
        };
        paging::link(response, &at(self.text("after")), "self");
        if let Some(next) = next {
            paging::link(response, &at(Some(&paging::cursor(app, list.name, next))), "next");
        }
    }
}
