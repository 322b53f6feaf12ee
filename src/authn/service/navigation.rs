//! Looking at a transaction, and moving through it without proving anything.

use super::{AuthnError, Effect, Reply, Step, Visitor, load, settle};
use crate::{
    app::App,
    authn::{action::Action, event::Event as Fact, state::State},
    factor::Purpose,
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
    let unit = left(&step);
    settle(app, visitor, step, Effect { unit, ..Effect::of(Fact::WentBack) }).await
}

/// What goes with a step that is left: a device that was asked is asked no longer.
fn left(step: &Step) -> Unit {
    match &step.position().state {
        State::MfaChallenge { factor, kind: FactorKind::Push } => {
            let purpose = Purpose::Transaction(&step.transaction.id);
            Unit::new().change(push_transaction::cancel_of(factor, purpose.key()))
        }
        _ => Unit::new(),
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
    let unit = left(&step).change(authn_transaction::remove(&step.transaction.id));
    app.db.writer().commit(unit).await?;
    Ok(step.transaction.context.relay_state)
}
