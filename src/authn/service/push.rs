//! Approvals on another device in a sign-in: asking, waiting, and what becomes of it.

use super::{AuthnError, Effect, Reply, Step, Visitor, factors::proved, load, navigation::touch, settle};
use crate::{
    app::App,
    authn::{action::Action, event::Event as Fact, state::State},
    factor::{
        Purpose,
        service::{
            self,
            push::{Invitation, Polled, Question},
        },
    },
    id::FactorId,
    model::{
        factor::{Factor, FactorKind},
        session::VerifiedFactor,
    },
    store::unit::{Outcome, Unit},
};

/// Asks the device of a factor, in place of anything that it was asked before.
pub(super) async fn ask(
    app: &App,
    visitor: &Visitor<'_>,
    mut step: Step,
    factor: &Factor,
) -> Result<Reply, AuthnError> {
    let application = step.transaction.context.application.clone();
    let question = Question { application: application.as_deref(), ..Question::default() };
    let purpose = (Purpose::Transaction(&step.transaction.id), visitor.caller);
    let asked = service::push::ask(app, step.user()?, factor, question, purpose).await?;
    step.facts.push = Some(asked.transaction);
    let fact = Fact::FactorChosen { factor: factor.id.clone(), kind: factor.kind };
    let lost = service::push::too_often(app.now()).into();
    let effect = Effect { fact, unit: asked.unit, lost };
    let reply = Box::pin(settle(app, visitor, step, effect)).await;
    app.push_waiters.wake(&factor.id);
    reply
}

/// What follows when nothing is asked any more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// The device is asked again.
    AskAgain,
    /// That is told.
    Tell,
}

/// Looks what the device said. How a question ended is told once; after that the next look asks again, where that is wanted.
pub(super) async fn look(
    app: &App,
    visitor: &Visitor<'_>,
    mut step: Step,
    (factor, over): (&Factor, Over),
) -> Result<Reply, AuthnError> {
    let purpose = (Purpose::Transaction(&step.transaction.id), visitor.caller);
    let asked = step.facts.push.clone();
    match service::push::poll(app, factor, asked, purpose).await? {
        Polled::Approved(proof) => Box::pin(proved(app, visitor, step, *proof)).await,
        Polled::Nothing if over == Over::AskAgain => Box::pin(ask(app, visitor, step, factor)).await,
        Polled::Nothing | Polled::Waiting(_) | Polled::Ended(_) => {
            touch(app, &mut step).await?;
            Ok(step.pending())
        }
    }
}

/// Looks where a transaction stands that may wait for another device, and goes on when that has done its part.
///
/// # Errors
/// The state token opens nothing.
pub async fn poll(app: &App, visitor: &Visitor<'_>, state_token: &str) -> Result<Reply, AuthnError> {
    let mut step = load(app, visitor, state_token).await?;
    match step.position().state.clone() {
        State::MfaChallenge { factor, kind: FactorKind::Push } => {
            let factor = step.facts.factor(&factor).cloned().ok_or(AuthnError::NotAllowed)?;
            Box::pin(look(app, visitor, step, (&factor, Over::Tell))).await
        }
        State::MfaEnrollActivate { factor, kind: FactorKind::Push } => {
            look_activated(app, visitor, step, &factor).await
        }
        _ => {
            touch(app, &mut step).await?;
            Ok(step.pending())
        }
    }
}

/// Looks whether the device of an enrolment was enrolled (Okta `/lifecycle/activate/poll`).
///
/// # Errors
/// No device is being enrolled.
pub async fn poll_activation(
    app: &App,
    visitor: &Visitor<'_>,
    state_token: &str,
    factor: &FactorId,
) -> Result<Reply, AuthnError> {
    let step = load(app, visitor, state_token).await?;
    step.check(&Action::Activate(factor.clone()))?;
    look_activated(app, visitor, step, factor).await
}

async fn look_activated(
    app: &App,
    visitor: &Visitor<'_>,
    mut step: Step,
    factor: &FactorId,
) -> Result<Reply, AuthnError> {
    let factor = waiting(&step, factor)?;
    if !factor.is_active() {
        touch(app, &mut step).await?;
        return Ok(step.pending());
    }
    let now = app.now();
    // The key of the device signed its enrolment: that counts once as a proof.
    let unit = Unit::new().claim(crate::store::factor::claim_first_use(&factor.id, now));
    let fact = Fact::FactorEnrolled { kind: factor.kind, proof: VerifiedFactor::factor(&factor, now) };
    let effect = Effect { fact, unit, lost: AuthnError::NotAllowed };
    Box::pin(settle(app, visitor, step, effect)).await
}

fn waiting(step: &Step, factor: &FactorId) -> Result<Factor, AuthnError> {
    let found = step.facts.factor(factor).filter(|factor| factor.kind == FactorKind::Push);
    found.cloned().ok_or(AuthnError::NotAllowed)
}

/// Begins an enrolment anew whose time is over; one that is open, or completed, is just looked at.
pub(super) async fn activate(
    app: &App,
    visitor: &Visitor<'_>,
    mut step: Step,
    factor: &Factor,
) -> Result<Reply, AuthnError> {
    if !factor.is_active() && !service::push::is_open(factor, app.now()) {
        let (renewed, unit) = service::push::restart(app, factor)?;
        if app.db.writer().commit(unit).await? == Outcome::Won {
            step.facts.factors.retain(|other| other.id != renewed.id);
            step.facts.factors.push(renewed);
        }
    }
    look_activated(app, visitor, step, &factor.id).await
}

/// Sends the address that the device of an enrolment opens (Okta `/lifecycle/activate/email`, `/sms`).
///
/// # Errors
/// No device is being enrolled, or nothing can be sent there now.
pub async fn invite(
    app: &App,
    visitor: &Visitor<'_>,
    state_token: &str,
    (factor, invitation): (&FactorId, Invitation),
) -> Result<Reply, AuthnError> {
    let mut step = load(app, visitor, state_token).await?;
    step.check(&Action::ResendActivation(factor.clone()))?;
    let factor = waiting(&step, factor)?;
    let purpose = (Purpose::Transaction(&step.transaction.id), visitor.caller);
    let unit = service::push::invite(app, step.user()?, &factor, invitation, purpose).await?;
    app.db.writer().commit(unit).await?;
    touch(app, &mut step).await?;
    Ok(step.pending())
}
