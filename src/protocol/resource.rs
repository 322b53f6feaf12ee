//! Resource indicators (RFC 8707): what an access token is to be used at.

use url::Url;

use crate::protocol::error::{ErrorCode, OAuthError};
use crate::protocol::params::Params;

/// The most `resource` parameters of one request.
pub const MAX_RESOURCES: usize = 10;
/// The longest resource indicator, in bytes.
pub const MAX_RESOURCE: usize = 2048;

/// The resource is not one that a token can be had for: unknown, malformed, or not granted (RFC 8707 §2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the resource is unknown, malformed or not granted")]
pub struct InvalidTarget;

/// Whether a text can be a resource indicator: an absolute URI without a fragment (RFC 8707 §2).
pub fn is_resource(text: &str) -> bool {
    text.len() <= MAX_RESOURCE
        && !text.contains('#')
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && Url::parse(text).is_ok()
}

/// Every `resource` of a request, each once, in the order sent.
///
/// # Errors
/// There are too many of them or one is too long.
pub fn requested<'a>(sent: impl IntoIterator<Item = &'a str>) -> Result<Vec<String>, InvalidTarget> {
    let mut resources: Vec<String> = Vec::new();
    for resource in sent {
        if resource.len() > MAX_RESOURCE {
            return Err(InvalidTarget);
        }
        if resources.iter().any(|known| known == resource) {
            continue;
        }
        if resources.len() == MAX_RESOURCES {
            return Err(InvalidTarget);
        }
        resources.push(resource.to_owned());
    }
    Ok(resources)
}

/// Every `resource` of a token request (RFC 8707 §2.2).
///
/// # Errors
/// There are too many of them or one is too long.
pub fn of_token_request(params: &Params) -> Result<Vec<String>, InvalidTarget> {
    requested(params.all("resource"))
}

impl From<InvalidTarget> for OAuthError {
    fn from(_: InvalidTarget) -> Self {
        Self::new(ErrorCode::InvalidTarget, "The requested resource is not served here or was not granted.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_an_absolute_uri_without_a_fragment() {
        for text in ["https://api.example.com", "https://api.example.com/a?b=c", "api://default", "urn:a:b"] {
            assert!(is_resource(text), "{text}");
        }
        for text in
            ["", "api", "/a", "//host/a", "https://a/#f", "https://a/#", "https://a b", "https://é.example"]
        {
            assert!(!is_resource(text), "{text}");
        }
    }

    #[test]
    fn each_is_kept_once_and_there_are_not_many() {
        assert_eq!(requested(["b", "a", "b"]).unwrap(), ["b", "a"]);
        let many: Vec<String> = (0..=MAX_RESOURCES).map(|i| format!("urn:{i}")).collect();
        assert!(requested(many.iter().skip(1).map(String::as_str)).is_ok());
        assert_eq!(requested(many.iter().map(String::as_str)), Err(InvalidTarget));
        assert_eq!(requested(["x".repeat(MAX_RESOURCE + 1).as_str()]), Err(InvalidTarget));
    }
}
