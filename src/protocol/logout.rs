//! The logout request (RP-Initiated Logout 1.0 §2): its syntax only.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::protocol::params::{ParamError, Params};

/// The parameters of a logout request, as sent; all are optional.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoutRequest {
    /// `id_token_hint`: an ID token issued here, possibly expired.
    pub id_token_hint: Option<String>,
    /// `logout_hint`: whom to sign out.
    pub logout_hint: Option<String>,
    /// `client_id`: must be the audience of the hint.
    pub client_id: Option<String>,
    /// `post_logout_redirect_uri`: where to go afterwards.
    pub post_logout_redirect_uri: Option<String>,
    /// `state`: returned byte for byte with that redirect.
    pub state: Option<String>,
    /// `ui_locales`: languages for the page.
    pub ui_locales: Option<String>,
}

impl LogoutRequest {
    /// Reads a request; parameters it does not know are ignored.
    ///
    /// # Errors
    ///
    /// [`ParamError::TooLong`].
    pub fn from_params(params: &Params) -> Result<Self, ParamError> {
        let take = |name, max| params.optional(name, max).map(|value| value.map(str::to_owned));
        Ok(Self {
            id_token_hint: take("id_token_hint", 16_384)?,
            logout_hint: take("logout_hint", 1024)?,
            client_id: take("client_id", 255)?,
            post_logout_redirect_uri: take("post_logout_redirect_uri", 2048)?,
            state: take("state", 2048)?,
            ui_locales: take("ui_locales", 1024)?,
        })
    }
}

/// Everything but the hints.
impl fmt::Debug for LogoutRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogoutRequest")
            .field("client_id", &self.client_id)
            .field("post_logout_redirect_uri", &self.post_logout_redirect_uri)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_is_optional() {
        let params = Params::parse_query("post_logout_redirect_uri=https://a/&state=x").unwrap();
        let request = LogoutRequest::from_params(&params).unwrap();
        assert_eq!(request.state.as_deref(), Some("x"));
        assert_eq!(request.id_token_hint, None);
        assert_eq!(LogoutRequest::from_params(&Params::default()).unwrap(), LogoutRequest::default());
    }

    #[test]
    fn lengths_are_bounded() {
        let params = Params::from_pairs([("state", "x".repeat(2049))]).unwrap();
        assert_eq!(LogoutRequest::from_params(&params), Err(ParamError::TooLong("state")));
    }
}
