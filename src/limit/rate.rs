//! Rate-limit buckets, their default budgets, and the headers that tell a caller what is left.
//!
//! Budgets for successful traffic are far above what one address can drive and only stop a flood;
//! budgets for failures are small, because a failure costs an attacker a guess.

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::OffsetDateTime;

use crate::cache::Count;

/// What is counted. Each bucket names its key: the parts a caller passes to [`Bucket::key`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bucket {
    /// Authorization requests per address (RFC 6749 §4.1.1).
    Authorize,
    /// Anonymous authorization requests that wait for a sign-in, per address.
    AuthorizePending,
    /// Pushed authorization requests per address (RFC 9126).
    PushedAuthorization,
    /// Token requests per address (RFC 6749 §3.2).
    Token,
    /// Failed client authentications per client and address (RFC 6749 §2.3.1).
    ClientAuthenticationFailure,
    /// Userinfo requests per address (OpenID Connect Core §5.3).
    Userinfo,
    /// Introspection requests per address (RFC 7662).
    Introspect,
    /// Revocation requests per address (RFC 7009).
    Revoke,
    /// Device authorization requests per address (RFC 8628 §3.1).
    DeviceAuthorization,
    /// User codes tried per address (RFC 8628 §5.1).
    UserCode,
    /// Client registrations per address (RFC 7591).
    Registration,
    /// Sign-in attempts per address, of the pages and of the Authentication API.
    SignIn,
    /// Sign-in attempts per username.
    SignInUsername,
    /// Failed sign-ins per address.
    SignInFailure,
    /// Account recovery requests per address.
    Recovery,
    /// Administrative API requests per token.
    Management,
    /// Discovery and key documents; never limited, because they are prebuilt bytes.
    Documents,
}

impl Bucket {
    /// Every bucket, in the order of the documentation.
    pub const ALL: [Self; 17] = [
        Self::Authorize,
        Self::AuthorizePending,
        Self::PushedAuthorization,
        Self::Token,
        Self::ClientAuthenticationFailure,
        Self::Userinfo,
        Self::Introspect,
        Self::Revoke,
        Self::DeviceAuthorization,
        Self::UserCode,
        Self::Registration,
        Self::SignIn,
        Self::SignInUsername,
        Self::SignInFailure,
        Self::Recovery,
        Self::Management,
        Self::Documents,
    ];

    /// The bucket's name in settings and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::AuthorizePending => "authorize_pending",
            Self::PushedAuthorization => "pushed_authorization",
            Self::Token => "token",
            Self::ClientAuthenticationFailure => "client_authentication_failure",
            Self::Userinfo => "userinfo",
            Self::Introspect => "introspect",
            Self::Revoke => "revoke",
            Self::DeviceAuthorization => "device_authorization",
            Self::UserCode => "user_code",
            Self::Registration => "registration",
            Self::SignIn => "sign_in",
            Self::SignInUsername => "sign_in_username",
            Self::SignInFailure => "sign_in_failure",
            Self::Recovery => "recovery",
            Self::Management => "management",
            Self::Documents => "documents",
        }
    }

    /// The budget unless the settings say otherwise; `None` is no limit.
    pub fn default_rate(self) -> Option<Rate> {
        match self {
            // Ten times what one machine can answer (100,000 requests/s), to stop nothing but a flood.
            Self::Authorize
            | Self::PushedAuthorization
            | Self::Token
            | Self::Userinfo
            | Self::Introspect
            | Self::Revoke
            | Self::Management => Some(Rate::per_minute(60_000_000)),
            // Each one leaves a row for up to 15 minutes.
            Self::AuthorizePending => Some(Rate { limit: 10_000, window: Duration::from_secs(900) }),
            Self::DeviceAuthorization => Some(Rate::per_minute(60_000)),
            // Password hashing admits about 110 sign-ins per second; ten times that.
            Self::SignIn => Some(Rate::per_minute(66_000)),
            Self::SignInUsername => Some(Rate { limit: 4, window: Duration::from_secs(1) }),
            Self::SignInFailure => Some(Rate::per_minute(300)),
            Self::ClientAuthenticationFailure | Self::Recovery => Some(Rate::per_minute(60)),
            Self::UserCode => Some(Rate::per_minute(10)),
            Self::Registration => Some(Rate::per_minute(6_000)),
            Self::Documents => None,
        }
    }

    /// Where the bucket is counted.
    pub fn scope(self) -> Scope {
        match self {
            // Guesses: an attacker must not get one budget per node.
            Self::ClientAuthenticationFailure
            | Self::UserCode
            | Self::Registration
            | Self::SignIn
            | Self::SignInUsername
            | Self::SignInFailure
            | Self::Recovery
            | Self::AuthorizePending => Scope::Cluster,
            // Floods: a budget per node is as good and costs no round trip.
            Self::Authorize
            | Self::PushedAuthorization
            | Self::Token
            | Self::Userinfo
            | Self::Introspect
            | Self::Revoke
            | Self::DeviceAuthorization
            | Self::Management
            | Self::Documents => Scope::Node,
        }
    }

    /// The counter's key. Parts are canonical: an [`address`], a client id, a user id, never what was typed.
    pub fn key(self, parts: &[&str]) -> String {
        let mut key = String::from(self.name());
        for part in parts {
            // The length keeps ("a:b", "c") and ("a", "b:c") apart.
            key.extend([":", &part.len().to_string(), ":", part]);
        }
        key
    }
}

/// Whether nodes share a counter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Each node counts for itself.
    Node,
    /// All nodes count together when a shared cache is configured.
    Cluster,
}

/// A budget: so many hits per window. Written `60/1m` in settings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// Hits allowed per window.
    pub limit: u32,
    /// The window's length.
    pub window: Duration,
}

impl Rate {
    /// So many hits per minute.
    pub const fn per_minute(limit: u32) -> Self {
        Self { limit, window: Duration::from_secs(60) }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}s", self.limit, self.window.as_secs())
    }
}

impl std::str::FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str =
            "expected hits per seconds, minutes or hours, like \"4/1s\", \"60/1m\" or \"1000/1h\"";
        let (limit, window) = text.split_once('/').ok_or(EXPECTED)?;
        let (amount, unit) =
            window.trim().split_at_checked(window.trim().len().wrapping_sub(1)).ok_or(EXPECTED)?;
        let unit = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(EXPECTED),
        };
        let limit = limit.trim().parse().map_err(|_| EXPECTED)?;
        let amount: u32 = amount.parse().map_err(|_| EXPECTED)?;
        if limit == 0 || amount == 0 || amount > 86_400 {
            return Err(EXPECTED);
        }
        Ok(Self { limit, window: Duration::from_secs(u64::from(amount) * unit) })
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The budgets in force: the defaults with what the settings replace.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rates(BTreeMap<Bucket, Rate>);

impl Rates {
    /// The budget of a bucket; `None` is no limit.
    pub fn of(&self, bucket: Bucket) -> Option<Rate> {
        self.0.get(&bucket).copied().or_else(|| bucket.default_rate())
    }

    /// Replaces the budget of a bucket.
    pub fn set(&mut self, bucket: Bucket, rate: Rate) {
        self.0.insert(bucket, rate);
    }
}

/// An address as part of a key: IPv4 as it is, IPv6 cut to its /64, the smallest network one caller owns.
pub fn address(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).to_string(),
    }
}

/// Okta's rate-limit headers (`X-Rate-Limit-Limit`, `-Remaining`, `-Reset`), the last in seconds since the epoch.
pub fn headers(count: &Count) -> [(&'static str, i64); 3] {
    [
        ("x-rate-limit-limit", i64::from(count.limit)),
        ("x-rate-limit-remaining", i64::from(count.remaining)),
        ("x-rate-limit-reset", count.reset_at_unix),
    ]
}

/// Whole seconds until the budget is fresh again, at least 1: the value of `Retry-After` (RFC 9110 §10.2.3).
pub fn retry_after(count: &Count, now: OffsetDateTime) -> i64 {
    count.reset_at_unix.saturating_sub(now.unix_timestamp()).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bucket_is_listed_once_under_its_settings_name() {
        let mut names: Vec<_> = Bucket::ALL.iter().map(|bucket| bucket.name()).collect();
        for bucket in Bucket::ALL {
            assert_eq!(serde_json::to_value(bucket).unwrap(), bucket.name());
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Bucket::ALL.len());
    }

    #[test]
    fn success_budgets_are_ten_times_the_machine_and_failure_budgets_are_small() {
        assert!(Bucket::Token.default_rate().unwrap().limit >= 10 * 60 * 100_000);
        assert_eq!(Bucket::ClientAuthenticationFailure.default_rate(), Some(Rate::per_minute(60)));
        assert_eq!(Bucket::SignInUsername.default_rate().unwrap().limit, 4);
        assert_eq!(Bucket::Documents.default_rate(), None);
    }

    #[test]
    fn key_parts_cannot_be_shifted() {
        assert_ne!(Bucket::Token.key(&["a:b", "c"]), Bucket::Token.key(&["a", "b:c"]));
    }

    #[test]
    fn ipv6_callers_are_counted_by_their_network() {
        let of = |text: &str| address(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
    }

    #[test]
    fn rates_are_read_and_refused() {
        assert_eq!("60/1m".parse(), Ok(Rate::per_minute(60)));
        assert_eq!("4/1s".parse::<Rate>().unwrap().to_string(), "4/1s");
        for bad in ["", "60", "/", "60/", "0/1m", "5/0s", "5/1x", "-1/1m", "5/1é"] {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
    }

    #[test]
    fn sec_n07_headers_and_retry_after_tell_when_to_come_back() {
        let count = Count { limit: 4, remaining: 0, reset_at_unix: 1_010, exceeded: true };
        let now = OffsetDateTime::from_unix_timestamp(1_000).unwrap();
        assert_eq!(headers(&count)[2], ("x-rate-limit-reset", 1_010));
        assert_eq!(retry_after(&count, now), 10);
        assert_eq!(retry_after(&Count { reset_at_unix: 999, ..count }, now), 1);
    }
}
