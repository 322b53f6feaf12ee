//! Access tokens in requests to protected resources, and the challenges that answer them (RFC 6750; RFC 9449 §7).

use std::fmt;

use crate::protocol::error::{ErrorCode, OAuthError};
use crate::protocol::params::Params;
use crate::protocol::scope::ScopeSet;
use crate::protocol::token_response::TokenType;
use crate::secret::Secret;

/// Longest access token, in bytes.
const MAX_TOKEN: usize = 16_384;

/// An access token and how it was presented.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PresentedToken {
    /// The scheme of the header; a token in a form counts as `Bearer`.
    pub token_type: TokenType,
    /// The token.
    pub token: Secret<String>,
}

/// Why no access token can be taken from a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BearerError {
    /// It is in the query, where logs and histories keep it (RFC 6750 §2.3; RFC 9700 §4.3.2).
    #[error("the access token is in the query")]
    InQuery,
    /// More than one method is used (RFC 6750 §2).
    #[error("more than one method is used to send the access token")]
    Several,
    /// It is not a `b64token` (RFC 6750 §2.1).
    #[error("the access token is malformed")]
    Malformed,
}

impl PresentedToken {
    /// Takes the access token from the `Authorization` header (RFC 6750 §2.1) or the form (§2.2).
    ///
    /// `None` when the request carries none, or a header of another scheme.
    ///
    /// # Errors
    ///
    /// [`BearerError`].
    pub fn extract(
        authorization: Option<&str>,
        query: &Params,
        form: Option<&Params>,
    ) -> Result<Option<Self>, BearerError> {
        if query.contains("access_token") || query.present_but_empty("access_token") {
            return Err(BearerError::InQuery);
        }
        let in_form = form.and_then(|form| form.one("access_token"));
        let in_header = authorization.and_then(from_header);
        match (in_header, in_form) {
            (Some(_), Some(_)) => Err(BearerError::Several),
            (Some((token_type, token)), None) => Self::checked(token_type, token).map(Some),
            (None, Some(token)) => Self::checked(TokenType::Bearer, token).map(Some),
            (None, None) => Ok(None),
        }
    }

    fn checked(token_type: TokenType, token: &str) -> Result<Self, BearerError> {
        let token68 = |byte: u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
        };
        let body = token.trim_end_matches('=');
        if body.is_empty() || token.len() > MAX_TOKEN || !body.bytes().all(token68) {
            return Err(BearerError::Malformed);
        }
        Ok(Self { token_type, token: Secret::new(token.to_owned()) })
    }
}

/// The scheme and what follows it, if the scheme is one of ours; compared without regard to case (RFC 9110 §11.1).
fn from_header(authorization: &str) -> Option<(TokenType, &str)> {
    let (scheme, token) = authorization.split_once(' ').unwrap_or((authorization, ""));
    let token_type = [TokenType::Bearer, TokenType::DPoP]
        .into_iter()
        .find(|token_type| token_type.as_str().eq_ignore_ascii_case(scheme))?;
    Some((token_type, token.trim_start_matches(' ')))
}

impl From<BearerError> for OAuthError {
    fn from(error: BearerError) -> Self {
        Self::invalid_request(match error {
            BearerError::InQuery => "The access token must not be sent in the query.",
            BearerError::Several => "The access token must be sent by one method only.",
            BearerError::Malformed => "The access token is malformed.",
        })
    }
}

/// A `WWW-Authenticate` value (RFC 6750 §3; RFC 9470 §3); `Display` renders it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Challenge {
    scheme: &'static str,
    params: Vec<(&'static str, String)>,
}

impl Challenge {
    /// For a request without authentication: no error code, so that nothing is given away (RFC 6750 §3.1).
    pub fn missing(realm: &str) -> Self {
        Self::with_scheme("Bearer").with("realm", realm)
    }

    /// For a token that is refused.
    pub fn refused(error: &OAuthError) -> Self {
        Self::with_scheme("Bearer")
            .with("error", error.code.as_str())
            .with("error_description", error.description())
    }

    /// For a bound token or its proof that is refused (RFC 9449 §7.1).
    pub fn dpop(error: &OAuthError, algs: &str) -> Self {
        Self::with_scheme("DPoP")
            .with("error", error.code.as_str())
            .with("error_description", error.description())
            .with("algs", algs)
    }

    /// For a client that failed to authenticate by HTTP Basic (RFC 6749 §5.2; RFC 7617 §2).
    pub fn basic(realm: &str) -> Self {
        Self::with_scheme("Basic").with("realm", realm)
    }

    /// Names the scope the resource needs (RFC 6750 §3).
    #[must_use]
    pub fn with_scope(self, scope: &ScopeSet) -> Self {
        self.with("scope", &scope.to_string())
    }

    /// Names the authentication context the resource needs (RFC 9470 §3).
    #[must_use]
    pub fn with_acr_values(self, acr_values: &str) -> Self {
        self.with("acr_values", acr_values)
    }

    /// Names the greatest age of the authentication in seconds (RFC 9470 §3).
    #[must_use]
    pub fn with_max_age(self, max_age: u32) -> Self {
        self.with("max_age", &max_age.to_string())
    }

    /// The HTTP status that goes with an error code (RFC 6750 §3.1).
    pub const fn status(error: Option<ErrorCode>) -> u16 {
        match error {
            None => 401,
            Some(code) => code.status(),
        }
    }

    fn with_scheme(scheme: &'static str) -> Self {
        Self { scheme, params: Vec::new() }
    }

    /// RFC 9110 §5.6.4: what a quoted string cannot hold is dropped.
    fn with(mut self, name: &'static str, value: &str) -> Self {
        let value = value.chars().filter(|&c| matches!(c, ' '..='~') && c != '"' && c != '\\').collect();
        self.params.push((name, value));
        self
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme)?;
        for (index, (name, value)) in self.params.iter().enumerate() {
            let separator = if index == 0 { " " } else { ", " };
            write!(f, "{separator}{name}=\"{value}\"")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extract(
        authorization: Option<&str>,
        query: &str,
        form: &str,
    ) -> Result<Option<PresentedToken>, BearerError> {
        let (query, form) = (Params::parse_query(query).unwrap(), Params::parse_query(form).unwrap());
        PresentedToken::extract(authorization, &query, Some(&form))
    }

    #[test]
    fn a_token_comes_in_the_header_or_the_form() {
        for (header, token_type) in [
            ("Bearer a.b-c_d~e+f/g==", TokenType::Bearer),
            ("bearer a", TokenType::Bearer),
            ("dPOP a", TokenType::DPoP),
        ] {
            let presented = extract(Some(header), "", "").unwrap().unwrap();
            assert_eq!(presented.token_type, token_type);
            assert_eq!(presented.token.expose(), header.split_once(' ').unwrap().1);
        }
        assert_eq!(extract(None, "", "access_token=abc").unwrap().unwrap().token.expose(), "abc");
        assert_eq!(extract(None, "", ""), Ok(None));
        assert_eq!(extract(Some("Basic YTpi"), "", ""), Ok(None));
    }

    #[test]
    fn sec_k01_a_token_in_the_query_or_by_two_methods_is_refused() {
        assert_eq!(extract(None, "access_token=abc", ""), Err(BearerError::InQuery));
        assert_eq!(extract(Some("Bearer abc"), "access_token=", ""), Err(BearerError::InQuery));
        assert_eq!(extract(Some("Bearer abc"), "", "access_token=abc"), Err(BearerError::Several));
    }

    #[test]
    fn a_malformed_token_is_refused() {
        for header in
            ["Bearer", "Bearer ", "Bearer =", "Bearer a b", "Bearer a=b", "Bearer \"a\"", "Bearer é"]
        {
            assert_eq!(extract(Some(header), "", ""), Err(BearerError::Malformed), "{header}");
        }
    }

    #[test]
    fn challenges_render_as_quoted_parameters() {
        let error = OAuthError::new(ErrorCode::InsufficientScope, "The token lacks a scope.");
        assert_eq!(
            Challenge::refused(&error).with_scope(&ScopeSet::parse("a b").unwrap()).to_string(),
            r#"Bearer error="insufficient_scope", error_description="The token lacks a scope.", scope="a b""#
        );
        assert_eq!(Challenge::missing("a\"\r\nb").to_string(), r#"Bearer realm="ab""#);
        assert_eq!(Challenge::basic("api").to_string(), r#"Basic realm="api""#);
        assert_eq!(Challenge::status(Some(ErrorCode::InvalidToken)), 401);
        assert_eq!(Challenge::status(Some(ErrorCode::InvalidRequest)), 400);
    }
}
