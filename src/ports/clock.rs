//! The time of day.

use time::OffsetDateTime;

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// The current time in UTC.
    fn now(&self) -> OffsetDateTime;
}

/// The machine's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }
}

/// The machine's clock moved by an offset that a test sets.
#[cfg(feature = "test-support")]
#[derive(Default)]
pub struct ShiftedClock(std::sync::atomic::AtomicI64);

#[cfg(feature = "test-support")]
impl ShiftedClock {
    /// Moves the clock `seconds` further ahead (negative: back).
    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, std::sync::atomic::Ordering::SeqCst);
    }
}

#[cfg(feature = "test-support")]
impl Clock for ShiftedClock {
    fn now(&self) -> OffsetDateTime {
        SystemClock.now() + time::Duration::seconds(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}
