//! The `response_type` parameter (RFC 6749 §3.1.1; Multiple Response Types §3, §5).

use std::fmt;
use std::str::FromStr;

use crate::protocol::grant_type::GrantType;
use crate::protocol::wire_enum::{UnknownValue, wire_serde};

/// What the authorization endpoint returns: a set of words whose order is irrelevant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum ResponseType {
    /// `code` (RFC 6749 §4.1.1).
    Code,
    /// `id_token` (Core §3.2.2.1).
    IdToken,
    /// `id_token token` (Core §3.2.2.1).
    IdTokenToken,
    /// `code id_token` (Core §3.3.2.1).
    CodeIdToken,
    /// `code token` (Core §3.3.2.1).
    CodeToken,
    /// `code id_token token` (Core §3.3.2.1).
    CodeIdTokenToken,
    /// `token` (RFC 6749 §4.2.1).
    Token,
}

/// What the authorization endpoint serves: everything but `token`, which says nothing of the user (RFC 9700 §2.1.2).
pub const RESPONSE_TYPES: &[ResponseType] = &[
    ResponseType::Code,
    ResponseType::IdToken,
    ResponseType::IdTokenToken,
    ResponseType::CodeIdToken,
    ResponseType::CodeToken,
    ResponseType::CodeIdTokenToken,
];

impl ResponseType {
    /// Every response type.
    pub const ALL: &'static [Self] = &[
        Self::Code,
        Self::IdToken,
        Self::IdTokenToken,
        Self::CodeIdToken,
        Self::CodeToken,
        Self::CodeIdTokenToken,
        Self::Token,
    ];

    /// The canonical spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::IdToken => "id_token",
            Self::IdTokenToken => "id_token token",
            Self::CodeIdToken => "code id_token",
            Self::CodeToken => "code token",
            Self::CodeIdTokenToken => "code id_token token",
            Self::Token => "token",
        }
    }

    /// Whether an authorization code is returned.
    pub const fn has_code(self) -> bool {
        matches!(self, Self::Code | Self::CodeIdToken | Self::CodeToken | Self::CodeIdTokenToken)
    }

    /// Whether an ID token is returned from the authorization endpoint.
    pub const fn has_id_token(self) -> bool {
        matches!(self, Self::IdToken | Self::IdTokenToken | Self::CodeIdToken | Self::CodeIdTokenToken)
    }

    /// Whether an access token is returned from the authorization endpoint.
    pub const fn has_token(self) -> bool {
        matches!(self, Self::IdTokenToken | Self::CodeToken | Self::CodeIdTokenToken | Self::Token)
    }

    /// Whether a token travels through the browser: the response never goes into the query (Multiple Response Types §5).
    pub const fn is_front_channel(self) -> bool {
        self.has_id_token() || self.has_token()
    }

    /// The grant types that a client needs for it, the code's first (Registration §2).
    pub const fn grant_types(self) -> &'static [GrantType] {
        match (self.has_code(), self.is_front_channel()) {
            (true, true) => &[GrantType::AuthorizationCode, GrantType::Implicit],
            (true, false) => &[GrantType::AuthorizationCode],
            (false, _) => &[GrantType::Implicit],
        }
    }

    /// Whether `nonce` is mandatory (Core §3.2.2.1, §3.3.2.11).
    pub const fn requires_nonce(self) -> bool {
        self.has_id_token()
    }
}

impl FromStr for ResponseType {
    type Err = UnknownValue;

    fn from_str(value: &str) -> Result<Self, Self::Err> {
        let (mut code, mut id_token, mut token) = (false, false, false);
        for word in value.split(' ') {
            let seen = match word {
                "code" => &mut code,
                "id_token" => &mut id_token,
                "token" => &mut token,
                _ => return Err(UnknownValue),
            };
            if std::mem::replace(seen, true) {
                return Err(UnknownValue);
            }
        }
        match (code, id_token, token) {
            (true, false, false) => Ok(Self::Code),
            (false, true, false) => Ok(Self::IdToken),
            (false, true, true) => Ok(Self::IdTokenToken),
            (true, true, false) => Ok(Self::CodeIdToken),
            (true, false, true) => Ok(Self::CodeToken),
            (true, true, true) => Ok(Self::CodeIdTokenToken),
            (false, false, true) => Ok(Self::Token),
            (false, false, false) => Err(UnknownValue),
        }
    }
}

impl fmt::Display for ResponseType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

wire_serde!(ResponseType);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_order_is_irrelevant() {
        for value in ["code id_token token", "token id_token code", "id_token code token"] {
            assert_eq!(value.parse(), Ok(ResponseType::CodeIdTokenToken), "{value}");
        }
        assert_eq!("token id_token".parse(), Ok(ResponseType::IdTokenToken));
        for known in ResponseType::ALL {
            assert_eq!(known.as_str().parse(), Ok(*known));
        }
    }

    #[test]
    fn unknown_repeated_or_missing_words_are_refused() {
        for value in [
            "",
            " ",
            "none",
            "Code",
            "code code",
            "code  token",
            " code",
            "code ",
            "code\ttoken",
            "code,token",
        ] {
            assert_eq!(value.parse::<ResponseType>(), Err(UnknownValue), "{value:?}");
        }
    }

    #[test]
    fn only_code_alone_stays_out_of_the_front_channel() {
        for response_type in ResponseType::ALL {
            assert_eq!(response_type.is_front_channel(), *response_type != ResponseType::Code);
        }
        assert!(ResponseType::IdToken.requires_nonce());
        assert!(!ResponseType::CodeToken.requires_nonce());
    }
}
