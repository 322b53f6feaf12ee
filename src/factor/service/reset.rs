//! The end of factors, and of their suspension.

use super::{challenge::activations, event, list};
use crate::{
    app::App,
    factor::backup_code,
    fault::Fault,
    id::UserId,
    message::Content,
    model::{
        factor::{Factor, FactorStatus},
        user::User,
    },
    session::farewell,
    store::{self, factor_budget, factor_challenge, unit::Unit},
    syslog::{Caller, Event, EventType},
    user::contact,
};

/// Removes a factor. The claim is the first of the unit; lost: the factor is gone. Devices that were remembered stood for it
/// (security rule S9).
fn remove(app: &App, user: &User, factor: &Factor, caller: &Caller) -> Result<Unit, Fault> {
    gone(app, Unit::new().claim(store::factor::claim_remove(&user.id, &factor.id)), user, factor, caller)
}

/// Adds what goes with a factor that counted and in whose place an administrator puts another: the same as with one that is
/// reset (security rule S7).
///
/// # Errors
/// The database failed, or a message could not be sealed.
pub(super) async fn displaced(
    app: &App,
    unit: Unit,
    user: &User,
    factor: &Factor,
    caller: &Caller,
) -> Result<Unit, Fault> {
    ended(app, gone(app, unit, user, factor, caller)?, user).await
}

/// Adds what goes with a factor: its challenges; the system log and, if it counted, its user are told.
pub(super) fn gone(
    app: &App,
    unit: Unit,
    user: &User,
    factor: &Factor,
    caller: &Caller,
) -> Result<Unit, Fault> {
    let row = event(EventType::MfaFactorDeactivate, factor).row(caller, app.random.as_ref(), app.now());
    let unit = unit.change(factor_challenge::remove(&factor.id)).row(row);
    if factor.status == FactorStatus::PendingActivation {
        return Ok(unit);
    }
    let content = Content::FactorReset { factor_type: Some(factor.kind.factor_type().to_owned()) };
    contact::mail(app, unit.change(store::remembered_device::forget_all(&user.id)), user, &content)
}

/// Removes a factor by the hand of an administrator: what the user proved with it, and everything that was issued for that,
/// ends as well (security rule S7). The unit's first claim is the factor's.
///
/// # Errors
/// The database failed, or a message could not be sealed.
pub async fn reset(app: &App, user: &User, factor: &Factor, caller: &Caller) -> Result<Unit, Fault> {
    let unit = remove(app, user, factor, caller)?;
    if factor.status == FactorStatus::PendingActivation {
        return Ok(unit);
    }
    ended(app, unit, user).await
}

/// Removes all factors of a user, and the recovery and bypass codes, by the hand of an administrator (Okta
/// `reset_factors`): sessions and grants end as well, and the user hears of it (security rule S7). The unit's first claim is
/// the user's: lost, there is no such user.
///
/// # Errors
/// The database failed.
pub async fn reset_all(app: &App, user: &User, caller: &Caller) -> Result<Unit, Fault> {
    let event = Event::new(EventType::MfaFactorResetAll).user(&user.id);
    let unit = ended(app, Unit::new(), user)
        .await?
        .change(factor_challenge::remove_all(&user.id))
        .change(store::factor::remove_all(&user.id))
        .change(store::backup_code::remove_all(&user.id))
        .change(store::remembered_device::forget_all(&user.id))
        .row(event.row(caller, app.random.as_ref(), app.now()));
    contact::mail(app, unit, user, &Content::FactorReset { factor_type: None })
}

/// Adds that all sessions and grants of a user end.
async fn ended(app: &App, unit: Unit, user: &User) -> Result<Unit, Fault> {
    let now = app.now();
    let messages = farewell::messages_of_user(app, &user.id, now).await?;
    let unit = unit
        .claim(store::user::cut(&user.id, now))
        .change(store::user::end_sessions(&user.id, now))
        .change(store::user::revoke_grants(&user.id, "factor_reset", now));
    Ok(messages.iter().fold(unit, |unit, message| unit.row(store::outbox::row(message))))
}

/// Lets all factors of a user be used again, the suspended ones too, and forgets every attempt that was counted: what an
/// administrator who unlocks the user commits.
///
/// # Errors
/// The database failed.
pub async fn unlock(app: &App, user: &UserId, caller: &Caller) -> Result<Unit, Fault> {
    let now = app.now();
    let factors = list(app, user).await?;
    let suspended = factors.iter().filter(|factor| factor.status == FactorStatus::Inactive);
    let unit = suspended.fold(Unit::new(), |unit, factor| {
        let row = event(EventType::MfaFactorUnsuspend, factor).row(caller, app.random.as_ref(), now);
        unit.claim(store::factor::claim_unsuspend(&factor.id, now)).row(row)
    });
    Ok(forgotten(unit.change(store::factor::forgive(user)), user))
}

/// Lifts the locks of factors that time would lift too: what a user who unlocks the own account commits. Wrong answers go on
/// counting towards the suspension that only an administrator ends, or whoever reads the user's mail could guess on.
#[must_use]
pub fn lift_locks(unit: Unit, user: &UserId) -> Unit {
    forgotten(unit.change(store::factor::lift_locks(user)), user)
}

/// Adds that the attempts at activations and backup codes are forgotten.
fn forgotten(unit: Unit, user: &UserId) -> Unit {
    unit.change(factor_budget::forget(&activations(user)))
        .change(factor_budget::forget(&backup_code::attempts(user)))
}
