//! Token revocation (RFC 7009).

use crate::protocol::introspection::MAX_TOKEN;
use crate::protocol::params::{ParamError, Params};
use crate::protocol::token_type_hint::TokenTypeHint;
use crate::secret::Secret;

/// A revocation request (RFC 7009 §2.1). Its success has an empty body (§2.2).
#[derive(Clone, Debug)]
pub struct RevocationRequest {
    /// The token.
    pub token: Secret<String>,
    /// What the client believes it is.
    pub token_type_hint: Option<TokenTypeHint>,
}

impl RevocationRequest {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_needs_a_token_and_an_unknown_hint_is_ignored() {
        let params = Params::parse_form(b"token=abc&token_type_hint=saml").unwrap();
        let request = RevocationRequest::from_params(&params).unwrap();
        assert_eq!((request.token.expose().as_str(), request.token_type_hint), ("abc", None));
        let error = RevocationRequest::from_params(&Params::default()).unwrap_err();
        assert_eq!(error, ParamError::Missing("token"));
    }
}
