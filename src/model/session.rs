//! A sign-on session of a browser: who signed in, when, and with which factors.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::id::{SessionId, UserId};

/// A factor that was verified in a session.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct VerifiedFactor {
    /// What it adds to `amr` (RFC 8176), for example `pwd`.
    pub amr: Vec<String>,
    /// When it was verified.
    #[serde(with = "time::serde::timestamp::milliseconds")]
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
