//! The token exchange request (RFC 8693 §2.1) and its token types (§3).

use crate::protocol::introspection::MAX_TOKEN;
use crate::protocol::params::Params;
use crate::protocol::scope::ScopeSet;
use crate::protocol::token_request::TokenRequestError;
use crate::protocol::wire_enum::wire_enum;
use crate::secret::Secret;

wire_enum! {
    /// What kind of token is sent or wanted (RFC 8693 §3).
    TokenTypeUri {
        /// An access token of an authorization server.
        AccessToken = "urn:ietf:params:oauth:token-type:access_token",
        /// An ID token.
        IdToken = "urn:ietf:params:oauth:token-type:id_token",
        /// A refresh token.
        RefreshToken = "urn:ietf:params:oauth:token-type:refresh_token",
        /// Any JWT.
        Jwt = "urn:ietf:params:oauth:token-type:jwt",
        /// A device secret (OpenID Connect Native SSO 1.0 §4.2).
        DeviceSecret = "urn:x-oath:params:oauth:token-type:device-secret",
    }
}

/// A token exchange request (RFC 8693 §2.1).
#[derive(Clone, Debug)]
pub struct TokenExchange {
    /// Who it is about.
    pub subject_token: Secret<String>,
    /// What kind of token that is.
    pub subject_token_type: TokenTypeUri,
    /// Who acts, where that is not the client itself.
    pub actor_token: Option<(Secret<String>, TokenTypeUri)>,
    /// What kind of token is wanted.
    pub requested_token_type: Option<TokenTypeUri>,
    /// Where the token is to be used, as logical names and as URIs.
    pub targets: Vec<String>,
    /// The scope asked for.
    pub scope: Option<ScopeSet>,
}

impl TokenExchange {
    /// Reads a request.
    ///
    /// # Errors
    /// A parameter is missing, of an unknown kind or malformed.
    pub fn from_params(params: &Params, scope: Option<ScopeSet>) -> Result<Self, TokenRequestError> {
        let secret = |value: &str| Secret::new(value.to_owned());
        let kind = |value: &str| value.parse().map_err(|_| TokenRequestError::UnsupportedTokenType);
        let actor_token = params.optional("actor_token", MAX_TOKEN)?.map(secret);
        let actor_token_type = params.optional("actor_token_type", 255)?.map(kind).transpose()?;
        Ok(Self {
            subject_token: secret(params.required("subject_token", MAX_TOKEN)?),
            subject_token_type: kind(params.required("subject_token_type", 255)?)?,
            // RFC 8693 §2.1: one is required with the other, and must not come without it.
            actor_token: match (actor_token, actor_token_type) {
                (Some(token), Some(kind)) => Some((token, kind)),
                (None, None) => None,
                (Some(_), None) | (None, Some(_)) => return Err(TokenRequestError::ActorTokenType),
            },
            requested_token_type: params.optional("requested_token_type", 255)?.map(kind).transpose()?,
            targets: params.all("audience").chain(params.all("resource")).map(str::to_owned).collect(),
            scope,
        })
    }
}
