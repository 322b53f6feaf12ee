//! Token introspection (RFC 7662).

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::protocol::params::{ParamError, Params};
use crate::protocol::token_type_hint::TokenTypeHint;
use crate::secret::Secret;

/// Longest token that is looked at, in bytes.
pub const MAX_TOKEN: usize = 16_384;

/// An introspection request (RFC 7662 §2.1).
#[derive(Clone, Debug)]
pub struct IntrospectionRequest {
    /// The token.
    pub token: Secret<String>,
    /// What the client believes it is.
    pub token_type_hint: Option<TokenTypeHint>,
}

impl IntrospectionRequest {
    /// Reads a request.
    ///
    /// # Errors
    ///
    /// [`ParamError`] when the token is missing or too long.
    pub fn from_params(params: &Params) -> Result<Self, ParamError> {
        let token = Secret::new(params.required("token", MAX_TOKEN)?.to_owned());
        Ok(Self { token, token_type_hint: TokenTypeHint::from_params(params) })
    }
}

/// The answer about one token (RFC 7662 §2.2).
#[derive(Clone, PartialEq, Debug)]
pub enum IntrospectionResponse {
    /// Unknown, expired, revoked or not for this caller: exactly `{"active":false}`, which tells no more.
    Inactive,
    /// The token is good, and this is what it says.
    Active(Box<ActiveToken>),
}

/// What is told about an active token (RFC 7662 §2.2; Okta).
#[derive(Clone, Default, PartialEq, Debug, Serialize)]
pub struct ActiveToken {
    /// `token_type`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_type: Option<String>,
    /// `scope`, with spaces between the tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// `client_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// `username`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// `exp`, in seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// `iat`, in seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// `auth_time`, in seconds since the epoch (RFC 9470 §6.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// `sub`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// `aud`: one string or several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aud: Option<Value>,
    /// `iss`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// `jti`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// `uid`, the user's identifier (Okta).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// `acr` (RFC 9470 §6.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// `cnf` (RFC 7800 §3.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Value>,
    /// Further claims. A name above never appears here, and neither does `active`.
    #[serde(flatten)]
    pub claims: Map<String, Value>,
}

impl Serialize for IntrospectionResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Active<'a> {
            active: bool,
            #[serde(flatten)]
            token: &'a ActiveToken,
        }
        match self {
            Self::Inactive => {
                let mut members = serializer.serialize_map(Some(1))?;
                members.serialize_entry("active", &false)?;
                members.end()
            }
            Self::Active(token) => Active { active: true, token }.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_needs_a_token() {
        let params = Params::parse_form(b"token=abc&token_type_hint=access_token").unwrap();
        let request = IntrospectionRequest::from_params(&params).unwrap();
        assert_eq!(request.token.expose(), "abc");
        assert_eq!(request.token_type_hint, Some(TokenTypeHint::AccessToken));
        let without = Params::parse_form(b"token=").unwrap();
        assert_eq!(IntrospectionRequest::from_params(&without).unwrap_err(), ParamError::Missing("token"));
    }

    #[test]
    fn sec_k02_inactive_is_exactly_one_member() {
        assert_eq!(serde_json::to_string(&IntrospectionResponse::Inactive).unwrap(), r#"{"active":false}"#);
    }

    #[test]
    fn active_comes_first_and_absent_members_are_left_out() {
        let token = ActiveToken {
            token_type: Some("Bearer".to_owned()),
            exp: Some(1),
            claims: [("tenant".to_owned(), Value::from("a"))].into_iter().collect(),
            ..ActiveToken::default()
        };
        assert_eq!(
            serde_json::to_string(&IntrospectionResponse::Active(Box::new(token))).unwrap(),
            r#"{"active":true,"token_type":"Bearer","exp":1,"tenant":"a"}"#
        );
    }
}
