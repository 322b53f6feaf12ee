//! What must have been proved before somebody goes on: levels of assurance, and which proofs count for them.
//!
//! Knows nothing of OAuth: an authorization request is one of several that ask; a transaction of the Authentication API is
//! what answers.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{
    factor::FactorClass,
    session::{VerifiedFactor, milliseconds},
};
use crate::protocol::{acr::Acr, amr::Amr};

/// Which proofs of a session count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Freshness {
    /// All of them.
    Session,
    /// Those that are no older than this moment.
    Since(#[serde(with = "milliseconds")] OffsetDateTime),
    /// None: everything must be proved anew.
    Now,
}

impl Freshness {
    fn counts(self, factor: &VerifiedFactor) -> bool {
        match self {
            Self::Session => true,
            Self::Since(moment) => factor.at >= moment,
            Self::Now => false,
        }
    }
}

/// A level of assurance, and which proofs count for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Assurance {
    /// The level.
    pub acr: Acr,
    /// What counts.
    pub fresh: Freshness,
}

/// What has to be proved next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Missing {
    /// Nothing.
    Nothing,
    /// A factor of possession, beside what is known already.
    Possession,
    /// The password: nothing that counts was proved, or possession alone.
    Password,
}

impl Assurance {
    /// A level that any proof of the session counts for.
    pub fn of_session(acr: Acr) -> Self {
        Self { acr, fresh: Freshness::Session }
    }

    /// What is missing, given the proofs of a session and those that were made just now, which always count.
    pub fn missing(&self, session: &[VerifiedFactor], now: &[VerifiedFactor]) -> Missing {
        let counted = || session.iter().filter(|factor| self.fresh.counts(factor)).chain(now);
        let class = |class| counted().any(|factor| factor.is_of(class));
        let knows = class(FactorClass::Knowledge);
        match self.acr {
            Acr::OneFactorAny if counted().next().is_some() => Missing::Nothing,
            Acr::OneFactorPassword if counted().any(has_password) => Missing::Nothing,
            Acr::OneFactorAny | Acr::OneFactorPassword => Missing::Password,
            Acr::TwoFactorAny | Acr::TwoFactorAnyIfPossible => {
                match (knows, class(FactorClass::Possession)) {
                    (true, true) => Missing::Nothing,
                    (true, false) => Missing::Possession,
                    (false, _) => Missing::Password,
                }
            }
            Acr::PhishingResistant | Acr::PhishingResistantHardware => {
                let earned: Vec<Amr> = counted()
                    .flat_map(|factor| &factor.amr)
                    .filter_map(|method| method.parse().ok())
                    .collect();
                match (self.acr.satisfied_by(&earned), earned.is_empty()) {
                    (true, _) => Missing::Nothing,
                    (false, true) => Missing::Password,
                    (false, false) => Missing::Possession,
                }
            }
        }
    }
}

fn has_password(factor: &VerifiedFactor) -> bool {
    factor.amr.iter().any(|method| method == Amr::Pwd.as_str())
}

/// Everything that must have been proved (RFC 9470 §2); empty: nothing beyond what signing in takes anyway.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AuthenticationRequirement(Vec<Assurance>);

impl AuthenticationRequirement {
    /// Adds what must have been proved, too.
    #[must_use]
    pub fn and(mut self, assurance: Assurance) -> Self {
        if !self.0.contains(&assurance) {
            self.0.push(assurance);
        }
        self
    }

    /// Its parts.
    pub fn all(&self) -> &[Assurance] {
        &self.0
    }

    /// What has to be proved next, given the proofs of a session and those that were made just now.
    pub fn missing(&self, session: &[VerifiedFactor], now: &[VerifiedFactor]) -> Missing {
        self.0.iter().map(|part| part.missing(session, now)).max().unwrap_or(Missing::Nothing)
    }
}

#[cfg(test)]
mod tests {
    use time::{Duration, macros::datetime};

    use super::*;

    const NOON: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

    fn proof(amr: &str, minutes: i64) -> VerifiedFactor {
        VerifiedFactor { amr: vec![amr.to_owned()], at: NOON + Duration::minutes(minutes), factor_id: None }
    }

    #[test]
    fn what_is_missing_depends_on_classes_and_ages() {
        let since = |minutes| Freshness::Since(NOON + Duration::minutes(minutes));
        let (pwd, sms, kba) = (|at| proof("pwd", at), |at| proof("sms", at), |at| proof("kba", at));
        let cases: [(Acr, Freshness, Vec<VerifiedFactor>, Missing); 14] = [
            (Acr::OneFactorAny, Freshness::Session, vec![], Missing::Password),
            (Acr::OneFactorAny, Freshness::Session, vec![sms(0)], Missing::Nothing),
            (Acr::OneFactorPassword, Freshness::Session, vec![sms(0), kba(0)], Missing::Password),
            (Acr::OneFactorPassword, Freshness::Session, vec![pwd(0)], Missing::Nothing),
            (Acr::TwoFactorAny, Freshness::Session, vec![pwd(0)], Missing::Possession),
            // Two of one class are one factor.
            (Acr::TwoFactorAny, Freshness::Session, vec![pwd(0), kba(0)], Missing::Possession),
            (Acr::TwoFactorAny, Freshness::Session, vec![sms(0)], Missing::Password),
            (Acr::TwoFactorAny, Freshness::Session, vec![pwd(0), sms(0)], Missing::Nothing),
            (Acr::TwoFactorAny, since(0), vec![pwd(0), sms(0)], Missing::Nothing),
            (Acr::TwoFactorAny, since(1), vec![pwd(1), sms(0)], Missing::Possession),
            (Acr::TwoFactorAny, since(1), vec![pwd(0), sms(1)], Missing::Password),
            (Acr::TwoFactorAny, Freshness::Now, vec![pwd(9), sms(9)], Missing::Password),
            (Acr::PhishingResistant, Freshness::Session, vec![pwd(0), sms(0)], Missing::Possession),
            (Acr::PhishingResistantHardware, Freshness::Session, vec![], Missing::Password),
        ];
        for (acr, fresh, factors, missing) in cases {
            assert_eq!(
                Assurance { acr, fresh }.missing(&factors, &[]),
                missing,
                "{acr} {fresh:?} {factors:?}"
            );
        }
    }

    #[test]
    fn what_was_proved_just_now_always_counts() {
        let all = AuthenticationRequirement::default()
            .and(Assurance { acr: Acr::TwoFactorAny, fresh: Freshness::Now })
            .and(Assurance::of_session(Acr::OneFactorAny));
        assert_eq!(all.missing(&[proof("pwd", 0), proof("otp", 0)], &[]), Missing::Password);
        assert_eq!(all.missing(&[proof("otp", 0)], &[proof("pwd", 1)]), Missing::Possession);
        assert_eq!(all.missing(&[], &[proof("pwd", 1), proof("otp", 2)]), Missing::Nothing);
        assert_eq!(AuthenticationRequirement::default().missing(&[], &[]), Missing::Nothing);
    }

    #[test]
    fn a_requirement_survives_its_storage() {
        let moment = Freshness::Since(NOON);
        let wanted = AuthenticationRequirement::default()
            .and(Assurance { acr: Acr::TwoFactorAny, fresh: moment })
            .and(Assurance::of_session(Acr::OneFactorAny));
        let stored = serde_json::to_string(&wanted).unwrap();
        assert_eq!(serde_json::from_str::<AuthenticationRequirement>(&stored).unwrap(), wanted);
    }
}
