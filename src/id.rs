//! Identifiers as types. Generated ones have Okta's form: a prefix of three characters that names
//! the kind, then 17 base62 characters.

use std::fmt;

use time::OffsetDateTime;

use crate::ports::random::Random;

/// `length` random base62 characters.
pub fn base62(random: &dyn Random, length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut out = String::with_capacity(length);
    let mut block = [0_u8; 32];
    while out.len() < length {
        random.fill(&mut block);
        // Bytes of 248 and more would favour the first characters: drop them.
        for &byte in block.iter().filter(|&&byte| byte < 248) {
            if out.len() == length {
                break;
            }
            if let Some(&c) = ALPHABET.get(usize::from(byte % 62)) {
                out.push(char::from(c));
            }
        }
    }
    out
}

/// An id of a request: `req`, the time in milliseconds, random characters. The log is searched by it and grows at its end.
pub fn request_id(random: &dyn Random, now: OffsetDateTime) -> String {
    format!("req{:011x}{}", now.unix_timestamp_nanos() / 1_000_000, base62(random, 13))
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The prefix of generated identifiers.
            pub const PREFIX: &'static str = $prefix;

            /// Wraps an identifier that was stored or given.
            pub fn new(value: impl Into<String>) -> Self {
                Self(value.into())
            }

            /// A fresh identifier.
            pub fn generate(random: &dyn Random) -> Self {
                Self(format!("{}{}", $prefix, base62(random, 17)))
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The identifier as owned text.
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    )*};
}

ids! {
    /// A user.
    UserId = "00u";
    /// A group of users.
    GroupId = "00g";
    /// An OAuth client (`client_id`); may also be chosen by whoever registers the client.
    ClientId = "0oa";
    /// A client secret.
    ClientSecretId = "ocs";
    /// An authorization server; the built-in custom one is called `default`, the org one `org`.
    AuthorizationServerId = "aus";
    /// A scope of an authorization server.
    ScopeId = "scp";
    /// A claim of an authorization server.
    ClaimId = "ocl";
    /// An access policy.
    PolicyId = "00p";
    /// A rule of an access policy.
    RuleId = "0pr";
    /// A trusted origin.
    TrustedOriginId = "tos";
    /// A sign-on session; its public name, `sid` in tokens. The cookie's value is another secret.
    SessionId = "102";
    /// An OAuth grant: what a user or client authorized once, and everything issued from it.
    GrantId = "oag";
    /// A pending authorization request.
    FlowId = "flw";
    /// A device authorization request.
    DeviceCodeId = "dvc";
    /// A consent.
    ConsentId = "cns";
    /// A system log event.
    EventId = "evt";
    /// A message that waits for delivery.
    MessageId = "msg";
    /// A factor; generated ones begin with the prefix of their kind instead.
    FactorId = "fct";
    /// A profile of custom one-time password tokens.
    FactorProfileId = "fpr";
    /// An authentication transaction.
    TransactionId = "txn";
    /// What a device was asked to approve.
    PushTransactionId = "mst";
    /// An API token.
    ApiTokenId = "00T";
    /// A network zone.
    ZoneId = "nzo";
    /// A YubiKey of the installation.
    YubikeyTokenId = "ykk";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::random::SystemRandom;

    #[test]
    fn generated_ids_have_twenty_characters_and_their_prefix() {
        let id = UserId::generate(&SystemRandom);
        assert_eq!(id.as_str().len(), 20);
        assert!(id.as_str().starts_with("00u"));
        assert!(id.as_str().chars().all(|c| c.is_ascii_alphanumeric()));
    }

    #[test]
    fn ids_of_requests_sort_by_time() {
        let at = |seconds| {
            request_id(&SystemRandom, OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(seconds))
        };
        assert_eq!(at(0).len(), 27);
        assert!(at(1) < at(2) && at(2) < at(1_800_000_000));
    }
}
