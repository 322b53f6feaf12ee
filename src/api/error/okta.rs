//! Okta's error envelope.

use std::borrow::Borrow;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use poem::Response;
use serde_json::{Value, json};

use super::oauth::json_response;
use crate::{cache::Count, fault::Fault, id::base62, limit::rate, ports::random::SystemRandom};

/// `errorCode`, `errorSummary` and so on.
#[derive(Clone, Debug)]
pub struct Envelope {
    status: StatusCode,
    code: &'static str,
    summary: String,
    causes: Vec<String>,
    id: String,
}

impl Envelope {
    /// An error by its code; the ones that several endpoints have, have a constructor of their own.
    pub fn new(status: StatusCode, code: &'static str, summary: impl Into<String>) -> Self {
        let id = format!("oae{}", base62(&SystemRandom, 22));
        Self { status, code, summary: summary.into(), causes: Vec::new(), id }
    }

    /// Says more precisely what was wrong, like `login: An object with this field already exists`.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// E0000001: members of a document are wrong, each named in a cause of its own.
    pub fn validation(resource: &str, causes: impl IntoIterator<Item = String>) -> Self {
        let error = Self::invalid(StatusCode::BAD_REQUEST, resource);
        causes.into_iter().fold(error, Self::because)
    }

    /// E0000006: the caller lacks the right.
    pub fn forbidden() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "E0000006",
            "You do not have permission to perform the requested action",
        )
    }

    /// E0000029: a page of a list that cannot be understood.
    pub fn paging(problem: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "E0000029", format!("Invalid paging request: {problem}"))
    }

    /// E0000031: a filter, or an order, that cannot be used.
    pub fn search(problem: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "E0000031", "Invalid search criteria.").because(problem)
    }

    /// E0000007: a resource does not exist.
    pub fn not_found(id: &str, kind: &str) -> Self {
        let id: String = id.chars().filter(char::is_ascii_graphic).take(64).collect();
        Self::new(StatusCode::NOT_FOUND, "E0000007", format!("Not found: Resource not found: {id} ({kind})"))
    }

    /// E0000008: a path does not exist.
    pub fn unknown_path() -> Self {
        Self::new(StatusCode::NOT_FOUND, "E0000008", "The requested path was not found")
    }

    /// E0000022: a path does not know the method.
    pub fn unknown_method() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "E0000022",
            "The endpoint does not support the provided HTTP method",
        )
    }

    /// E0000047: too many requests.
    pub fn rate_limit() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "E0000047",
            "API call exceeded rate limit due to too many requests.",
        )
    }

    /// E0000009: our fault.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "E0000009", "Internal Server Error")
    }

    /// A fault, which is told to the operator alone.
    pub fn fault(fault: &Fault) -> Self {
        match fault {
            Fault::Overloaded(what) => {
                tracing::warn!(what, "overloaded");
                Self::unavailable()
            }
            Fault::Database(_) | Fault::Conflict(_) | Fault::Crypto(_) | Fault::Stored(_) | Fault::Io(_) => {
                tracing::error!(%fault, "a request failed");
                Self::internal()
            }
        }
    }

    /// E0000003: the body is not JSON.
    pub fn malformed() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "E0000003", "The request body was not well-formed.")
    }

    /// E0000021: the body is of another media type.
    pub fn media_type() -> Self {
        let text = "Bad request. Accept and/or Content-Type headers likely do not match supported values.";
        Self::new(StatusCode::BAD_REQUEST, "E0000021", text)
    }

    /// E0000004: nobody was authenticated; it is not told why.
    pub fn authentication_failed() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "E0000004", "Authentication failed")
    }

    /// E0000011: the API token, or another token of Okta's own APIs, is missing, unknown, has expired or was revoked.
    pub fn invalid_token() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "E0000011", "Invalid token provided")
    }

    /// E0000181: too busy.
    pub fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "E0000181", "The service is temporarily unavailable")
    }

    /// E0000212: a page of an origin that is not trusted.
    pub fn origin_refused() -> Self {
        Self::new(StatusCode::FORBIDDEN, "E0000212", "The origin of the request is not trusted")
    }

    /// E0000001: something else was wrong with the request.
    pub fn invalid(status: StatusCode, summary: &str) -> Self {
        Self::new(status, "E0000001", format!("Api validation failed: {summary}"))
    }

    /// The members.
    pub fn to_json(&self) -> Value {
        json!({
            "errorCode": self.code,
            "errorSummary": self.summary,
            "errorLink": self.code,
            "errorId": self.id,
            "errorCauses": self.causes.iter().map(|cause| json!({ "errorSummary": cause })).collect::<Vec<_>>(),
        })
    }

    /// The answer.
    pub fn respond(&self) -> Response {
        json_response(self.status, &self.to_json())
    }
}

/// Okta's three headers.
pub fn rate_limit_headers(headers: &mut HeaderMap, count: &Count) {
    for (name, value) in rate::headers(count) {
        headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
    }
}

/// The answer to a fault.
pub(crate) fn failed(fault: impl Borrow<Fault>) -> Response {
    Envelope::fault(fault.borrow()).respond()
}
