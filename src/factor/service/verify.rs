//! Activation and verification: what an answer costs before it is looked at, and what a right one leaves.

use super::{
    announced,
    challenge::{activations, destination},
    described, event,
    judge::{Spent, judge},
    passkey, stored,
};
use crate::{
    app::App,
    factor::{
        Answer, FactorError, Proof, Purpose, attempt, backup_code,
        message_budget::{self, Sending},
        webauthn::{self, Asserted},
    },
    fault::Fault,
    model::{
        factor::{AnswerShape, Factor, FactorStatus},
        session::VerifiedFactor,
        user::User,
    },
    secret::Secret,
    store::{
        self, factor_budget,
        factor_challenge::{self, Subject},
        unit::{Change, Outcome, Unit},
    },
    syslog::{Caller, Event, EventType, Reason},
};

/// Activates a factor by a first proof, which is thereby spent.
///
/// # Errors
/// The proof does not count. That it was tried is counted.
pub async fn activate(
    app: &App,
    user: &User,
    factor: &Factor,
    answer: &Answer,
    (purpose, caller): (Purpose<'_>, &Caller),
) -> Result<Proof, FactorError> {
    let stored = stored(app, &user.id, &factor.id).await?;
    if stored.factor.status != FactorStatus::PendingActivation {
        return Err(FactorError::WrongStatus);
    }
    let budget = activations(&user.id);
    if !message_budget::claim(app, &budget, &attempt::ACTIVATIONS).await? {
        return Err(FactorError::TooManyAttempts);
    }
    charge_challenge(app, &stored.factor, purpose).await?;
    let now = app.now();
    let spent = match judge(app, &stored, answer, user, (purpose, caller)).await {
        Ok(spent) => spent,
        Err(error) => return Err(refused(app, &stored.factor, error, (purpose, caller)).await?),
    };
    let claim = match &spent {
        Spent::Attested(registered) => passkey::activation(app, &stored.factor, registered)?,
        Spent::Step(step) => store::factor::claim_activate(&factor.id, Some(*step), now),
        Spent::Code(_) | Spent::Nothing | Spent::Asserted(_) | Spent::Used(_) => {
            store::factor::claim_activate(&factor.id, None, now)
        }
    };
    let unit = Unit::new().claim(claim);
    let unit = consumed(unit, &stored.factor, &spent, purpose, now).change(factor_budget::forget(&budget));
    let unit = proved(app, unit, &stored.factor, (purpose, caller));
    let unit = announced(app, unit, user, &stored.factor, caller)?;
    Ok(Proof { verified: shown(&stored.factor, &spent, now), unit })
}

/// What a verification says in `amr`.
fn shown(factor: &Factor, spent: &Spent, now: time::OffsetDateTime) -> VerifiedFactor {
    let (protection, gesture) = match spent {
        Spent::Attested(registered) => (registered.protection, registered.gesture),
        Spent::Asserted(asserted) => (asserted.protection, asserted.gesture),
        Spent::Step(_) | Spent::Code(_) | Spent::Nothing | Spent::Used(_) => {
            return VerifiedFactor::factor(factor, now);
        }
    };
    VerifiedFactor::shown(factor, &webauthn::amr(protection, gesture), now)
}

/// Verifies an answer.
///
/// # Errors
/// The answer does not count. That it was tried is counted before it is looked at.
pub async fn verify(
    app: &App,
    user: &User,
    factor: &Factor,
    answer: &Answer,
    (purpose, caller): (Purpose<'_>, &Caller),
) -> Result<Proof, FactorError> {
    let stored = stored(app, &user.id, &factor.id).await?;
    match stored.factor.status {
        FactorStatus::Active => {}
        FactorStatus::Inactive => return Err(FactorError::Locked),
        FactorStatus::PendingActivation => return Err(FactorError::WrongStatus),
    }
    charge(app, &stored.factor, purpose).await?;
    match judge(app, &stored, answer, user, (purpose, caller)).await {
        Ok(spent) => Ok(proof(app, &stored.factor, &spent, (purpose, caller))),
        Err(error) => Err(refused(app, &stored.factor, error, (purpose, caller)).await?),
    }
}

fn proof(app: &App, factor: &Factor, spent: &Spent, (purpose, caller): (Purpose<'_>, &Caller)) -> Proof {
    let now = app.now();
    let claim = match spent {
        Spent::Step(step) => store::factor::claim_step(&factor.id, *step, now),
        // An authenticator that counts never says the same number twice (§6.1.1).
        Spent::Asserted(Asserted { counter, .. }) if *counter > 0 => {
            store::factor::claim_step(&factor.id, u64::from(*counter), now)
        }
        Spent::Code(_) | Spent::Nothing | Spent::Attested(_) | Spent::Asserted(_) | Spent::Used(_) => {
            store::factor::claim_verified(&factor.id, now)
        }
    };
    let unit = consumed(Unit::new().claim(claim), factor, spent, purpose, now);
    Proof { verified: shown(factor, spent, now), unit: proved(app, unit, factor, (purpose, caller)) }
}

fn consumed(
    unit: Unit,
    factor: &Factor,
    spent: &Spent,
    purpose: Purpose<'_>,
    now: time::OffsetDateTime,
) -> Unit {
    match spent {
        Spent::Code(mac) => {
            let subject = Subject { factor: &factor.id, purpose: purpose.key() };
            unit.claim(factor_challenge::claim_consume(subject, mac, now))
        }
        Spent::Used(made) => unit.claim(store::yubikey_token::claim_use(&factor.id, made.counter(), now)),
        Spent::Step(_) | Spent::Nothing | Spent::Attested(_) | Spent::Asserted(_) => unit,
    }
}

/// Adds what every proof leaves: what the message took is given back, and success, or the loss of the race, is logged.
pub(super) fn proved(
    app: &App,
    unit: Unit,
    factor: &Factor,
    (purpose, caller): (Purpose<'_>, &Caller),
) -> Unit {
    let now = app.now();
    let unit = match destination(factor) {
        Some(to) => {
            message_budget::refund(app, unit, Sending { kind: factor.kind, to: &to, purpose, caller })
        }
        None => unit,
    };
    let won = event(EventType::AuthenticateViaMfa, factor).with("purpose", purpose.logged());
    let lost = described(Event::failure(EventType::AuthenticateViaMfa, REPLAYED), factor);
    unit.row(won.row(caller, app.random.as_ref(), now))
        .denial_row(lost.with("purpose", purpose.logged()).row(caller, app.random.as_ref(), now))
}

pub(super) const REPLAYED: Reason = "passcode_replayed";

/// Charges an answer to an active factor, and to its challenge.
async fn charge(app: &App, factor: &Factor, purpose: Purpose<'_>) -> Result<(), FactorError> {
    let now = app.now();
    let unit = Unit::new().claim(store::factor::claim_attempt(&factor.id, &attempt::LIMITS, now));
    let unit = match challenge_claim(app, factor, purpose) {
        Some(claim) => unit.claim(claim),
        None => unit,
    };
    match app.db.writer().commit(unit).await? {
        Outcome::Won => Ok(()),
        Outcome::Lost(0) => Err(FactorError::Locked),
        Outcome::Lost(_) => Err(spent_challenge(factor)),
    }
}

/// Charges an answer to the challenge of a factor that waits for activation.
async fn charge_challenge(app: &App, factor: &Factor, purpose: Purpose<'_>) -> Result<(), FactorError> {
    let Some(claim) = challenge_claim(app, factor, purpose) else { return Ok(()) };
    match app.db.writer().commit(Unit::new().claim(claim)).await? {
        Outcome::Won => Ok(()),
        Outcome::Lost(_) => Err(spent_challenge(factor)),
    }
}

fn challenge_claim(app: &App, factor: &Factor, purpose: Purpose<'_>) -> Option<Change> {
    let now = app.now();
    let subject = Subject { factor: &factor.id, purpose: purpose.key() };
    if factor.kind.is_sent() {
        return Some(factor_challenge::claim_try(subject, attempt::ANSWERS_PER_CHALLENGE, now));
    }
    // Its challenge takes one answer.
    if factor.kind.answer() == AnswerShape::Signature {
        return None;
    }
    match purpose {
        Purpose::Transaction(_) => {
            let times = (now, now + attempt::UNSENT_CHALLENGE);
            let limit = attempt::ANSWERS_PER_CHALLENGE;
            Some(factor_challenge::claim_unsent_try((&factor.user_id, subject), limit, times))
        }
        // Calls of the API are no challenge; the factor's own limits hold.
        Purpose::Api | Purpose::Session(_) | Purpose::Browser(_) => None,
    }
}

/// A challenge that takes no answers: one that was sent needs another message, the others another sign-in.
fn spent_challenge(factor: &Factor) -> FactorError {
    if factor.kind.is_sent() { FactorError::Wrong } else { FactorError::Locked }
}

/// Logs that an answer did not count, suspends the factor after too many, and hands the reason back.
async fn refused(
    app: &App,
    factor: &Factor,
    error: FactorError,
    (purpose, caller): (Purpose<'_>, &Caller),
) -> Result<FactorError, Fault> {
    let reason = match &error {
        FactorError::Wrong => "invalid_passcode",
        FactorError::Replayed => REPLAYED,
        FactorError::OutsideWindow => "time_window_exceeded",
        FactorError::Locked
        | FactorError::TooManyAttempts
        | FactorError::SentRecently(_)
        | FactorError::TooManyMessages
        | FactorError::Invalid { .. }
        | FactorError::PhoneNumber
        | FactorError::PhoneExtension
        | FactorError::Country
        | FactorError::NotAllowed
        | FactorError::Unknown
        | FactorError::WrongStatus => "not_possible",
        // No verdict was reached, so there is nothing to log.
        FactorError::Fault(_) => return Ok(error),
    };
    let now = app.now();
    if let Some(times) = app.repeats.note(&format!("{}\n{reason}", factor.id), now) {
        let failure = described(Event::failure(EventType::AuthenticateViaMfa, reason), factor)
            .with("purpose", purpose.logged())
            .times(times);
        let row = failure.row(caller, app.random.as_ref(), now);
        app.db.writer().commit(Unit::new().row(row)).await?;
    }
    suspend_exhausted(app, factor, caller).await?;
    Ok(error)
}

/// Suspends a factor that was answered wrongly too often.
pub(super) async fn suspend_exhausted(app: &App, factor: &Factor, caller: &Caller) -> Result<(), Fault> {
    let now = app.now();
    let suspended = described(Event::failure(EventType::MfaFactorSuspend, "too_many_failures"), factor);
    let unit = Unit::new()
        .claim(store::factor::claim_suspend(&factor.id, &attempt::LIMITS, now))
        .row(suspended.row(caller, app.random.as_ref(), now));
    app.db.writer().commit(unit).await?;
    Ok(())
}

/// Verifies a recovery or bypass code in place of a factor.
///
/// # Errors
/// The code does not count. That it was tried is counted before it is looked at.
pub async fn verify_backup_code(
    app: &App,
    user: &User,
    typed: &Secret<String>,
    (purpose, caller): (Purpose<'_>, &Caller),
) -> Result<Proof, FactorError> {
    backup_code::verify(app, user, typed, (purpose, caller)).await
}
