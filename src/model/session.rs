//! A sign-on session of a browser: who signed in, when, and with which factors.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::{
    factor::{Factor, FactorClass},
    user::Holder,
};
use crate::{
    id::{FactorId, SessionId, UserId},
    protocol::amr::Amr,
};

/// A factor that was verified in a session.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct VerifiedFactor {
    /// What it adds to `amr` (RFC 8176), for example `pwd`.
    pub amr: Vec<String>,
    /// When it was verified.
    #[serde(with = "milliseconds")]
    pub at: OffsetDateTime,
    /// Which factor of the user it was; absent: the password, or a backup code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor_id: Option<FactorId>,
}

impl VerifiedFactor {
    /// A password.
    pub fn password(at: OffsetDateTime) -> Self {
        Self { amr: vec![Amr::Pwd.as_str().to_owned()], at, factor_id: None }
    }

    /// A factor beside the password.
    pub fn factor(factor: &Factor, at: OffsetDateTime) -> Self {
        Self::shown(factor, factor.amr(), at)
    }

    /// The same by a verification that showed this.
    pub fn shown(factor: &Factor, amr: &[Amr], at: OffsetDateTime) -> Self {
        let amr = amr.iter().map(|method| method.as_str().to_owned()).collect();
        Self { amr, at, factor_id: Some(factor.id.clone()) }
    }

    /// A recovery or bypass code of the user, which is no factor by itself (Okta's backup codes): one time, as `otp`.
    pub fn backup_code(at: OffsetDateTime) -> Self {
        Self { amr: vec![Amr::Otp.as_str().to_owned()], at, factor_id: None }
    }

    /// Whether it is a factor beside the password, or a code in place of one.
    pub fn is_beside_password(&self) -> bool {
        self.factor_id.is_some() || self.amr == [Amr::Otp.as_str()]
    }

    /// Whether it was evidence of this kind. An authenticator that found out that it was the user is of both: a key that
    /// somebody has, opened by what the user knows or is (NIST SP 800-63B-4 §3.1.7).
    pub fn is_of(&self, class: FactorClass) -> bool {
        let shows = |methods: &[Amr]| {
            self.amr.iter().any(|method| methods.iter().any(|known| known.as_str() == method))
        };
        let knows = shows(&[Amr::Pwd, Amr::Kba, Amr::Pin]);
        match class {
            FactorClass::Knowledge => knows || shows(&[Amr::User]) && shows(&[Amr::Pop]),
            FactorClass::Possession => !knows,
        }
    }
}

/// The methods that were used, each once, in order of first use, with `mfa` when there was more than one class of evidence
/// (RFC 8176 §2).
pub fn amr_of(factors: &[VerifiedFactor]) -> Vec<String> {
    let mut amr: Vec<String> = Vec::new();
    for method in factors.iter().flat_map(|factor| &factor.amr) {
        if !amr.contains(method) {
            amr.push(method.clone());
        }
    }
    let classes = |class| factors.iter().any(|factor| factor.is_of(class));
    if classes(FactorClass::Knowledge) && classes(FactorClass::Possession) {
        amr.push(Amr::Mfa.as_str().to_owned());
    }
    amr
}

/// What a session has to show after new proofs: each takes the place of an older one by the same factor.
pub fn with_proofs(before: &[VerifiedFactor], now: &[VerifiedFactor]) -> Vec<VerifiedFactor> {
    let replaced =
        |old: &VerifiedFactor| now.iter().any(|new| new.factor_id == old.factor_id && new.amr == old.amr);
    before.iter().filter(|old| !replaced(old)).chain(now).cloned().collect()
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
    /// How long it lives without use; absent: as the installation says.
    pub idle_lifetime: Option<Duration>,
    /// Whether its cookie outlives the browser.
    pub cookie: CookieLifetime,
    /// The version of the global session policy whose factor a remembered browser stood for when the user signed in.
    pub remembered: Option<String>,
}

/// How long the cookie of a session is kept by the browser.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CookieLifetime {
    /// Until it is closed.
    #[default]
    Browser,
    /// As long as the session lives.
    Session,
}

impl Session {
    /// When it ends without further use; `usual` is how long a session lives without use unless policy says otherwise.
    pub fn idle_end(&self, usual: Duration) -> OffsetDateTime {
        self.last_seen_at + self.idle_lifetime.unwrap_or(usual)
    }

    /// Whether the session still counts for its user, who may have been suspended, or cut off, since it began.
    pub fn counts_for(&self, user: &Holder) -> bool {
        user.is_active() && self.outlives(user.not_before)
    }

    /// Whether it began after its user was last cut off.
    pub fn outlives(&self, not_before: OffsetDateTime) -> bool {
        self.created_at > not_before
    }

    /// The methods that were used (see [`amr_of`]).
    pub fn amr(&self) -> Vec<String> {
        amr_of(&self.factors)
    }
}

/// Milliseconds as `i64`. The `time` crate's own form is an `i128`, which serde can't read inside of a tagged
/// enum.
pub(crate) mod milliseconds {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _, ser::Error as _};
    use time::OffsetDateTime;

    pub(crate) fn serialize<S: Serializer>(at: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
        let milliseconds = at.unix_timestamp_nanos() / 1_000_000;
        serializer.serialize_i64(i64::try_from(milliseconds).map_err(S::Error::custom)?)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
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
        let factor = VerifiedFactor::password(at);
        let stored = serde_json::to_value(&factor).unwrap();
        assert_eq!(stored, serde_json::json!({ "amr": ["pwd"], "at": 1_767_323_045_678_i64 }));
        assert_eq!(serde_json::from_value::<VerifiedFactor>(stored).unwrap(), factor);
    }
}
