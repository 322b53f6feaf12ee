//! The token request (RFC 6749 §4.1.3, §4.4.2, §6): one variant per grant that is served.

use crate::protocol::error::{ErrorCode, OAuthError};
use crate::protocol::grant_type::GrantType;
use crate::protocol::introspection::MAX_TOKEN;
use crate::protocol::params::{ParamError, Params};
use crate::protocol::scope::{ScopeError, ScopeSet};
use crate::protocol::token_exchange::TokenExchange;
use crate::secret::Secret;

/// What is exchanged for tokens.
#[derive(Clone, Debug)]
pub enum TokenRequest {
    /// An authorization code (RFC 6749 §4.1.3).
    AuthorizationCode {
        /// The code.
        code: Secret<String>,
        /// Must equal the value of the authorization request.
        redirect_uri: Option<String>,
        /// The PKCE verifier as sent (RFC 7636 §4.5); a malformed one is `invalid_grant`, so it is read later.
        code_verifier: Option<Secret<String>>,
    },
    /// A refresh token (RFC 6749 §6).
    RefreshToken {
        /// The refresh token.
        refresh_token: Secret<String>,
        /// A subset of the scope granted.
        scope: Option<ScopeSet>,
    },
    /// A device code (RFC 8628 §3.4).
    DeviceCode {
        /// The device code.
        device_code: Secret<String>,
    },
    /// A user's own credentials (RFC 6749 §4.3.2).
    Password {
        /// The login as it was typed.
        username: String,
        /// The password as it was typed.
        password: Secret<String>,
        /// The scope asked for.
        scope: Option<ScopeSet>,
    },
    /// What a trusted issuer says of a user (RFC 7523 §2.1).
    JwtBearer {
        /// The assertion.
        assertion: Secret<String>,
        /// The scope asked for.
        scope: Option<ScopeSet>,
    },
    /// Another token (RFC 8693 §2.1).
    TokenExchange(Box<TokenExchange>),
    /// The client itself (RFC 6749 §4.4.2).
    ClientCredentials {
        /// The scope asked for.
        scope: Option<ScopeSet>,
    },
}

/// Why a token request cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokenRequestError {
    /// A parameter is missing or too long.
    #[error(transparent)]
    Param(#[from] ParamError),
    /// The grant type is unknown or not served.
    #[error("the grant type is not supported")]
    UnsupportedGrantType,
    /// The scope is malformed.
    #[error(transparent)]
    Scope(#[from] ScopeError),
    /// A token type is unknown (RFC 8693 §3).
    #[error("the token type is not supported")]
    UnsupportedTokenType,
    /// An actor token without its type, or a type without a token (RFC 8693 §2.1).
    #[error("actor_token and actor_token_type require each other")]
    ActorTokenType,
}

impl TokenRequest {
    /// Reads a request; parameters it does not know are ignored (RFC 6749 §3.2).
    ///
    /// # Errors
    ///
    /// [`TokenRequestError`].
    pub fn from_params(params: &Params) -> Result<Self, TokenRequestError> {
        let grant_type = params.required("grant_type", 255)?;
        let grant_type = grant_type.parse().map_err(|_| TokenRequestError::UnsupportedGrantType)?;
        let secret = |value: &str| Secret::new(value.to_owned());
        match grant_type {
            GrantType::AuthorizationCode => Ok(Self::AuthorizationCode {
                code: secret(params.required("code", 1024)?),
                redirect_uri: params.optional("redirect_uri", 2048)?.map(str::to_owned),
                code_verifier: params.optional("code_verifier", 1024)?.map(secret),
            }),
            GrantType::RefreshToken => Ok(Self::RefreshToken {
                refresh_token: secret(params.required("refresh_token", 1024)?),
                scope: scope(params)?,
            }),
            GrantType::DeviceCode => {
                Ok(Self::DeviceCode { device_code: secret(params.required("device_code", 1024)?) })
            }
            GrantType::Password => Ok(Self::Password {
                username: params.required("username", 320)?.to_owned(),
                password: secret(params.required("password", 1024)?),
                scope: scope(params)?,
            }),
            GrantType::JwtBearer => Ok(Self::JwtBearer {
                assertion: secret(params.required("assertion", MAX_TOKEN)?),
                scope: scope(params)?,
            }),
            GrantType::TokenExchange => {
                Ok(Self::TokenExchange(Box::new(TokenExchange::from_params(params, scope(params)?)?)))
            }
            GrantType::ClientCredentials => Ok(Self::ClientCredentials { scope: scope(params)? }),
            GrantType::Implicit
            | GrantType::Saml2Bearer
            | GrantType::Ciba
            | GrantType::InteractionCode
            | GrantType::Otp
            | GrantType::Oob
            | GrantType::MfaOtp
            | GrantType::MfaOob => Err(TokenRequestError::UnsupportedGrantType),
        }
    }

    /// The grant type of the request.
    pub const fn grant_type(&self) -> GrantType {
        match self {
            Self::AuthorizationCode { .. } => GrantType::AuthorizationCode,
            Self::RefreshToken { .. } => GrantType::RefreshToken,
            Self::DeviceCode { .. } => GrantType::DeviceCode,
            Self::Password { .. } => GrantType::Password,
            Self::JwtBearer { .. } => GrantType::JwtBearer,
            Self::TokenExchange(_) => GrantType::TokenExchange,
            Self::ClientCredentials { .. } => GrantType::ClientCredentials,
        }
    }
}

fn scope(params: &Params) -> Result<Option<ScopeSet>, ScopeError> {
    params.one("scope").map(ScopeSet::parse).transpose()
}

impl From<TokenRequestError> for OAuthError {
    fn from(error: TokenRequestError) -> Self {
        match error {
            TokenRequestError::Param(error) => error.into(),
            TokenRequestError::UnsupportedGrantType => {
                Self::new(ErrorCode::UnsupportedGrantType, "The grant_type is not supported.")
            }
            TokenRequestError::Scope(error) => error.into(),
            TokenRequestError::UnsupportedTokenType => {
                Self::invalid_request("A token type is not supported.")
            }
            TokenRequestError::ActorTokenType => {
                Self::invalid_request("The parameters actor_token and actor_token_type require each other.")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<TokenRequest, TokenRequestError> {
        TokenRequest::from_params(&Params::parse_form(body.as_bytes()).unwrap())
    }

    fn code(body: &str) -> ErrorCode {
        OAuthError::from(parse(body).unwrap_err()).code
    }

    #[test]
    fn an_authorization_code_request_is_read() {
        let request =
            parse("grant_type=authorization_code&code=abc&redirect_uri=https://a/cb&code_verifier=v")
                .unwrap();
        assert_eq!(request.grant_type(), GrantType::AuthorizationCode);
        let TokenRequest::AuthorizationCode { code, redirect_uri, code_verifier } = request else { panic!() };
        assert_eq!((code.expose().as_str(), redirect_uri.as_deref()), ("abc", Some("https://a/cb")));
        assert_eq!(code_verifier.unwrap().expose(), "v");
    }

    #[test]
    fn a_refresh_and_a_client_credentials_request_are_read() {
        let TokenRequest::RefreshToken { scope, .. } =
            parse("grant_type=refresh_token&refresh_token=r&scope=openid+email&client_id=x").unwrap()
        else {
            panic!()
        };
        assert_eq!(scope.unwrap().to_string(), "openid email");
        assert!(matches!(
            parse("grant_type=client_credentials&scope=").unwrap(),
            TokenRequest::ClientCredentials { scope: None }
        ));
    }

    #[test]
    fn a_missing_parameter_is_invalid_request() {
        for body in [
            "",
            "grant_type=",
            "code=a",
            "grant_type=authorization_code",
            "grant_type=refresh_token&refresh_token=",
        ] {
            assert_eq!(code(body), ErrorCode::InvalidRequest, "{body}");
        }
    }

    #[test]
    fn an_unknown_or_unserved_grant_type_is_unsupported() {
        for grant in ["interaction_code", "implicit", "Authorization_Code", "foo"] {
            assert_eq!(code(&format!("grant_type={grant}")), ErrorCode::UnsupportedGrantType, "{grant}");
        }
        assert_eq!(code("grant_type=client_credentials&scope=a++b"), ErrorCode::InvalidScope);
    }
}
