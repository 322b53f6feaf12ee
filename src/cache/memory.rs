//! Counters of this process: sharded, bounded, gone with a restart.

use std::{
    collections::{HashMap, hash_map::RandomState},
    future::ready,
    hash::BuildHasher,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use time::OffsetDateTime;

use super::{Access, Count, Counter, Slot};

/// Counters in memory. When it is full the least used counter gives way, so a flood of new keys cannot
/// wash out the counter of a caller that is being limited.
pub struct MemoryCounter {
    shards: Vec<Mutex<Shard>>,
    capacity_per_shard: usize,
    /// Keys are kept as 128 keyed bits: nobody can aim for a collision.
    hashers: (RandomState, RandomState),
}

type Shard = HashMap<u128, Entry>;

#[derive(Clone, Copy)]
struct Entry {
    slot: Slot,
    used: u32,
}

const SHARDS: usize = 64;

impl MemoryCounter {
    /// Room for about `capacity` counters (each about 50 bytes).
    pub fn new(capacity: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            capacity_per_shard: (capacity / SHARDS).max(1),
            hashers: (RandomState::new(), RandomState::new()),
        }
    }

    fn count(&self, access: Access, key: &str, limit: u32, slot: Slot) -> Count {
        let (high, low) = (self.hashers.0.hash_one(key), self.hashers.1.hash_one(key));
        let shard = usize::try_from(high % SHARDS as u64).ok().and_then(|index| self.shards.get(index));
        let Some(shard) = shard else {
            return Count::of(access, u32::MAX, limit, slot);
        };
        let id = (u128::from(high) << 64) | u128::from(low);
        let mut entries = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let used = match (access, entries.get_mut(&id)) {
            (Access::Hit, Some(entry)) if entry.slot == slot => {
                entry.used = entry.used.saturating_add(1);
                entry.used
            }
            (Access::Hit, Some(entry)) => {
                *entry = Entry { slot, used: 1 };
                1
            }
            (Access::Hit, None) => {
                if entries.len() >= self.capacity_per_shard {
                    make_room(&mut entries, slot);
                }
                entries.insert(id, Entry { slot, used: 1 });
                1
            }
            (Access::Peek, Some(entry)) if entry.slot == slot => entry.used,
            (Access::Peek, _) => 0,
        };
        Count::of(access, used, limit, slot)
    }
}

/// Drops the counters whose window was over when `slot` began, else the least used one.
fn make_room(entries: &mut Shard, slot: Slot) {
    let before = entries.len();
    entries.retain(|_, entry| entry.slot.end_ms > slot.start_ms);
    if entries.len() == before
        && let Some(id) = entries.iter().min_by_key(|(_, entry)| entry.used).map(|(id, _)| *id)
    {
        entries.remove(&id);
    }
}

impl Counter for MemoryCounter {
    fn hit<'a>(
        &'a self,
        key: &'a str,
        limit: u32,
        window: Duration,
        now: OffsetDateTime,
    ) -> BoxFuture<'a, Count> {
        ready(self.count(Access::Hit, key, limit, Slot::at(now, window))).boxed()
    }

    fn peek<'a>(
        &'a self,
        key: &'a str,
        limit: u32,
        window: Duration,
        now: OffsetDateTime,
    ) -> BoxFuture<'a, Count> {
        ready(self.count(Access::Peek, key, limit, Slot::at(now, window))).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(second: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(second).unwrap()
    }

    #[tokio::test]
    async fn hits_are_counted_per_key_and_forgotten_with_the_window() {
        let counter = MemoryCounter::new(1000);
        for left in [1, 0] {
            let count = counter.hit("a", 2, MINUTE, at(0)).await;
            assert_eq!((count.remaining, count.exceeded, count.reset_at_unix), (left, false, 60));
        }
        assert!(counter.peek("a", 2, MINUTE, at(59)).await.exceeded);
        assert!(counter.hit("a", 2, MINUTE, at(59)).await.exceeded);
        assert!(!counter.hit("b", 2, MINUTE, at(59)).await.exceeded);
        assert!(!counter.peek("a", 2, MINUTE, at(60)).await.exceeded);
        assert_eq!(counter.hit("a", 2, MINUTE, at(60)).await.remaining, 1);
    }

    #[tokio::test]
    async fn a_flood_of_keys_stays_bounded_and_keeps_the_limited_caller_limited() {
        let counter = MemoryCounter::new(640);
        for _ in 0..10 {
            counter.hit("attacker", 5, MINUTE, at(0)).await;
        }
        for key in 0..20_000 {
            counter.hit(&format!("flood {key}"), 5, MINUTE, at(0)).await;
        }
        let held: usize = counter.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!(held <= 640, "{held}");
        assert!(counter.hit("attacker", 5, MINUTE, at(0)).await.exceeded);
    }

    #[tokio::test]
    async fn finished_windows_are_dropped_before_anything_else() {
        let counter = MemoryCounter::new(64);
        for key in 0..100 {
            counter.hit(&format!("old {key}"), 5, MINUTE, at(0)).await;
        }
        for key in 0..100 {
            counter.hit(&format!("new {key}"), 5, MINUTE, at(60)).await;
        }
        let stale =
            counter.shards.iter().flat_map(|s| s.lock().unwrap().values().copied().collect::<Vec<_>>());
        assert!(stale.filter(|entry| entry.slot.end_ms <= 60_000).count() < 30);
    }
}
