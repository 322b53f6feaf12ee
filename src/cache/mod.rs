//! What is remembered for speed and may be lost: counters. Losing a cache loses speed and counts shared
//! between nodes, never a security decision.

use std::time::Duration;

use futures_util::future::BoxFuture;
use time::OffsetDateTime;

pub mod clients;
pub mod documents;
pub mod memory;
pub mod origins;
pub mod policies;
pub mod redis;
pub mod remote_jwks;
pub mod request_objects;
pub mod servers;
pub mod snapshot;

/// Counts hits per key in fixed windows that start at multiples of the window since the epoch.
pub trait Counter: Send + Sync {
    /// Counts one hit and says what is left.
    fn hit<'a>(
        &'a self,
        key: &'a str,
        limit: u32,
        window: Duration,
        now: OffsetDateTime,
    ) -> BoxFuture<'a, Count>;

    /// Says whether a further hit would be one too many, without counting one.
    fn peek<'a>(
        &'a self,
        key: &'a str,
        limit: u32,
        window: Duration,
        now: OffsetDateTime,
    ) -> BoxFuture<'a, Count>;
}

/// The state of one counter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Count {
    /// Hits allowed in the window.
    pub limit: u32,
    /// Hits left in the window.
    pub remaining: u32,
    /// When the window ends, in seconds since the epoch, rounded up.
    pub reset_at_unix: i64,
    /// Whether the hit was one too many (of `peek`: whether the next one would be).
    pub exceeded: bool,
}

impl Count {
    /// One with nothing left until then.
    pub fn used_up(limit: u32, until: OffsetDateTime) -> Self {
        Self { limit, remaining: 0, reset_at_unix: until.unix_timestamp().saturating_add(1), exceeded: true }
    }
}

/// Whether a call counts a hit or only looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Access {
    Hit,
    Peek,
}

impl Count {
    fn of(access: Access, used: u32, limit: u32, slot: Slot) -> Self {
        let exceeded = match access {
            Access::Hit => used > limit,
            Access::Peek => used >= limit,
        };
        Self { limit, remaining: limit.saturating_sub(used), reset_at_unix: slot.reset_at_unix(), exceeded }
    }
}

/// One window of time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Slot {
    index: i64,
    start_ms: i64,
    end_ms: i64,
}

impl Slot {
    fn at(now: OffsetDateTime, window: Duration) -> Self {
        let now_ms = i64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX / 2);
        let window_ms = i64::try_from(window.as_millis()).unwrap_or(i64::MAX / 4).max(1);
        let index = now_ms.div_euclid(window_ms);
        let start_ms = index.saturating_mul(window_ms);
        Self { index, start_ms, end_ms: start_ms.saturating_add(window_ms) }
    }

    fn reset_at_unix(self) -> i64 {
        self.end_ms.saturating_add(999).div_euclid(1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_ends_at_the_next_multiple_of_its_window() {
        let now = OffsetDateTime::from_unix_timestamp(125).unwrap();
        let slot = Slot::at(now, Duration::from_secs(60));
        assert_eq!((slot.index, slot.reset_at_unix()), (2, 180));
        assert_eq!(Slot::at(now, Duration::from_millis(1500)).reset_at_unix(), 126);
    }

    #[test]
    fn the_hit_after_the_last_allowed_one_is_exceeded_and_peek_sees_it_coming() {
        let slot = Slot { index: 0, start_ms: 0, end_ms: 1000 };
        assert!(!Count::of(Access::Hit, 3, 3, slot).exceeded);
        assert!(Count::of(Access::Hit, 4, 3, slot).exceeded);
        assert!(Count::of(Access::Peek, 3, 3, slot).exceeded);
        assert!(!Count::of(Access::Peek, 2, 3, slot).exceeded);
    }
}
