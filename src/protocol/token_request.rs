//! The token request (RFC 6749 §4.1.3, §4.4.2, §6): one variant per grant that is served.

use crate::protocol::error::{ErrorCode, OAuthError};
use crate::protocol::grant_type::GrantType;
use crate::protocol::params::{ParamError, Params};
use crate::protocol::scope::{ScopeError, ScopeSet};
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
            GrantType::ClientCredentials => Ok(Self::ClientCredentials { scope: scope(params)? }),
            GrantType::Implicit
            | GrantType::Password
            | GrantType::DeviceCode
            | GrantType::TokenExchange
            | GrantType::JwtBearer
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
        for grant in ["password", "implicit", "Authorization_Code", "foo"] {
            assert_eq!(code(&format!("grant_type={grant}")), ErrorCode::UnsupportedGrantType, "{grant}");
        }
        assert_eq!(code("grant_type=client_credentials&scope=a++b"), ErrorCode::InvalidScope);
    }
}
