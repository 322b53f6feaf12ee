//! Wrong answers to a recovery question: 5 in a row lock for 15 minutes, each further 5 for twice as long, and the fiftieth
//! until the question is set anew or an administrator unlocks. Passwords count apart (security rule N3).
//!
//! Every answer is charged before it is looked at, as passwords are (see [`super::lockout`]).

use time::{Duration, OffsetDateTime};

use super::lockout::UNTIL_RESET;
use crate::model::recovery::AnswerLock;

/// Wrong answers in a row that lock.
pub const FAILURES_BEFORE_LOCK: u32 = 5;
/// Wrong answers without a right one in between that lock until the question is set anew.
pub const FAILURES_BEFORE_RESET: u32 = 50;
/// The first lock; each further one is twice as long.
pub const FIRST_LOCK: Duration = Duration::minutes(15);

/// The lock after charging one answer; absent: no answer may be looked at now.
pub fn charge(lock: &AnswerLock, now: OffsetDateTime) -> Option<AnswerLock> {
    if lock.locked_until.is_some_and(|until| until > now) {
        return None;
    }
    let failures = lock.failures.saturating_add(1);
    let locked_until = if failures >= FAILURES_BEFORE_RESET {
        Some(UNTIL_RESET)
    } else if failures.is_multiple_of(FAILURES_BEFORE_LOCK) {
        let locks_before = failures / FAILURES_BEFORE_LOCK - 1;
        let length = FIRST_LOCK.saturating_mul(1_i32.checked_shl(locks_before).unwrap_or(i32::MAX));
        Some(now.saturating_add(length))
    } else {
        None
    };
    Some(AnswerLock { failures, locked_until })
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-01-01 00:00:00 UTC);

    #[test]
    fn each_fifth_wrong_answer_locks_for_twice_as_long_and_the_fiftieth_until_a_reset() {
        let (mut lock, mut now) = (AnswerLock::default(), NOW);
        for nth in 1..=50_u32 {
            lock = charge(&lock, now).unwrap();
            assert_eq!(lock.failures, nth);
            match lock.locked_until {
                None => assert_ne!(nth % 5, 0),
                Some(until) if nth == 50 => assert_eq!(until, UNTIL_RESET),
                Some(until) => {
                    assert_eq!(until - now, FIRST_LOCK * 2_i32.pow(nth / 5 - 1));
                    assert_eq!(charge(&lock, until - Duration::SECOND), None);
                    now = until;
                }
            }
        }
        assert_eq!(charge(&lock, now + Duration::days(36_500)), None);
    }
}
