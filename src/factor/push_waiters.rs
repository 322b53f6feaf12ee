//! The devices that wait at this node to be told what is asked. Each costs a few bytes and no question to the database: a
//! device is woken by whoever asks it something here, and for other nodes by one look for all of them
//! ([`crate::jobs`]).

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Notify, futures::Notified};

use crate::id::FactorId;

/// Requests that wait at one node.
const MOST: usize = 20_000;
/// Requests of one device that wait: one, and those whose connection was lost without a word.
const OF_ONE: usize = 4;

/// The devices that wait at this node.
#[derive(Default)]
pub struct PushWaiters {
    devices: Mutex<HashMap<FactorId, Waiting>>,
    count: AtomicUsize,
}

struct Waiting {
    notify: Arc<Notify>,
    requests: usize,
}

/// A place among those that wait; leaving it gives it back.
pub struct Place<'a> {
    waiters: &'a PushWaiters,
    factor: FactorId,
    notify: Arc<Notify>,
}

impl PushWaiters {
    /// Takes a place; absent: there are too many.
    pub fn enter(&self, factor: &FactorId) -> Option<Place<'_>> {
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        if self.count.load(Ordering::Relaxed) >= MOST {
            return None;
        }
        let waiting = devices
            .entry(factor.clone())
            .or_insert_with(|| Waiting { notify: Arc::new(Notify::new()), requests: 0 });
        if waiting.requests >= OF_ONE {
            return None;
        }
        waiting.requests += 1;
        self.count.fetch_add(1, Ordering::Relaxed);
        Some(Place { waiters: self, factor: factor.clone(), notify: Arc::clone(&waiting.notify) })
    }

    /// Wakes a device, if it waits here.
    pub fn wake(&self, factor: &FactorId) {
        let devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = devices.get(factor) {
            waiting.notify.notify_waiters();
        }
    }

    /// Wakes all: this process is about to stop.
    pub fn wake_all(&self) {
        let devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        devices.values().for_each(|waiting| waiting.notify.notify_waiters());
    }

    /// How many requests wait.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

impl Place<'_> {
    /// What is ready once the device is woken; a wake from the moment that it was enabled is not missed.
    pub fn woken(&self) -> Notified<'_> {
        self.notify.notified()
    }

    /// Waits for a wake; says whether one came in time.
    pub async fn wait(notified: std::pin::Pin<&mut Notified<'_>>, at_most: Duration) -> bool {
        tokio::time::timeout(at_most, notified).await.is_ok()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut devices = self.waiters.devices.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiters.count.fetch_sub(1, Ordering::Relaxed);
        if let Some(waiting) = devices.get_mut(&self.factor) {
            waiting.requests = waiting.requests.saturating_sub(1);
            if waiting.requests == 0 {
                devices.remove(&self.factor);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_is_woken_and_leaves_nothing_behind() {
        let (waiters, one, two) = (PushWaiters::default(), FactorId::new("opf1"), FactorId::new("opf2"));
        let (place, other) = (waiters.enter(&one).unwrap(), waiters.enter(&two).unwrap());
        {
            let mut woken = std::pin::pin!(place.woken());
            let mut asleep = std::pin::pin!(other.woken());
            woken.as_mut().enable();
            asleep.as_mut().enable();
            // Before anybody waits: a wake between the look at the database and the wait is not missed.
            waiters.wake(&one);
            assert!(Place::wait(woken, Duration::from_secs(5)).await);
            assert!(!Place::wait(asleep, Duration::from_millis(5)).await);
        }
        assert_eq!(waiters.count(), 2);
        drop(place);
        drop(other);
        assert_eq!(waiters.count(), 0);
        assert!(waiters.devices.lock().unwrap().is_empty());
    }

    #[test]
    fn a_device_has_few_places() {
        let (waiters, id) = (PushWaiters::default(), FactorId::new("opf1"));
        let places: Vec<_> = (0..OF_ONE).map(|_| waiters.enter(&id).unwrap()).collect();
        assert!(waiters.enter(&id).is_none());
        drop(places);
        assert!(waiters.enter(&id).is_some());
    }
}
