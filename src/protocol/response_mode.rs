//! The `response_mode` parameter (Multiple Response Types §2.1; Form Post Response Mode; Okta).

use crate::protocol::error::{ErrorCode, OAuthError};
use crate::protocol::response_type::ResponseType;
use crate::protocol::wire_enum::wire_enum;

wire_enum! {
    /// How the authorization response travels to the client.
    ResponseMode {
        /// In the query of the redirect URI (Multiple Response Types §2.1).
        Query = "query",
        /// In the fragment of the redirect URI (Multiple Response Types §2.1).
        Fragment = "fragment",
        /// In the body of a POST to the redirect URI (Form Post Response Mode §2).
        FormPost = "form_post",
        /// By `window.postMessage` to the opener or parent (Okta).
        OktaPostMessage = "okta_post_message",
        /// As a JWT, where the response type has its default (JARM §2.3.4).
        Jwt = "jwt",
        /// As a JWT in the query (JARM §2.3.1).
        QueryJwt = "query.jwt",
        /// As a JWT in the fragment (JARM §2.3.2).
        FragmentJwt = "fragment.jwt",
        /// As a JWT in the body of a POST (JARM §2.3.3).
        FormPostJwt = "form_post.jwt",
    }
}

/// Why a response mode is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ResponseModeError {
    /// The mode is not known.
    #[error("the response mode is not known")]
    Unknown,
    /// `query` was asked for together with a token (Multiple Response Types §5).
    #[error("the response mode `query` cannot carry a token")]
    QueryWithToken,
}

impl ResponseMode {
    /// The mode that applies when none is asked for (Multiple Response Types §2.1, §5).
    pub const fn default_for(response_type: ResponseType) -> Self {
        if response_type.is_front_channel() { Self::Fragment } else { Self::Query }
    }

    /// Whether the response is one JWT in place of its parameters (JARM §2).
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::Jwt | Self::QueryJwt | Self::FragmentJwt | Self::FormPostJwt)
    }

    /// The mode for a request: the one asked for when it suits the response type, else the default.
    ///
    /// # Errors
    ///
    /// [`ResponseModeError`] when the mode asked for is unknown or would put a token into a query.
    pub fn choose(requested: Option<&str>, response_type: ResponseType) -> Result<Self, ResponseModeError> {
        let Some(requested) = requested else {
            return Ok(Self::default_for(response_type));
        };
        let mode: Self = requested.parse().map_err(|_| ResponseModeError::Unknown)?;
        let mode = match mode {
            Self::Jwt if response_type.is_front_channel() => Self::FragmentJwt,
            Self::Jwt => Self::QueryJwt,
            other => other,
        };
        // Multiple Response Types §5, JARM §2.3.1: tokens never go into a query, which servers and browsers record.
        if matches!(mode, Self::Query | Self::QueryJwt) && response_type.is_front_channel() {
            return Err(ResponseModeError::QueryWithToken);
        }
        Ok(mode)
    }
}

impl From<ResponseModeError> for OAuthError {
    fn from(error: ResponseModeError) -> Self {
        match error {
            ResponseModeError::Unknown => Self::invalid_request("The response_mode is not supported."),
            ResponseModeError::QueryWithToken => Self::new(
                ErrorCode::UnsupportedResponseMode,
                "The response_mode query cannot be used with this response_type.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_follows_the_response_type() {
        assert_eq!(ResponseMode::choose(None, ResponseType::Code), Ok(ResponseMode::Query));
        assert_eq!(ResponseMode::choose(None, ResponseType::CodeIdToken), Ok(ResponseMode::Fragment));
    }

    #[test]
    fn sec_a14_query_is_refused_for_front_channel_types() {
        for response_type in ResponseType::ALL.iter().filter(|known| known.is_front_channel()) {
            assert_eq!(
                ResponseMode::choose(Some("query"), *response_type),
                Err(ResponseModeError::QueryWithToken)
            );
            assert!(ResponseMode::choose(Some("form_post"), *response_type).is_ok());
        }
        assert_eq!(ResponseMode::choose(Some("query"), ResponseType::Code), Ok(ResponseMode::Query));
    }

    #[test]
    fn jwt_goes_where_the_response_type_has_its_default() {
        for (requested, response_type, expected) in [
            ("jwt", ResponseType::Code, Ok(ResponseMode::QueryJwt)),
            ("jwt", ResponseType::CodeIdToken, Ok(ResponseMode::FragmentJwt)),
            ("fragment.jwt", ResponseType::Code, Ok(ResponseMode::FragmentJwt)),
            ("form_post.jwt", ResponseType::IdToken, Ok(ResponseMode::FormPostJwt)),
            ("query.jwt", ResponseType::Code, Ok(ResponseMode::QueryJwt)),
            ("query.jwt", ResponseType::IdToken, Err(ResponseModeError::QueryWithToken)),
        ] {
            assert_eq!(ResponseMode::choose(Some(requested), response_type), expected, "{requested}");
        }
    }

    #[test]
    fn okta_post_message_may_carry_a_code_and_unknown_modes_are_refused() {
        assert_eq!(
            ResponseMode::choose(Some("okta_post_message"), ResponseType::Code),
            Ok(ResponseMode::OktaPostMessage)
        );
        assert_eq!(ResponseMode::choose(Some("Query"), ResponseType::Code), Err(ResponseModeError::Unknown));
    }
}
