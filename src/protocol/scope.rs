//! Scopes: sets of tokens in the grammar of RFC 6749 §3.3.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::protocol::error::OAuthError;

/// `openid`: the request is an OpenID Connect request (Core §3.1.2.1).
pub const OPENID: &str = "openid";
/// `profile` (Core §5.4).
pub const PROFILE: &str = "profile";
/// `email` (Core §5.4).
pub const EMAIL: &str = "email";
/// `address` (Core §5.4).
pub const ADDRESS: &str = "address";
/// `phone` (Core §5.4).
pub const PHONE: &str = "phone";
/// `offline_access`: a refresh token is wanted (Core §11).
pub const OFFLINE_ACCESS: &str = "offline_access";
/// `device_sso`: a device secret is wanted (OpenID Connect Native SSO 1.0 §3.1).
pub const DEVICE_SSO: &str = "device_sso";
/// `groups` (Okta).
pub const GROUPS: &str = "groups";

/// The longest `scope` parameter, in characters.
pub const MAX_LENGTH: usize = 1024;
/// The most tokens in a `scope` parameter.
pub const MAX_TOKENS: usize = 100;

/// Scope tokens, each once, in the order they were first named; the order carries no meaning (RFC 6749 §3.3).
#[derive(Clone, Default, Debug)]
pub struct ScopeSet(Vec<String>);

/// Why a scope is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ScopeError {
    /// It breaks the grammar of RFC 6749 §3.3.
    #[error("the scope is malformed")]
    Malformed,
    /// It is longer than [`MAX_LENGTH`].
    #[error("the scope is too long")]
    TooLong,
    /// It has more than [`MAX_TOKENS`] tokens.
    #[error("the scope has too many tokens")]
    TooMany,
}

impl ScopeSet {
    /// The empty set.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Reads a `scope` parameter: `scope-token *( SP scope-token )` (RFC 6749 §3.3).
    ///
    /// # Errors
    ///
    /// [`ScopeError`].
    pub fn parse(scope: &str) -> Result<Self, ScopeError> {
        if scope.len() > MAX_LENGTH {
            return Err(ScopeError::TooLong);
        }
        let tokens = scope.split(' ');
        if tokens.clone().count() > MAX_TOKENS {
            return Err(ScopeError::TooMany);
        }
        Self::from_tokens(tokens)
    }

    /// Collects tokens, each checked against the grammar.
    ///
    /// # Errors
    ///
    /// [`ScopeError::Malformed`] for the first that breaks it.
    pub fn from_tokens<T: AsRef<str>>(tokens: impl IntoIterator<Item = T>) -> Result<Self, ScopeError> {
        let mut set = Self::new();
        for token in tokens {
            set.insert(token.as_ref())?;
        }
        Ok(set)
    }

    /// Adds one token; says whether it was new.
    ///
    /// # Errors
    ///
    /// [`ScopeError::Malformed`] when the token breaks the grammar.
    pub fn insert(&mut self, token: &str) -> Result<bool, ScopeError> {
        if !is_scope_token(token) {
            return Err(ScopeError::Malformed);
        }
        if self.contains(token) {
            return Ok(false);
        }
        self.0.push(token.to_owned());
        Ok(true)
    }

    /// Removes one token; says whether it was there.
    pub fn remove(&mut self, token: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|known| known != token);
        self.0.len() < before
    }

    /// Whether the token is in the set; the comparison is case-sensitive (RFC 6749 §3.3).
    pub fn contains(&self, token: &str) -> bool {
        self.0.iter().any(|known| known == token)
    }

    /// Whether every token is also in the other set.
    pub fn is_subset_of(&self, other: &Self) -> bool {
        self.iter().all(|token| other.contains(token))
    }

    /// The tokens that satisfy a condition, in the same order.
    pub fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|token| keep(token)).cloned().collect())
    }

    /// The tokens that are also in the other set, in this set's order.
    pub fn intersection(&self, other: &Self) -> Self {
        self.filtered(|token| other.contains(token))
    }

    /// The tokens that are not in the other set, in this set's order.
    pub fn difference(&self, other: &Self) -> Self {
        self.filtered(|token| !other.contains(token))
    }

    /// The tokens in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The number of tokens.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `1*( %x21 / %x23-5B / %x5D-7E )` (RFC 6749 §3.3).
pub fn is_scope_token(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

/// Sets are equal when they have the same tokens, in whatever order.
impl PartialEq for ScopeSet {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.is_subset_of(other)
    }
}

impl Eq for ScopeSet {}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl FromStr for ScopeSet {
    type Err = ScopeError;

    fn from_str(scope: &str) -> Result<Self, Self::Err> {
        Self::parse(scope)
    }
}

/// As one string of tokens with spaces between them; the empty set is the empty string.
impl Serialize for ScopeSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ScopeSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scope = String::deserialize(deserializer)?;
        if scope.is_empty() {
            return Ok(Self::new());
        }
        Self::from_tokens(scope.split(' ')).map_err(serde::de::Error::custom)
    }
}

impl From<ScopeError> for OAuthError {
    fn from(error: ScopeError) -> Self {
        Self::invalid_scope(match error {
            ScopeError::Malformed => "The scope is malformed.",
            ScopeError::TooLong => "The scope is too long.",
            ScopeError::TooMany => "The scope has too many values.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_keep_their_order_and_appear_once() {
        let scope = ScopeSet::parse("openid email openid okta.users.read").unwrap();
        assert_eq!(scope.to_string(), "openid email okta.users.read");
        assert_eq!(scope.len(), 3);
        assert!(scope.contains(OPENID) && !scope.contains("OpenID"));
    }

    #[test]
    fn the_grammar_of_rfc_6749_is_enforced() {
        for scope in ["", " ", "a  b", " a", "a ", "a\tb", "a\"b", "a\\b", "é", "a\u{7f}", "a\nb"] {
            assert_eq!(ScopeSet::parse(scope), Err(ScopeError::Malformed), "{scope:?}");
        }
        assert!(ScopeSet::parse("!#[]~ https://api.example/read").is_ok());
    }

    #[test]
    fn sec_x06_length_and_number_are_bounded() {
        assert!(ScopeSet::parse(&vec!["a"; MAX_TOKENS].join(" ")).is_ok());
        assert_eq!(ScopeSet::parse(&vec!["a"; MAX_TOKENS + 1].join(" ")), Err(ScopeError::TooMany));
        assert_eq!(ScopeSet::parse(&vec!["a"; 100_000].join(" ")), Err(ScopeError::TooLong));
        assert!(ScopeSet::parse(&"a".repeat(MAX_LENGTH)).is_ok());
    }

    #[test]
    fn sets_compare_without_order() {
        let (one, two) = (ScopeSet::parse("a b").unwrap(), ScopeSet::parse("b a").unwrap());
        let three = ScopeSet::parse("a b c").unwrap();
        assert_eq!(one, two);
        assert!(one.is_subset_of(&three) && !three.is_subset_of(&one));
        assert_eq!(three.intersection(&two).to_string(), "a b");
        assert_eq!(three.difference(&two).to_string(), "c");
        assert!(ScopeSet::new().is_subset_of(&one));
    }

    #[test]
    fn serde_uses_one_string() {
        let scope = ScopeSet::parse("openid email").unwrap();
        assert_eq!(serde_json::to_string(&scope).unwrap(), "\"openid email\"");
        assert_eq!(serde_json::from_str::<ScopeSet>("\"\"").unwrap(), ScopeSet::new());
        assert!(serde_json::from_str::<ScopeSet>("\"a\\\\\"").is_err());
    }

    #[test]
    fn a_token_can_be_removed() {
        let mut scope = ScopeSet::parse("openid offline_access").unwrap();
        assert!(scope.remove(OFFLINE_ACCESS) && !scope.remove(OFFLINE_ACCESS));
        assert_eq!(scope.insert("a b"), Err(ScopeError::Malformed));
    }
}
