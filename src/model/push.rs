//! What a device is asked to approve (`push`, `OKTA`), and what becomes of it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::id::{FactorId, PushTransactionId};

/// How long a device can answer (Okta: about five minutes).
pub const LIFETIME: Duration = Duration::minutes(5);
/// How long after that an approval that came in time can still be used by whoever waits for it.
const GRACE: Duration = Duration::MINUTE;

/// What is stored of the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PushState {
    /// There is none.
    Waiting,
    /// The device approved.
    Approved,
    /// The device denied, or showed that it does not know the number.
    Rejected,
    /// Whoever asked took it back, or asked anew.
    Cancelled,
}

impl PushState {
    /// How it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Reads what was stored.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Waiting, Self::Approved, Self::Rejected, Self::Cancelled]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// Okta's `factorResult` of a push.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PushResult {
    /// The device has not answered.
    Waiting,
    /// It approved.
    Success,
    /// It denied.
    Rejected,
    /// It was too late.
    Timeout,
    /// Whoever asked took it back, or asked anew.
    Cancelled,
}

impl PushResult {
    /// Okta's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::Success => "SUCCESS",
            Self::Rejected => "REJECTED",
            Self::Timeout => "TIMEOUT",
            Self::Cancelled => "CANCELLED",
        }
    }
}

/// The number that is shown where the sign-in happens, among those that the device shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Numbers {
    /// The right one.
    pub correct: u8,
    /// All three.
    pub shown: [u8; 3],
}

/// What a device was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PushTransaction {
    /// `mst…`
    pub id: PushTransactionId,
    /// The factor that is the device.
    pub factor_id: FactorId,
    /// What the approval counts for.
    pub purpose: String,
    /// The answer.
    pub state: PushState,
    /// What is to be compared; absent: policy asks for an approval only.
    pub numbers: Option<Numbers>,
    /// What the user signs in to.
    pub application: Option<String>,
    /// The address of whoever asks.
    pub ip: Option<IpAddr>,
    /// Their user agent.
    pub user_agent: Option<String>,
    /// When it was asked.
    pub created_at: OffsetDateTime,
    /// Until when it can be answered.
    pub expires_at: OffsetDateTime,
    /// Whether its end was told to whoever waits.
    pub told: bool,
    /// Whether the approval was used.
    pub consumed: bool,
}

impl PushTransaction {
    /// What has become of it.
    pub fn result(&self, now: OffsetDateTime) -> PushResult {
        match self.state {
            PushState::Waiting if now < self.expires_at => PushResult::Waiting,
            PushState::Approved if now < self.usable_until() => PushResult::Success,
            PushState::Waiting | PushState::Approved => PushResult::Timeout,
            PushState::Rejected => PushResult::Rejected,
            PushState::Cancelled => PushResult::Cancelled,
        }
    }

    /// Until when an approval that came in time can be used.
    pub fn usable_until(&self) -> OffsetDateTime {
        self.expires_at + GRACE
    }

    /// The number to show where the sign-in happens, as long as there is something to compare it with.
    pub fn correct_answer(&self, now: OffsetDateTime) -> Option<u8> {
        let waits = self.result(now) == PushResult::Waiting;
        self.numbers.filter(|_| waits).map(|numbers| numbers.correct)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Security checklist P4: a state is one of five, and time ends what waits.
    #[test]
    fn time_ends_what_waits_and_what_was_not_used() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let mut asked = PushTransaction {
            id: PushTransactionId::new("mst1"),
            factor_id: FactorId::new("opf1"),
            purpose: "api".to_owned(),
            state: PushState::Waiting,
            numbers: Some(Numbers { correct: 12, shown: [10, 12, 99] }),
            application: None,
            ip: None,
            user_agent: None,
            created_at: now,
            expires_at: now + LIFETIME,
            told: false,
            consumed: false,
        };
        let minutes = |minutes| now + Duration::minutes(minutes);
        assert_eq!(asked.result(now), PushResult::Waiting);
        assert_eq!(asked.correct_answer(now), Some(12));
        assert_eq!(asked.result(minutes(5)), PushResult::Timeout);
        assert_eq!(asked.correct_answer(minutes(5)), None);
        asked.state = PushState::Approved;
        assert_eq!(asked.result(minutes(5)), PushResult::Success);
        assert_eq!(asked.result(minutes(6)), PushResult::Timeout);
        for state in [PushState::Rejected, PushState::Cancelled] {
            asked.state = state;
            assert_eq!(asked.result(minutes(9)).as_str(), state.as_str());
            assert_eq!(PushState::parse(state.as_str()), Some(state));
        }
    }
}
