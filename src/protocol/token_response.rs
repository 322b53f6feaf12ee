//! The successful token response (RFC 6749 §5.1; Core §3.1.3.3).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::protocol::scope::ScopeSet;
use crate::protocol::token_exchange::TokenTypeUri;
use crate::protocol::wire_enum::wire_enum;

wire_enum! {
    /// How an access token is used (RFC 6749 §7.1).
    TokenType {
        /// RFC 6750.
        Bearer = "Bearer",
        /// RFC 9449 §5.
        DPoP = "DPoP",
        /// Not an access token (RFC 8693 §2.2.1).
        NotApplicable = "N_A",
    }
}

/// The members of a successful token response. It never has `state`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenResponse {
    /// How the access token is used.
    pub token_type: TokenType,
    /// The lifetime of the access token, in seconds.
    pub expires_in: u32,
    /// The access token.
    pub access_token: String,
    /// The scope granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeSet>,
    /// The refresh token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// The ID token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// The device secret (OpenID Connect Native SSO 1.0 §3.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_secret: Option<String>,
    /// What kind of token was exchanged for (RFC 8693 §2.2.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_token_type: Option<TokenTypeUri>,
}

impl TokenResponse {
    /// A response with a bearer token and nothing optional.
    pub fn bearer(access_token: impl Into<String>, expires_in: u32) -> Self {
        Self {
            token_type: TokenType::Bearer,
            expires_in,
            access_token: access_token.into(),
            scope: None,
            refresh_token: None,
            id_token: None,
            device_secret: None,
            issued_token_type: None,
        }
    }
}

/// Everything but the tokens.
impl fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenResponse")
            .field("token_type", &self.token_type)
            .field("expires_in", &self.expires_in)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_that_are_absent_are_left_out() {
        let mut response = TokenResponse::bearer("at", 3600);
        assert_eq!(
            serde_json::to_string(&response).unwrap(),
            r#"{"token_type":"Bearer","expires_in":3600,"access_token":"at"}"#
        );
        response.scope = Some(ScopeSet::parse("openid email").unwrap());
        assert!(serde_json::to_string(&response).unwrap().ends_with(r#""scope":"openid email"}"#));
    }

    #[test]
    fn debug_output_shows_no_token() {
        let mut response = TokenResponse::bearer("hunter2", 3600);
        response.refresh_token = Some("hunter3".to_owned());
        assert!(!format!("{response:?}").contains("hunter"));
    }

    #[test]
    fn an_unknown_token_type_is_refused() {
        let json = r#"{"token_type":"mac","expires_in":1,"access_token":"a"}"#;
        assert!(serde_json::from_str::<TokenResponse>(json).is_err());
    }
}
