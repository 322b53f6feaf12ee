//! The answer to a pushed authorization request (RFC 9126 §2.2).

use serde::Serialize;

/// What the `request_uri` of a pushed request begins with (RFC 9126 §2.2).
pub const REQUEST_URI_PREFIX: &str = "urn:ietf:params:oauth:request_uri:";

/// A request that was taken.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct PushedResponse {
    /// Names the request at the authorization endpoint.
    pub request_uri: String,
    /// Seconds until it can no longer be opened.
    pub expires_in: i64,
}

/// The name is as good as the request: it is not logged.
impl std::fmt::Debug for PushedResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PushedResponse").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

/// Whether a `request_uri` names a pushed request, and not a document of the client.
pub fn is_pushed(request_uri: &str) -> bool {
    request_uri
        .get(..REQUEST_URI_PREFIX.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(REQUEST_URI_PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_urn_names_a_pushed_request_and_an_address_a_document() {
        assert!(is_pushed("urn:ietf:params:oauth:request_uri:x"));
        assert!(is_pushed("URN:ietf:params:oauth:request_uri:x"));
        assert!(!is_pushed("https://app.example.com/request.jwt"));
        assert!(!is_pushed("urn:ietf:params:oauth:é"));
    }

    #[test]
    fn the_name_is_not_written_to_logs() {
        let response = PushedResponse { request_uri: "urn:secret".to_owned(), expires_in: 60 };
        assert!(!format!("{response:?}").contains("secret"));
    }
}
