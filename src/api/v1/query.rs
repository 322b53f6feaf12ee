//! The query of a request to the management API, read strictly: a parameter that comes twice, or that is none of its
//! values, is refused.

use http::StatusCode;
use poem::{Request, Response};

use crate::{
    api::{error::okta::Envelope, paging},
    app::App,
    protocol::params::Params,
};

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
}
