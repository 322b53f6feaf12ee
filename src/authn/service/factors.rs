//! Factors in a sign-in: choosing, proving, enrolling, activating, sending again.

use super::{AuthnError, Effect, Pending, Reply, Shown, Step, Visitor, load, navigation, push, settle};
use crate::{
    app::App,
    authn::{
        action::{Action, allowed},
        event::Event as Fact,
        state::State,
        transaction::Remember,
    },
    factor::{
        Activate, Activation, Answer, Assertion, Attestation, Enrolment, FactorError, Proof, Purpose,
        UpdatePhone,
        service::{self, Scope},
    },
    fault::Fault,
    id::FactorId,
    model::{
        factor::{AnswerShape, Factor, FactorKind},
        session::VerifiedFactor,
    },
    secret::Secret,
    store::unit::Unit,
    syslog::Caller,
};

/// What is given for a factor.
#[derive(Clone, Debug)]
pub enum Given {
    /// Nothing: it is chosen, and what it needs is sent.
    Nothing,
    /// A one-time password.
    PassCode(Secret<String>),
    /// The answer to a question.
    Answer(Secret<String>),
    /// What an authenticator made of an enrolment.
    Attestation(Attestation),
    /// What an authenticator made of a challenge.
    Assertion(Assertion),
}

impl Given {
    /// The answer in the words of factors, which a kind understands.
    fn answer(self, kind: FactorKind) -> Option<Answer> {
        match (self, kind) {
            (Self::Nothing, _) => None,
            (Self::Attestation(given), _) => Some(Answer::Attestation(given)),
            (Self::Assertion(given), _) => Some(Answer::Assertion(given)),
            // Okta's clients know one field for what is typed, too.
            (Self::PassCode(text) | Self::Answer(text), FactorKind::Question) => Some(Answer::Text(text)),
            (Self::PassCode(code) | Self::Answer(code), _) => Some(Answer::PassCode(code)),
        }
    }
}

/// Chooses a factor, or proves it. Where a link was mailed, asking without a code tells whether it was followed. Whether the
/// device is to be remembered may have been said before: absent, that stands.
///
/// # Errors
/// The factor is not asked for, or what was given is wrong.
pub async fn verify(
    app: &App,
    visitor: &Visitor<'_>,
    state_token: &str,
    (factor, given): (&FactorId, Given),
    remember: Option<Remember>,
) -> Result<Reply, AuthnError> {
    let mut step = load(app, visitor, state_token).await?;
    step.check(&Action::Verify(factor.clone()))?;
    step.remember(remember);
    Box::pin(answer(app, visitor, step, (factor, given))).await
}

async fn answer(
    app: &App,
    visitor: &Visitor<'_>,
    step: Step,
    (factor, given): (&FactorId, Given),
) -> Result<Reply, AuthnError> {
    let factor = known(&step, factor)?;
    match given.answer(factor.kind) {
        Some(answer) => {
            let purpose = (Purpose::Transaction(&step.transaction.id), visitor.caller);
            let proof = service::verify(app, step.user()?, &factor, &answer, purpose).await?;
            proved(app, visitor, step, proof).await
        }
        None => Box::pin(choose(app, visitor, step, factor)).await,
    }
}

/// Chooses a kind of factor of which a user may have several, or proves one of them (Okta `/factors/webauthn/verify`).
///
/// # Errors
/// No such factor is asked for, or what was given is wrong.
pub async fn verify_kind(
    app: &App,
    visitor: &Visitor<'_>,
    state_token: &str,
    (kind, given): (FactorKind, Given),
    remember: Option<Remember>,
) -> Result<Reply, AuthnError> {
    let mut step = load(app, visitor, state_token).await?;
    step.remember(remember);
    let offered = allowed(step.position(), &step.facts.rules);
    let is_asked =
        |factor: &&Factor| factor.kind == kind && offered.contains(&Action::Verify(factor.id.clone()));
    let asked: Vec<Factor> = step.facts.factors.iter().filter(is_asked).cloned().collect();
    let asked: Vec<&Factor> = asked.iter().collect();
    let Some(first) = asked.first() else { return Err(AuthnError::NotAllowed) };
    if let Given::Assertion(given) = given {
        let factor = service::identify(app, step.user()?, &asked, &given).await?;
        return Box::pin(answer(app, visitor, step, (&factor, Given::Assertion(given)))).await;
    }
    let purpose = (Purpose::Transaction(&step.transaction.id), visitor.caller);
    let challenged = service::challenge_passkeys(app, step.user()?, (&asked, Scope::Any), purpose).await?;
    step.challenge = challenged.shown.map(|options| Shown { options, scope: Scope::Any });
    // Who has chosen one asks for a challenge to it, again.
    let chosen = match &step.position().state {
        State::MfaChallenge { factor, .. } => factor.clone(),
        _ => first.id.clone(),
    };
    let fact = Fact::FactorChosen { factor: chosen, kind };
    settle(app, visitor, step, Effect { fact, unit: challenged.unit, lost: AuthnError::NotAllowed }).await
}

async fn choose(
    app: &App,
    visitor: &Visitor<'_>,
    mut step: Step,
    factor: Factor,
) -> Result<Reply, AuthnError> {
    let chosen = matches!(&step.position().state, State::MfaChallenge { .. });
    if chosen && factor.kind == FactorKind::Email {
        let purpose = (&step.transaction.id, visitor.caller);
        match service::verify_link(app, step.user()?, &factor, purpose).await? {
            Some(proof) => return proved(app, visitor, step, proof).await,
            None => {
                navigation::touch(app, &mut step).await?;
                return Ok(step.pending());
            }
        }
    }
    if chosen && factor.kind == FactorKind::Push {
        return Box::pin(push::look(app, visitor, step, (&factor, push::Over::AskAgain))).await;
    }
    send(app, visitor, step, &factor).await
}

/// Proves who somebody is by a recovery or bypass code in place of a factor.
///
/// # Errors
/// No factor is asked for, or the code does not count.
pub async fn use_backup_code(
    app: &App,
    visitor: &Visitor<'_>,
    state_token: &str,
    code: &Secret<String>,
) -> Result<Reply, AuthnError> {
    let step = load(app, visitor, state_token).await?;
    step.check(&Action::UseBackupCode)?;
    let purpose = (Purpose::Transaction(&step.transaction.id), visitor.caller);
    let Proof { verified, unit } = service::verify_backup_code(app, step.user()?, code, purpose).await?;
    let fact = Fact::BackupCodeAccepted { proof: verified };
    let (device, left) = navigation::left(&step);
    let effect = Effect { fact, unit: unit.and(left), lost: FactorError::Wrong.into() };
    let reply = Box::pin(settle(app, visitor, step, effect)).await;
    device.iter().for_each(|device| app.push_waiters.wake(device));
    reply
}

/// Sends the code of the chosen factor again.
///
/// # Errors
/// The factor was not chosen, or it is too early.
pub async fn resend(
    app: &App,
    visitor: &Visitor<'_>,
    state_token: &str,
    factor: &FactorId,
) -> Result<Reply, AuthnError> {
    let step = load(app, visitor, state_token).await?;
    step.check(&Action::ResendChallenge(factor.clone()))?;
    let factor = known(&step, factor)?;
    send(app, visitor, step, &factor).await
}

/// Chooses a factor, and sends what it needs.
async fn send(
    app: &App,
    visitor: &Visitor<'_>,
    mut step: Step,
    factor: &Factor,
) -> Result<Reply, AuthnError> {
    let unit = match factor.kind.answer() {
        AnswerShape::Approval => return Box::pin(push::ask(app, visitor, step, factor)).await,
        AnswerShape::SentCode | AnswerShape::Signature => {
            let purpose = (Purpose::Transaction(&step.transaction.id), visitor.caller);
            let challenged = service::challenge(app, step.user()?, factor, purpose).await?;
            step.challenge = challenged.shown.map(|options| Shown { options, scope: Scope::One });
            challenged.unit
        }
        AnswerShape::Text | AnswerShape::OwnCode => Unit::new(),
    };
    let fact = Fact::FactorChosen { factor: factor.id.clone(), kind: factor.kind };
    let lost = FactorError::SentRecently(factor.kind).into();
    settle(app, visitor, step, Effect { fact, unit, lost }).await
}

pub(super) async fn proved(
    app: &App,
    visitor: &Visitor<'_>,
    step: Step,
    Proof { verified, unit }: Proof,
) -> Result<Reply, AuthnError> {
    let fact = Fact::FactorVerified { proof: verified };
    settle(app, visitor, step, Effect { fact, unit, lost: FactorError::Replayed.into() }).await
}

/// Enrols a factor. One that needs no more than what was given is proved thereby.
///
/// # Errors
/// The kind cannot be enrolled now, or not like that.
pub async fn enroll(
    app: &App,
    visitor: &Visitor<'_>,
    state_token: &str,
    (kind, profile): (FactorKind, serde_json::Map<String, serde_json::Value>),
) -> Result<Reply, AuthnError> {
    let mut step = load(app, visitor, state_token).await?;
    step.check(&Action::Enroll(kind))?;
    let enrolment = Enrolment {
        kind,
        profile,
        factor_profile_id: None,
        activate: Activate::ByUser,
        update_phone: UpdatePhone::Keep,
        token_lifetime: None,
    };
    let purpose = Purpose::Transaction(&step.transaction.id);
    let enrolled = service::enroll(app, step.user()?, enrolment, purpose, visitor.caller).await?;
    let factor = enrolled.factor;
    let fact = if factor.is_active() {
        Fact::FactorEnrolled { kind, proof: VerifiedFactor::factor(&factor, app.now()) }
    } else {
        Fact::EnrolmentBegun { factor: factor.id.clone(), kind }
    };
    step.activation = enrolled.activation;
    let lost = FactorError::already_set_up().into();
    settle(app, visitor, step, Effect { fact, unit: enrolled.unit, lost }).await
}

/// Adds to a page what an authenticator app or a passkey needs, each time it is shown: it may be loaded anew, the first code
/// may be mistyped, and a challenge counts once. Programs are told once.
///
/// # Errors
/// The database failed.
pub async fn show_again(app: &App, caller: &Caller, pending: &mut Pending) -> Result<(), Fault> {
    let shown = match &pending.transaction.position.state {
        State::MfaEnrollActivate { factor, .. } => {
            let Some(factor) = pending.facts.factor(factor) else { return Ok(()) };
            activation(app, caller, (pending, factor)).await.map(|activation| pending.activation = activation)
        }
        State::MfaRequired | State::MfaChallenge { kind: FactorKind::Webauthn | FactorKind::U2f, .. } => {
            challenge(app, caller, pending).await.map(|challenge| pending.challenge = challenge)
        }
        _ => Ok(()),
    };
    match shown {
        Err(FactorError::Fault(fault)) => Err(fault),
        // Removed, or activated, by another request: the next step says so.
        Ok(()) | Err(_) => Ok(()),
    }
}

/// What activates a factor, anew.
async fn activation(
    app: &App,
    caller: &Caller,
    (pending, factor): (&Pending, &Factor),
) -> Result<Option<Activation>, FactorError> {
    match (factor.kind, &pending.facts.user) {
        (FactorKind::TotpOkta | FactorKind::TotpGoogle, _) => {
            let (activation, unit) = service::show_again(app, factor).await?;
            app.db.writer().commit(unit).await?;
            Ok(Some(activation))
        }
        (FactorKind::Webauthn, Some(user)) => {
            let purpose = (Purpose::Transaction(&pending.transaction.id), caller);
            let challenged = service::challenge(app, user, factor, purpose).await?;
            Ok(challenged.shown.map(Activation::Options))
        }
        _ => Ok(None),
    }
}

/// What passkeys sign, where nothing but a passkey is asked for; any of the user's answers. What a key of U2F signs, where only that is.
async fn challenge(app: &App, caller: &Caller, pending: &Pending) -> Result<Option<Shown>, FactorError> {
    let asked = pending.facts.factors.iter().filter(|factor| pending.may_verify(&factor.id));
    let asked: Vec<&Factor> = asked.collect();
    if let ([key], Some(user)) = (asked.as_slice(), &pending.facts.user)
        && key.kind == FactorKind::U2f
    {
        let purpose = (Purpose::Transaction(&pending.transaction.id), caller);
        let challenged = service::challenge(app, user, key, purpose).await?;
        return Ok(challenged.shown.map(|options| Shown { options, scope: Scope::One }));
    }
    let alone = !asked.is_empty() && asked.iter().all(|factor| factor.kind == FactorKind::Webauthn);
    let Some(user) = pending.facts.user.as_ref().filter(|_| alone) else { return Ok(None) };
    let purpose = (Purpose::Transaction(&pending.transaction.id), caller);
    let challenged = service::challenge_passkeys(app, user, (&asked, Scope::Any), purpose).await?;
    Ok(challenged.shown.map(|options| Shown { options, scope: Scope::Any }))
}

/// Proves the factor that was enrolled.
///
/// # Errors
/// Nothing was enrolled, or the proof does not count.
pub async fn activate(
    app: &App,
    visitor: &Visitor<'_>,
    state_token: &str,
    (factor, given): (&FactorId, Given),
) -> Result<Reply, AuthnError> {
    let step = load(app, visitor, state_token).await?;
    step.check(&Action::Activate(factor.clone()))?;
    let factor = known(&step, factor)?;
    if factor.kind == FactorKind::Push {
        return Box::pin(push::activate(app, visitor, step, &factor)).await;
    }
    let answer = given.answer(factor.kind).ok_or(FactorError::Wrong)?;
    let purpose = (Purpose::Transaction(&step.transaction.id), visitor.caller);
    let Proof { verified, unit } = service::activate(app, step.user()?, &factor, &answer, purpose).await?;
    let fact = Fact::FactorEnrolled { kind: factor.kind, proof: verified };
    settle(app, visitor, step, Effect { fact, unit, lost: FactorError::Replayed.into() }).await
}

/// Sends the code of an enrolment again.
///
/// # Errors
/// Nothing was enrolled that codes are sent for, or it is too early.
pub async fn resend_activation(
    app: &App,
    visitor: &Visitor<'_>,
    state_token: &str,
    factor: &FactorId,
) -> Result<Reply, AuthnError> {
    let step = load(app, visitor, state_token).await?;
    step.check(&Action::ResendActivation(factor.clone()))?;
    let factor = known(&step, factor)?;
    if factor.kind == FactorKind::Push {
        return Err(AuthnError::NotAllowed);
    }
    let purpose = (Purpose::Transaction(&step.transaction.id), visitor.caller);
    let unit = service::challenge(app, step.user()?, &factor, purpose).await?.unit;
    let fact = Fact::EnrolmentBegun { factor: factor.id.clone(), kind: factor.kind };
    let lost = FactorError::SentRecently(factor.kind).into();
    settle(app, visitor, step, Effect { fact, unit, lost }).await
}

/// A factor of the user that the transaction speaks of.
fn known(step: &Step, id: &FactorId) -> Result<Factor, AuthnError> {
    step.facts.factor(id).cloned().ok_or(AuthnError::NotAllowed)
}
