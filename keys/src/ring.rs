//! The life of a signing key: published, signing, retired, gone (OpenID Connect Core §10.1.1).
//!
//! A ring is the list of keys of one issuer and one algorithm. It holds no key material: `kid` leads to it.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::Algorithm;

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// Published, not signing yet.
    Next,
    /// Published and signing. Exactly one key of a ring is active.
    Active,
    /// Published for the sake of tokens that still live, signing no more.
    Retired,
    /// Neither published nor signing.
    Gone,
}

impl KeyState {
    const ALL: [Self; 4] = [Self::Next, Self::Active, Self::Retired, Self::Gone];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Gone => "gone",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// One key of a ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// The key identifier.
    pub kid: String,
    /// The algorithm the key is bound to.
    pub algorithm: Algorithm,
    /// Where the key stands.
    pub state: KeyState,
    /// When the key was made.
    pub created_at: OffsetDateTime,
    /// When the key first appeared in the JWK Set.
    pub published_at: OffsetDateTime,
    /// When a next key is to become active, if that was ordered ahead of the plan.
    pub activate_at: Option<OffsetDateTime>,
    /// When the key began to sign.
    pub activated_at: Option<OffsetDateTime>,
    /// When the key ceased to sign.
    pub retired_at: Option<OffsetDateTime>,
    /// When the key leaves the JWK Set, or left it.
    pub remove_at: Option<OffsetDateTime>,
}

impl KeyRecord {
    /// A key that is published from now on and does not sign yet.
    pub fn next(
        kid: String,
        algorithm: Algorithm,
        activate_at: Option<OffsetDateTime>,
        now: OffsetDateTime,
    ) -> Self {
        Self {
            kid,
            algorithm,
            state: KeyState::Next,
            created_at: now,
            published_at: now,
            activate_at,
            activated_at: None,
            retired_at: None,
            remove_at: None,
        }
    }

    /// A key that is published and signs from now on.
    pub fn active(kid: String, algorithm: Algorithm, now: OffsetDateTime) -> Self {
        let mut record = Self::next(kid, algorithm, None, now);
        record.activate(now);
        record
    }

    /// The key signs from now on.
    pub fn activate(&mut self, now: OffsetDateTime) {
        self.state = KeyState::Active;
        self.activate_at = None;
        self.activated_at = Some(now);
    }

    /// The key signs no more and stays published for `retain`.
    pub fn retire(&mut self, now: OffsetDateTime, retain: Duration) {
        self.state = KeyState::Retired;
        self.retired_at = Some(now);
        self.remove_at = Some(now.saturating_add(retain));
    }

    /// The key is published no more.
    pub fn remove(&mut self, now: OffsetDateTime) {
        self.state = KeyState::Gone;
        self.activate_at = None;
        self.remove_at = Some(now);
    }

    /// Whether the key belongs in the JWK Set.
    pub fn is_published(&self) -> bool {
        match self.state {
            KeyState::Next | KeyState::Active | KeyState::Retired => true,
            KeyState::Gone => false,
        }
    }
}

/// The key that signs.
pub fn active(ring: &[KeyRecord]) -> Option<&KeyRecord> {
    ring.iter().filter(|record| record.state == KeyState::Active).max_by_key(|record| record.activated_at)
}

/// The key that will sign next.
pub fn next(ring: &[KeyRecord]) -> Option<&KeyRecord> {
    ring.iter().filter(|record| record.state == KeyState::Next).min_by_key(|record| record.published_at)
}

/// The keys of the JWK Set in the order of publication: active, next, retired ones latest first.
pub fn published(ring: &[KeyRecord]) -> Vec<&KeyRecord> {
    let rank = |record: &KeyRecord| match record.state {
        KeyState::Active => 0,
        KeyState::Next => 1,
        KeyState::Retired => 2,
        KeyState::Gone => 3,
    };
    let mut keys: Vec<_> = ring.iter().filter(|record| record.is_published()).collect();
    keys.sort_by_key(|record| (rank(record), std::cmp::Reverse(record.retired_at), record.kid.as_str()));
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    #[test]
    fn the_active_key_is_published_first_and_a_gone_one_not_at_all() {
        let key = |kid: &str| KeyRecord::next(kid.to_owned(), Algorithm::Rs256, None, START);
        let mut early = key("early");
        early.retire(START, Duration::DAY);
        let mut late = key("late");
        late.retire(START + Duration::HOUR, Duration::DAY);
        let mut gone = key("gone");
        gone.remove(START);
        let mut active = key("active");
        active.activate(START);
        let ring = [early, late, gone, key("next"), active];
        let kids: Vec<_> = published(&ring).into_iter().map(|record| record.kid.as_str()).collect();
        assert_eq!(kids, ["active", "next", "late", "early"]);
    }
}
