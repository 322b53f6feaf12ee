//! Lockout after wrong passwords: 10 in a row lock for 15 minutes, each further 10 for twice as long, and the
//! hundredth until the password is reset (NIST SP 800-63B-4 §3.2.2: at most 100 consecutive failures).
//!
//! **Every attempt is charged before the password is looked at.** A burst of parallel guesses would otherwise
//! read the same counter and all be evaluated. The store charges in one statement and goes on only if it
//! affected one row; [`AttemptCharge`] holds the moments that statement needs, computed from one `now`:
//!
//! ```sql
//! UPDATE user SET
//!   password_failures_total = password_failures_total + 1,
//!   password_failures = CASE WHEN password_failures + 1 >= :threshold THEN 0 ELSE password_failures + 1 END,
//!   lockouts = CASE WHEN password_failures + 1 >= :threshold THEN lockouts + 1 ELSE lockouts END,
//!   locked_until = CASE
//!     WHEN password_failures_total + 1 >= :cap THEN :until_reset
//!     WHEN password_failures + 1 < :threshold THEN NULL
//!     WHEN lockouts = 0 THEN :lock_ends[0] … ELSE :lock_ends[last] END
//! WHERE id = :user AND (locked_until IS NULL OR locked_until <= :now)
//! ```
//!
//! On the right side the columns have their old values in SQLite and PostgreSQL alike. The attempt that fills
//! the counter has set the lock before it is evaluated; a right password then clears everything
//! ([`Outcome::Right`]), a wrong one needs no second write, and a crash in between leaves the lock: the safe
//! side. [`decide`] with [`Outcome::Charged`] is the same rule on values, against which the statement is tested.
//!
//! A browser that carries the known-device cookie of the user is charged on its own [`DeviceLock`] *instead of*
//! the user's lock, so a stranger who fills the user's counter does not lock the owner out.

use time::{Duration, OffsetDateTime, macros::datetime};

use crate::model::user::PasswordLock;

/// Wrong passwords in a row that lock.
pub const FAILURES_BEFORE_LOCK: u32 = 10;
/// Wrong passwords without a success in between that lock until the password is reset.
pub const FAILURES_BEFORE_RESET: u32 = 100;
/// The first lock; each further one is twice as long.
pub const FIRST_LOCK: Duration = Duration::minutes(15);
/// `locked_until` of a lock without an end.
pub const UNTIL_RESET: OffsetDateTime = datetime!(9999-12-31 23:59:59 UTC);

/// What happened to a password.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// An attempt is about to be evaluated; it counts as wrong until it proves right.
    Charged,
    /// The password was right.
    Right,
    /// The password was reset, or an administrator unlocked the user.
    Reset,
}

/// Whether an attempt may be evaluated now. An attempt that may not is answered like a wrong password and
/// costs the same.
pub fn may_try(lock: &PasswordLock, now: OffsetDateTime) -> bool {
    has_passed(lock.locked_until, now)
}

/// The lock after an outcome. Charging while [`may_try`] says no changes nothing, so that guessing on does not
/// prolong a lock.
pub fn decide(lock: &PasswordLock, outcome: Outcome, now: OffsetDateTime) -> PasswordLock {
    match outcome {
        Outcome::Right | Outcome::Reset => PasswordLock::default(),
        Outcome::Charged if !may_try(lock, now) => *lock,
        Outcome::Charged => charged(lock, now),
    }
}

fn charged(lock: &PasswordLock, now: OffsetDateTime) -> PasswordLock {
    let charge = AttemptCharge::at(now);
    let failures = lock.failures.saturating_add(1);
    let failures_total = lock.failures_total.saturating_add(1);
    let locks = failures >= FAILURES_BEFORE_LOCK;
    let locked_until = if failures_total >= FAILURES_BEFORE_RESET {
        Some(UNTIL_RESET)
    } else {
        locks.then(|| charge.lock_end(lock.lockouts))
    };
    PasswordLock {
        failures: if locks { 0 } else { failures },
        failures_total,
        lockouts: lock.lockouts.saturating_add(locks.into()),
        locked_until,
    }
}

/// The budget of one known device (a browser in which the user has signed in), under the same rule. It keeps
/// one counter: the locks so far follow from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DeviceLock {
    /// Wrong passwords from this device since the last success.
    pub failures: u32,
    /// When the lock ends.
    pub locked_until: Option<OffsetDateTime>,
}

impl DeviceLock {
    /// Whether an attempt from this device may be evaluated now, whatever the user's own lock says.
    pub fn may_try(&self, now: OffsetDateTime) -> bool {
        has_passed(self.locked_until, now)
    }

    /// The budget after an outcome. As a statement: `failures = failures + 1, locked_until = CASE` over
    /// `failures + 1` being 10, 20 … 90 (the [`AttemptCharge::lock_ends`] in order), `>= 100`
    /// ([`UNTIL_RESET`]), else `NULL`, under the same condition as for the user.
    pub fn decide(&self, outcome: Outcome, now: OffsetDateTime) -> Self {
        match outcome {
            Outcome::Right | Outcome::Reset => Self::default(),
            Outcome::Charged if !self.may_try(now) => *self,
            Outcome::Charged => {
                let before = PasswordLock {
                    failures: self.failures % FAILURES_BEFORE_LOCK,
                    failures_total: self.failures,
                    lockouts: self.failures / FAILURES_BEFORE_LOCK,
                    locked_until: self.locked_until,
                };
                let after = charged(&before, now);
                Self { failures: after.failures_total, locked_until: after.locked_until }
            }
        }
    }
}

/// The moments that the charging statement writes (see the module).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AttemptCharge {
    /// A lock that ended by then no longer counts.
    pub now: OffsetDateTime,
    /// The end of a lock by the number of locks before it; the last one is for all that follow.
    pub lock_ends: [OffsetDateTime; LOCKS_BEFORE_RESET],
}

/// With [`FAILURES_BEFORE_LOCK`] each, so many locks come before the one without an end.
pub const LOCKS_BEFORE_RESET: usize = 9;

impl AttemptCharge {
    /// The charge of an attempt at that moment.
    pub fn at(now: OffsetDateTime) -> Self {
        let mut length = FIRST_LOCK;
        let lock_ends = [(); LOCKS_BEFORE_RESET].map(|()| {
            let end = now.saturating_add(length);
            length = length.saturating_mul(2);
            end
        });
        Self { now, lock_ends }
    }

    fn lock_end(&self, lockouts: u32) -> OffsetDateTime {
        usize::try_from(lockouts)
            .ok()
            .and_then(|lockouts| self.lock_ends.get(lockouts))
            .or(self.lock_ends.last())
            .copied()
            .unwrap_or(UNTIL_RESET)
    }
}

fn has_passed(locked_until: Option<OffsetDateTime>, now: OffsetDateTime) -> bool {
    locked_until.is_none_or(|until| until <= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-01-01 00:00:00 UTC);

    fn charge_times(mut lock: PasswordLock, times: u32, now: OffsetDateTime) -> PasswordLock {
        for _ in 0..times {
            lock = decide(&lock, Outcome::Charged, now);
        }
        lock
    }

    #[test]
    fn the_table_of_single_steps() {
        let lock = |failures, failures_total, lockouts, locked_until| PasswordLock {
            failures,
            failures_total,
            lockouts,
            locked_until,
        };
        let minutes = |count| Some(NOW + Duration::minutes(count));
        let cases = [
            (lock(0, 0, 0, None), Outcome::Charged, lock(1, 1, 0, None)),
            (lock(8, 8, 0, None), Outcome::Charged, lock(9, 9, 0, None)),
            (lock(9, 9, 0, None), Outcome::Charged, lock(0, 10, 1, minutes(15))),
            (lock(0, 10, 1, minutes(-1)), Outcome::Charged, lock(1, 11, 1, None)),
            // A lock ends at its very moment.
            (lock(0, 10, 1, Some(NOW)), Outcome::Charged, lock(1, 11, 1, None)),
            // Guessing on while locked changes nothing.
            (lock(0, 10, 1, minutes(1)), Outcome::Charged, lock(0, 10, 1, minutes(1))),
            (lock(9, 19, 1, None), Outcome::Charged, lock(0, 20, 2, minutes(30))),
            (lock(9, 89, 8, None), Outcome::Charged, lock(0, 90, 9, minutes(15 << 8))),
            (lock(9, 99, 9, None), Outcome::Charged, lock(0, 100, 10, Some(UNTIL_RESET))),
            (lock(3, 99, 9, None), Outcome::Charged, lock(4, 100, 9, Some(UNTIL_RESET))),
            (lock(9, 19, 1, None), Outcome::Right, PasswordLock::default()),
            (lock(0, 100, 10, Some(UNTIL_RESET)), Outcome::Charged, lock(0, 100, 10, Some(UNTIL_RESET))),
            (lock(0, 100, 10, Some(UNTIL_RESET)), Outcome::Reset, PasswordLock::default()),
        ];
        for (before, outcome, after) in cases {
            assert_eq!(decide(&before, outcome, NOW), after, "{before:?} {outcome:?}");
        }
    }

    #[test]
    fn sec_n01_of_a_burst_of_two_hundred_only_ten_are_evaluated() {
        let mut lock = PasswordLock::default();
        let mut evaluated = 0;
        for _ in 0..200 {
            if may_try(&lock, NOW) {
                evaluated += 1;
            }
            lock = decide(&lock, Outcome::Charged, NOW);
        }
        assert_eq!(evaluated, 10);
        assert!(!may_try(&lock, NOW + FIRST_LOCK - Duration::SECOND));
        assert!(may_try(&lock, NOW + FIRST_LOCK));
    }

    #[test]
    fn locks_double_until_the_hundredth_failure_locks_without_end() {
        let (mut lock, mut now) = (PasswordLock::default(), NOW);
        for nth in 0..9_u32 {
            lock = charge_times(lock, 10, now);
            let until = lock.locked_until.unwrap();
            assert_eq!(until - now, FIRST_LOCK * 2_i32.pow(nth));
            now = until;
        }
        lock = charge_times(lock, 10, now);
        assert_eq!(lock.failures_total, 100);
        assert!(!may_try(&lock, now + Duration::days(365 * 100)));
        assert!(may_try(&decide(&lock, Outcome::Reset, now), now));
    }

    #[test]
    fn the_right_password_on_the_tenth_attempt_lifts_the_lock_that_its_charge_set() {
        let lock = charge_times(PasswordLock::default(), 10, NOW);
        assert!(!may_try(&lock, NOW));
        assert_eq!(decide(&lock, Outcome::Right, NOW), PasswordLock::default());
    }

    #[test]
    fn sec_n05_a_known_device_has_its_own_budget_under_the_same_rule() {
        let stranger = charge_times(PasswordLock::default(), 10, NOW);
        assert!(!may_try(&stranger, NOW));
        let (mut device, mut lock, mut now) = (DeviceLock::default(), PasswordLock::default(), NOW);
        assert!(device.may_try(now));
        for _ in 0..100 {
            assert!(device.may_try(now));
            device = device.decide(Outcome::Charged, now);
            lock = decide(&lock, Outcome::Charged, now);
            assert_eq!(device.locked_until, lock.locked_until);
            now = device.locked_until.unwrap_or(now).min(now + Duration::days(365));
        }
        assert_eq!(device, DeviceLock { failures: 100, locked_until: Some(UNTIL_RESET) });
        assert_eq!(device.decide(Outcome::Right, now), DeviceLock::default());
    }
}
