//! Lifting the lock that wrong passwords brought.

use time::OffsetDateTime;

use super::lifecycle;
use crate::{
    app::App,
    fault::Fault,
    limit::lockout::UNTIL_RESET,
    model::{
        factor::FactorStatus,
        user::{User, UserStatus},
    },
    store::{self, unit::Unit},
    syslog::{Caller, Event, EventType},
};

/// Whether a user is locked out of the own account in a way that the user may end: a lock that only a new password ends
/// is none of these.
pub fn is_locked(user: &User, now: OffsetDateTime) -> bool {
    let by_time = user.lock.locked_until.is_some_and(|until| until > now && until < UNTIL_RESET);
    let forever = user.lock.locked_until.is_some_and(|until| until >= UNTIL_RESET);
    !forever && (by_time || user.status == UserStatus::LockedOut)
}

/// Whether there is anything that an administrator could lift: a lock of the password or of the recovery question, or the
/// suspension of a factor.
///
/// # Errors
/// The database failed.
pub async fn is_needed(app: &App, user: &User) -> Result<bool, Fault> {
    let now = app.now();
    if user.status_at(now) == UserStatus::LockedOut {
        return Ok(true);
    }
    let question = store::recovery_question::find(&app.db, &user.id).await?;
    if question.and_then(|question| question.lock.locked_until).is_some_and(|until| until > now) {
        return Ok(true);
    }
    let factors = store::factor::list(&app.db, &user.id).await?;
    Ok(factors.iter().any(|factor| factor.status == FactorStatus::Inactive))
}

/// Lifts a lock on the word of its user, who has proved it by a token, a code or an answer. Wrong passwords go on counting
/// towards the lock that only a new password ends.
pub fn by_user(app: &App, user: &User, caller: &Caller) -> Unit {
    let now = app.now();
    let event = Event::new(EventType::AccountUnlockByUser).user(&user.id);
    lifted(user, Unit::new().change(store::user::lift_lock(&user.id, UNTIL_RESET, now)), now).row(event.row(
        caller,
        app.random.as_ref(),
        now,
    ))
}

/// Lifts every lock on the word of an administrator, also that of the recovery question.
pub fn by_administrator(app: &App, user: &User, caller: &Caller) -> Unit {
    let now = app.now();
    let unit = Unit::new()
        .change(store::user::forgive(&user.id, now))
        .change(store::recovery_question::forgive(&user.id));
    let event = Event::new(EventType::AccountUnlock).user(&user.id);
    lifted(user, unit, now).row(event.row(caller, app.random.as_ref(), now))
}

/// `LOCKED_OUT` as a status ends too.
fn lifted(user: &User, unit: Unit, now: OffsetDateTime) -> Unit {
    match lifecycle::next(user.status, lifecycle::Change::Unlock) {
        Ok(status) => unit.claim(store::user::set_status(user, status, now)),
        Err(_) => unit,
    }
}
