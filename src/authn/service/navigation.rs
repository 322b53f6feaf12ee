//! Looking at a transaction, and moving through it without proving anything.

use super::{AuthnError, Effect, Reply, Step, Visitor, load, settle};
use crate::{
    app::App,
    authn::{action::Action, event::Event as Fact, state::State},
    factor::Purpose,
    id::FactorId,
    model::factor::FactorKind,
    store::{authn_transaction, push_transaction, unit::Unit},
};

/// Looks where a transaction stands; that keeps it alive.
///
/// # Errors
/// The state token opens nothing.
pub async fn look(app: &App, visitor: &Visitor<'_>, state_token: &str) -> Result<Reply, AuthnError> {
    let mut step = load(app, visitor, state_token).await?;
    touch(app, &mut step).await?;
    Ok(step.pending())
}

/// Keeps a transaction alive.
pub(super) async fn touch(app: &App, step: &mut Step) -> Result<(), AuthnError> {
    if let Some(unit) = step.transaction.touch(app.now()) {
        app.db.writer().commit(unit).await?;
    }
    Ok(())
}

/// Goes back to choose again.
///
/// # Errors
/// There is no way back from this state.
pub async fn previous(app: &App, visitor: &Visitor<'_>, state_token: &str) -> Result<Reply, AuthnError> {
    let step = load(app, visitor, state_token).await?;
    step.check(&Action::Previous)?;
    let (device, unit) = left(&step);
    let reply = settle(app, visitor, step, Effect { unit, ..Effect::of(Fact::WentBack) }).await;
    device.iter().for_each(|device| app.push_waiters.wake(device));
    reply
}

/// What goes with a step that is left: a device that was asked, which is to be woken then, is asked no longer.
pub(super) fn left(step: &Step) -> (Option<FactorId>, Unit) {
    match &step.position().state {
        State::MfaChallenge { factor, kind: FactorKind::Push } => {
            let purpose = Purpose::Transaction(&step.transaction.id);
            let unit = Unit::new().change(push_transaction::cancel_of(factor, purpose.key()));
            (Some(factor.clone()), unit)
        }
        _ => (None, Unit::new()),
    }
}

/// Puts off what is offered.
///
/// # Errors
/// What is asked for must be done.
pub async fn skip(app: &App, visitor: &Visitor<'_>, state_token: &str) -> Result<Reply, AuthnError> {
    let step = load(app, visitor, state_token).await?;
    step.check(&Action::Skip)?;
    settle(app, visitor, step, Effect::of(Fact::Skipped)).await
}

/// Gives a transaction up; what its caller wanted to be told is told.
///
/// # Errors
/// The state token opens nothing.
pub async fn cancel(
    app: &App,
    visitor: &Visitor<'_>,
    state_token: &str,
) -> Result<Option<String>, AuthnError> {
    let step = load(app, visitor, state_token).await?;
    let (device, unit) = left(&step);
    app.db.writer().commit(unit.change(authn_transaction::remove(&step.transaction.id))).await?;
    device.iter().for_each(|device| app.push_waiters.wake(device));
    Ok(step.transaction.context.relay_state)
}
