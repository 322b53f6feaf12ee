//! The `token_type_hint` parameter (RFC 7009 §2.1, §4.1.2; RFC 7662 §2.1): a hint, never an error.

use crate::protocol::params::Params;
use crate::protocol::wire_enum::wire_enum;

wire_enum! {
    /// What kind of token the client believes it sends.
    TokenTypeHint {
        /// An access token (RFC 7009 §4.1.2.2).
        AccessToken = "access_token",
        /// A refresh token (RFC 7009 §4.1.2.2).
        RefreshToken = "refresh_token",
        /// An ID token (Okta).
        IdToken = "id_token",
        /// A device secret (Okta).
        DeviceSecret = "device_secret",
    }
}

impl TokenTypeHint {
    /// The hint of a request; an unknown one is ignored (RFC 7009 §2.1).
    pub fn from_params(params: &Params) -> Option<Self> {
        params.one("token_type_hint").and_then(|hint| hint.parse().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_hint_is_taken_and_an_unknown_one_ignored() {
        let hint =
            |value| TokenTypeHint::from_params(&Params::from_pairs([("token_type_hint", value)]).unwrap());
        assert_eq!(hint("refresh_token"), Some(TokenTypeHint::RefreshToken));
        assert_eq!(hint("refresh-token"), None);
        assert_eq!(TokenTypeHint::from_params(&Params::default()), None);
    }
}
