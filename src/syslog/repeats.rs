//! Repeated failures of anonymous callers: one event per key and minute, carrying how many like it came before, so that
//! guessing cannot flood the log or the disk.

use std::time::Duration;

use moka::sync::Cache;
use time::OffsetDateTime;

/// What is remembered of one kind of failure.
#[derive(Clone, Copy)]
struct Seen {
    minute: i64,
    unlogged: u32,
}

/// Which failures were logged within the current minute.
pub struct Repeats(Cache<String, Seen>);

impl Default for Repeats {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(10_000).time_to_idle(Duration::from_secs(600)).build())
    }
}

impl Repeats {
    /// Notes a failure. The first of a minute is to be logged, with the count of those that were not since; the others
    /// wait for it.
    pub fn note(&self, key: &str, now: OffsetDateTime) -> Option<u32> {
        let minute = now.unix_timestamp().div_euclid(60);
        let mut times = None;
        self.0.entry_by_ref(key).and_upsert_with(|entry| match entry.map(moka::Entry::into_value) {
            Some(seen) if seen.minute == minute => Seen { minute, unlogged: seen.unlogged.saturating_add(1) },
            Some(seen) => {
                times = Some(seen.unlogged.saturating_add(1));
                Seen { minute, unlogged: 0 }
            }
            None => {
                times = Some(1);
                Seen { minute, unlogged: 0 }
            }
        });
        times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_a_minute_carries_the_count_of_the_silent_ones() {
        let repeats = Repeats::default();
        let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        assert_eq!(repeats.note("a", at(0)), Some(1));
        assert_eq!(repeats.note("a", at(1)), None);
        assert_eq!(repeats.note("a", at(59)), None);
        assert_eq!(repeats.note("b", at(59)), Some(1));
        assert_eq!(repeats.note("a", at(60)), Some(3));
        assert_eq!(repeats.note("a", at(61)), None);
    }
}
