//! The authorization request (RFC 6749 §4.1.1; Core §3.1.2.1): its syntax only.
//!
//! Values stay raw: which of them are right depends on the client and is checked once the client is known. The request
//! serializes, so that it can be frozen in a row; nothing later reads the browser's parameters again.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::protocol::params::{ParamError, Params};
use crate::protocol::resource::{MAX_RESOURCE, MAX_RESOURCES};

/// The longest request object, in bytes.
pub const MAX_REQUEST: usize = 16_384;

/// The largest `max_age`, in seconds (Okta).
pub const MAX_MAX_AGE: u32 = 2_147_483_647;

/// The parameters of an authorization request, as sent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// `client_id` (RFC 6749 §2.2).
    pub client_id: String,
    /// `redirect_uri` (RFC 6749 §3.1.2).
    pub redirect_uri: Option<String>,
    /// `response_type` (RFC 6749 §3.1.1).
    pub response_type: Option<String>,
    /// `response_mode` (Multiple Response Types §2.1).
    pub response_mode: Option<String>,
    /// `scope` (RFC 6749 §3.3).
    pub scope: Option<String>,
    /// `state`, returned byte for byte (RFC 6749 §4.1.1).
    pub state: Option<String>,
    /// `nonce`, returned in the ID token (Core §3.1.2.1).
    pub nonce: Option<String>,
    /// `prompt` (Core §3.1.2.1).
    pub prompt: Option<String>,
    /// `max_age`, in seconds (Core §3.1.2.1).
    pub max_age: Option<String>,
    /// `display` (Core §3.1.2.1).
    pub display: Option<String>,
    /// `login_hint` (Core §3.1.2.1).
    pub login_hint: Option<String>,
    /// `id_token_hint` (Core §3.1.2.1).
    pub id_token_hint: Option<String>,
    /// `ui_locales` (Core §3.1.2.1).
    pub ui_locales: Option<String>,
    /// `claims_locales` (Core §5.2).
    pub claims_locales: Option<String>,
    /// `acr_values` (Core §3.1.2.1).
    pub acr_values: Option<String>,
    /// `claims` (Core §5.5).
    pub claims: Option<String>,
    /// `code_challenge` (RFC 7636 §4.3); sent without a value it is the empty string, which is malformed, not absent.
    pub code_challenge: Option<String>,
    /// `code_challenge_method` (RFC 7636 §4.3); likewise.
    pub code_challenge_method: Option<String>,
    /// `dpop_jkt` (RFC 9449 §10).
    pub dpop_jkt: Option<String>,
    /// `idp`: the identity provider to route to (Okta).
    pub idp: Option<String>,
    /// Every `resource` (RFC 8707 §2).
    #[serde(default)]
    pub resource: Vec<String>,
    /// `request`: a request object by value (Core §6.1).
    pub request: Option<String>,
    /// `request_uri`: a request object by reference (Core §6.2), or the name of a pushed request (RFC 9126 §4).
    pub request_uri: Option<String>,
    /// Whether `registration` was sent (Core §7.2.1).
    pub registration: bool,
    /// Whether `sessionToken` was sent (Okta). The token itself is a credential and not part of the request.
    pub session_token: bool,
}

impl AuthorizationRequest {
    /// Reads a request; parameters it does not know are ignored (RFC 6749 §3.1).
    ///
    /// # Errors
    ///
    /// [`ParamError`] when `client_id` is missing or a parameter is too long. The client is not known then: the answer
    /// is a page, never a redirect.
    pub fn from_params(params: &Params) -> Result<Self, ParamError> {
        Self::of_client(params.required("client_id", 255)?, params)
    }

    /// Reads the request of a client that is known already: what else names a client is not looked at.
    ///
    /// # Errors
    ///
    /// [`ParamError`] when a parameter is too long.
    pub fn of_client(client_id: &str, params: &Params) -> Result<Self, ParamError> {
        let take = |name, max| params.optional(name, max).map(|value| value.map(str::to_owned));
        let take_even_empty = |name, max| {
            let value = take(name, max)?;
            Ok(value.or_else(|| params.present_but_empty(name).then(String::new)))
        };
        let sent = |name| params.contains(name);
        let resource: Vec<String> = params.all("resource").map(str::to_owned).collect();
        if resource.len() > MAX_RESOURCES || resource.iter().any(|uri| uri.len() > MAX_RESOURCE) {
            return Err(ParamError::TooLong("resource"));
        }
        Ok(Self {
            client_id: client_id.to_owned(),
            redirect_uri: take("redirect_uri", 2048)?,
            response_type: take("response_type", 64)?,
            response_mode: take("response_mode", 64)?,
            scope: take("scope", 4096)?,
            state: take("state", 2048)?,
            nonce: take("nonce", 2048)?,
            prompt: take("prompt", 255)?,
            max_age: take("max_age", 32)?,
            display: take("display", 64)?,
            login_hint: take("login_hint", 1024)?,
            id_token_hint: take("id_token_hint", 16_384)?,
            ui_locales: take("ui_locales", 1024)?,
            claims_locales: take("claims_locales", 1024)?,
            acr_values: take("acr_values", 1024)?,
            claims: take("claims", 8192)?,
            code_challenge: take_even_empty("code_challenge", 255)?,
            code_challenge_method: take_even_empty("code_challenge_method", 64)?,
            dpop_jkt: take("dpop_jkt", 255)?,
            idp: take("idp", 255)?,
            resource,
            request: take("request", MAX_REQUEST)?,
            request_uri: take("request_uri", 2048)?,
            registration: sent("registration"),
            session_token: sent("sessionToken"),
        })
    }

    /// The values of `acr_values`, in order of preference.
    pub fn acr_values(&self) -> Vec<&str> {
        self.acr_values.as_deref().unwrap_or_default().split(' ').filter(|value| !value.is_empty()).collect()
    }

    /// `max_age` in seconds.
    ///
    /// # Errors
    ///
    /// [`MaxAgeError`] unless it is a decimal number up to [`MAX_MAX_AGE`].
    pub fn max_age(&self) -> Result<Option<u32>, MaxAgeError> {
        let Some(max_age) = self.max_age.as_deref() else {
            return Ok(None);
        };
        if !max_age.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(MaxAgeError);
        }
        max_age.parse().ok().filter(|&seconds| seconds <= MAX_MAX_AGE).map(Some).ok_or(MaxAgeError)
    }
}

/// `max_age` is not a number of seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("max_age is not a number of seconds")]
pub struct MaxAgeError;

/// What identifies the request; hints may be tokens or personal data.
impl fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationRequest")
            .field("client_id", &self.client_id)
            .field("redirect_uri", &self.redirect_uri)
            .field("response_type", &self.response_type)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<AuthorizationRequest, ParamError> {
        AuthorizationRequest::from_params(&Params::parse_query(query).unwrap())
    }

    #[test]
    fn a_request_is_read_and_can_be_frozen() {
        let request = parse(
            "client_id=web&response_type=code&scope=openid+email&state=a%20b&resource=https://a&resource=https://b\
             &sessionToken=secret-token&unknown=1&acr_values=urn:okta:loa:2fa:any+phr",
        )
        .unwrap();
        assert_eq!(request.state.as_deref(), Some("a b"));
        assert_eq!(request.resource, ["https://a", "https://b"]);
        assert_eq!(request.acr_values(), ["urn:okta:loa:2fa:any", "phr"]);
        assert!(request.session_token && request.request.is_none() && request.request_uri.is_none());
        let json = serde_json::to_string(&request).unwrap();
        assert!(!json.contains("secret-token"));
        assert_eq!(serde_json::from_str::<AuthorizationRequest>(&json).unwrap(), request);
    }

    #[test]
    fn a_request_without_a_client_is_refused() {
        assert_eq!(parse("response_type=code"), Err(ParamError::Missing("client_id")));
        assert_eq!(parse("client_id="), Err(ParamError::Missing("client_id")));
    }

    #[test]
    fn sec_b03_an_empty_challenge_is_not_an_absent_one() {
        assert_eq!(parse("client_id=web").unwrap().code_challenge, None);
        assert_eq!(parse("client_id=web&code_challenge=").unwrap().code_challenge.as_deref(), Some(""));
        assert_eq!(parse("client_id=web&state=").unwrap().state, None);
    }

    #[test]
    fn sec_x06_lengths_are_bounded() {
        let long = |name: &str, length| parse(&format!("client_id=web&{name}={}", "x".repeat(length)));
        assert_eq!(long("state", 2048).unwrap().state.unwrap().len(), 2048);
        assert_eq!(long("state", 2049), Err(ParamError::TooLong("state")));
        assert_eq!(long("nonce", 2049), Err(ParamError::TooLong("nonce")));
        let many = "&resource=a".repeat(MAX_RESOURCES + 1);
        assert_eq!(parse(&format!("client_id=web{many}")), Err(ParamError::TooLong("resource")));
    }

    #[test]
    fn sec_x10_max_age_is_a_number_of_seconds() {
        let max_age = |value| parse(&format!("client_id=web&max_age={value}")).unwrap().max_age();
        assert_eq!(max_age("0"), Ok(Some(0)));
        assert_eq!(max_age("2147483647"), Ok(Some(MAX_MAX_AGE)));
        assert_eq!(max_age(""), Ok(None));
        for value in ["-1", "%2B1", "1.5", "1e3", "2147483648", "99999999999999999999", "x", "%2010"] {
            assert_eq!(max_age(value), Err(MaxAgeError), "{value}");
        }
    }
}
