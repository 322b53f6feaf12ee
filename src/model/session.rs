//! A sign-on session of a browser: who signed in, when, and with which factors.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::user::Holder;
use crate::id::{SessionId, UserId};

/// A factor that was verified in a session.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct VerifiedFactor {
    /// What it adds to `amr` (RFC 8176), for example `pwd`.
    pub amr: Vec<String>,
    /// When it was verified.
    #[serde(with = "milliseconds")]
    pub at: OffsetDateTime,
}

/// A sign-on session. The cookie that opens it is a secret that only its hash is kept of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// `sid` in tokens.
    pub id: SessionId,
    /// Who signed in.
    pub user_id: UserId,
    /// When credentials were last verified (`auth_time`, OpenID Connect Core §2).
    pub auth_time: OffsetDateTime,
    /// The factors that were verified.
    pub factors: Vec<VerifiedFactor>,
    /// When it began.
    pub created_at: OffsetDateTime,
    /// When it was last used, to the minute.
    pub last_seen_at: OffsetDateTime,
    /// Its absolute end.
    pub expires_at: OffsetDateTime,
    /// When it was ended.
    pub ended_at: Option<OffsetDateTime>,
}

impl Session {
    /// Whether the session still counts for its user, who may have been suspended, or cut off, since it began.
    pub fn counts_for(&self, user: &Holder) -> bool {
        user.is_active() && self.created_at > user.not_before
    }

    /// The methods used, each once, in order of first use (RFC 8176).
    pub fn amr(&self) -> Vec<String> {
        let mut amr: Vec<String> = Vec::new();
        for method in self.factors.iter().flat_map(|factor| &factor.amr) {
            if !amr.contains(method) {
                amr.push(method.clone());
            }
        }
        amr
    }
}

/// Milliseconds as `i64`. The `time` crate's own form is an `i128`, which serde can't read inside of a tagged
/// enum.
mod milliseconds {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _, ser::Error as _};
    use time::OffsetDateTime;

    pub(super) fn serialize<S: Serializer>(at: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
        let milliseconds = at.unix_timestamp_nanos() / 1_000_000;
        serializer.serialize_i64(i64::try_from(milliseconds).map_err(S::Error::custom)?)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<OffsetDateTime, D::Error> {
        let milliseconds = i64::deserialize(deserializer)?;
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000)
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_factor_keeps_its_time_to_the_millisecond() {
        let at = datetime!(2026-01-02 03:04:05.678 UTC);
        let factor = VerifiedFactor { amr: vec!["pwd".to_owned()], at };
        let stored = serde_json::to_value(&factor).unwrap();
        assert_eq!(stored, serde_json::json!({ "amr": ["pwd"], "at": 1_767_323_045_678_i64 }));
        assert_eq!(serde_json::from_value::<VerifiedFactor>(stored).unwrap(), factor);
    }
}
