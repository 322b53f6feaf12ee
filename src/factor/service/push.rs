//! Approvals on a device, seen from where they are asked for: enrolment, the question, its result, and taking it back. The
//! device's own side is [`super::device`].

use serde_json::Map;
use time::OffsetDateTime;

use super::{described, event, verify::proved};
use crate::{
    app::App,
    cache::Count,
    factor::{
        Activation, FactorError, Proof, Purpose, PushActivation,
        message_budget::{self, Sending},
        push::{self, ASKED_PER_HOUR, ENROLMENT, Opens},
        qr,
    },
    fault::Fault,
    id::{FactorId, PushTransactionId},
    message::{self, Content, Destination},
    model::{
        factor::{Factor, FactorKind, FactorStatus},
        policy::NumberMatching,
        push::{LIFETIME, PushResult, PushState, PushTransaction},
        session::VerifiedFactor,
        user::User,
    },
    secret::Secret,
    store::{self, push_device, push_transaction, unit::Unit},
    syslog::{Caller, Event, EventType, record_repeated},
    user::policies,
};

/// How a device that is to be enrolled is reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Invitation {
    /// By a mail to the user's primary address.
    Email,
    /// By a text message to this number.
    Sms(String),
}

/// What a device is asked beside what the server knows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Question<'a> {
    /// What the user signs in to.
    pub application: Option<&'a str>,
    /// Whether whoever asks wants numbers compared, whatever policy says.
    pub numbers: WantsNumbers,
}

/// Whether whoever asks wants numbers compared (Okta `useNumberMatchingChallenge`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WantsNumbers {
    /// As policy says.
    #[default]
    AsPolicy,
    /// In any case.
    Yes,
}

/// A question that is about to be asked: commit the unit, then wake the device ([`App::push_waiters`]).
#[derive(Debug)]
pub struct Asked {
    /// What is asked.
    pub transaction: PushTransaction,
    /// What to commit. Its own claim is its first; lost: the device was asked too often ([`too_often`]).
    pub unit: Unit,
}

/// What became of a question.
#[derive(Debug)]
pub enum Polled {
    /// Nothing was asked, or it is over and was told.
    Nothing,
    /// The device has not answered.
    Waiting(PushTransaction),
    /// It approved: what that buys.
    Approved(Box<Proof>),
    /// It is over, and this is told for the first time.
    Ended(PushTransaction),
}

/// Begins an enrolment: nothing is kept but that it began.
pub(super) fn begun(app: &App, factor: &Factor) -> PushActivation {
    let qr_token = push::token(&app.derived.factor, Opens::Picture, (&factor.id, factor.updated_at));
    PushActivation { expires_at: factor.updated_at + ENROLMENT, qr_token }
}

/// What activates a push factor that waits for its device.
pub fn activation(app: &App, factor: &Factor) -> Activation {
    Activation::Push(begun(app, factor))
}

fn waits_for_device(factor: &Factor) -> bool {
    factor.kind == FactorKind::Push && factor.status == FactorStatus::PendingActivation
}

/// Whether an enrolment can still be completed.
pub fn is_open(factor: &Factor, now: OffsetDateTime) -> bool {
    waits_for_device(factor) && now < factor.updated_at + ENROLMENT
}

/// The address that the device of an enrolment opens: only whoever enrols it is shown it.
pub fn address(app: &App, factor: &Factor) -> Secret<String> {
    let token = push::token(&app.derived.factor, Opens::Enrolment, (&factor.id, factor.updated_at));
    push::address(&app.settings.issuer, &factor.id, &token)
}

/// The picture of the address that a device opens.
pub(super) fn picture(app: &App, factor: &Factor, token: &str) -> Result<Vec<u8>, FactorError> {
    let expected = push::token(&app.derived.factor, Opens::Picture, (&factor.id, factor.updated_at));
    if !is_open(factor, app.now()) || !push::opens(&expected, token) {
        return Err(FactorError::Unknown);
    }
    Ok(qr::png(address(app, factor).expose())?)
}

/// Begins an enrolment anew: what was shown and sent before opens nothing any more. The unit's own claim is its first; lost:
/// the factor does not wait for a device.
///
/// # Errors
/// The factor does not wait for a device.
pub fn restart(app: &App, factor: &Factor) -> Result<(Factor, Unit), FactorError> {
    if !waits_for_device(factor) {
        return Err(FactorError::WrongStatus);
    }
    let now = app.now();
    let unit = Unit::new().claim(store::factor::claim_restart(&factor.id, now));
    Ok((Factor { updated_at: now, ..factor.clone() }, unit))
}

/// Sends the address that a device opens.
///
/// # Errors
/// The factor does not wait for a device, or nothing can be sent there now.
pub async fn invite(
    app: &App,
    user: &User,
    factor: &Factor,
    invitation: Invitation,
    (purpose, caller): (Purpose<'_>, &Caller),
) -> Result<Unit, FactorError> {
    let now = app.now();
    if !is_open(factor, now) {
        return Err(FactorError::WrongStatus);
    }
    let (kind, to) = match invitation {
        Invitation::Email => {
            let address = user.profile.text("email").ok_or(FactorError::NotAllowed)?;
            (FactorKind::Email, Destination::Email(address.to_owned()))
        }
        Invitation::Sms(number) => {
            let given = Map::from_iter([("phoneNumber".to_owned(), number.into())]);
            let profile = crate::factor::sms::profile(&given, None)?;
            let number = profile.get("phoneNumber").and_then(serde_json::Value::as_str).unwrap_or_default();
            (FactorKind::Sms, Destination::Sms(number.to_owned()))
        }
    };
    if !message::can_send(app, to.medium()) {
        return Err(FactorError::NotAllowed);
    }
    message_budget::charge(app, Sending { kind, to: &to, purpose, caller }).await?;
    let lifetime = factor.updated_at + ENROLMENT - now;
    let content = Content::DeviceInvitation { link: address(app, factor).expose().clone(), lifetime };
    Ok(Unit::new().row(message::row(app, user, to, content)?))
}

/// Asks a device. Whatever it was asked before is taken back: one question at a time (security rule P1).
///
/// # Errors
/// The factor is not active, or its device was asked too often.
pub async fn ask(
    app: &App,
    user: &User,
    factor: &Factor,
    question: Question<'_>,
    (purpose, caller): (Purpose<'_>, &Caller),
) -> Result<Asked, FactorError> {
    match factor.status {
        FactorStatus::Active => {}
        FactorStatus::Inactive => return Err(FactorError::Locked),
        FactorStatus::PendingActivation => return Err(FactorError::WrongStatus),
    }
    let now = app.now();
    let device = push_device::find(&app.db, &factor.id).await?.ok_or(FactorError::WrongStatus)?;
    if device.rests(ASKED_PER_HOUR, now) {
        let refused = described(Event::failure(EventType::RateLimited, "push_challenges"), factor);
        record_repeated(app, factor.id.as_str(), refused, caller).await?;
        return Err(too_often(device.hour_began_at.unwrap_or(now)));
    }
    let compared = question.numbers == WantsNumbers::Yes || {
        let rules = policies::of_user(app, user, caller.ip).await?.enroll.push;
        rules.number_matching == NumberMatching::Required
    };
    let transaction = PushTransaction {
        id: PushTransactionId::generate(app.random.as_ref()),
        factor_id: factor.id.clone(),
        purpose: purpose.key().to_owned(),
        state: PushState::Waiting,
        numbers: compared.then(|| push::numbers(app.random.as_ref())),
        application: question.application.map(ToOwned::to_owned),
        ip: caller.ip,
        user_agent: caller.user_agent.clone(),
        created_at: now,
        expires_at: now + LIFETIME,
        told: false,
        consumed: false,
    };
    let sent = event(EventType::PushFactorVerify, factor).with("purpose", purpose.logged());
    let unit = Unit::new()
        .claim(push_device::claim_ask(&factor.id, ASKED_PER_HOUR, now))
        .change(push_transaction::cancel_all(&factor.id))
        .change(push_transaction::insert(&transaction)?)
        .row(sent.row(caller, app.random.as_ref(), now));
    Ok(Asked { transaction, unit })
}

/// The factors whose devices were asked so often that they are not asked now (security rule P1).
///
/// # Errors
/// The database failed.
pub async fn resting(app: &App, factors: &[Factor]) -> Result<Vec<FactorId>, Fault> {
    let devices = factors.iter().filter(|factor| factor.kind == FactorKind::Push && factor.is_active());
    let devices: Vec<&FactorId> = devices.map(|factor| &factor.id).collect();
    let now = app.now();
    let found = push_device::list(&app.db, &devices).await?;
    let resting = found.into_iter().filter(|device| device.rests(ASKED_PER_HOUR, now));
    Ok(resting.map(|device| device.factor_id).collect())
}

/// A device was asked as often as it is in an hour, which began then.
pub fn too_often(hour_began_at: OffsetDateTime) -> FactorError {
    FactorError::TooManyMessages(Count::used_up(ASKED_PER_HOUR, hour_began_at + time::Duration::HOUR))
}

/// What a device was asked last for a purpose.
///
/// # Errors
/// The database failed.
pub async fn last_asked(
    app: &App,
    factor: &Factor,
    purpose: Purpose<'_>,
) -> Result<Option<PushTransaction>, Fault> {
    push_transaction::find_last(&app.db, &factor.id, purpose.key()).await
}

/// A question by its id; only whoever asked learns of it (security rule P3).
///
/// # Errors
/// There is none of this factor, it was asked for something else, or a fault.
pub async fn find(
    app: &App,
    factor: &Factor,
    id: &PushTransactionId,
    purpose: Purpose<'_>,
) -> Result<PushTransaction, FactorError> {
    let found = push_transaction::find(&app.db, &factor.id, id).await?.ok_or(FactorError::Unknown)?;
    if found.purpose == purpose.key() { Ok(found) } else { Err(FactorError::NotAllowed) }
}

/// What became of a question. An approval is used by committing its proof; that something ended otherwise is told once.
///
/// # Errors
/// The database failed.
pub async fn poll(
    app: &App,
    factor: &Factor,
    asked: Option<PushTransaction>,
    (purpose, caller): (Purpose<'_>, &Caller),
) -> Result<Polled, Fault> {
    let now = app.now();
    let Some(asked) = asked else { return Ok(Polled::Nothing) };
    let result = asked.result(now);
    match result {
        PushResult::Waiting => Ok(Polled::Waiting(asked)),
        PushResult::Success if asked.consumed => Ok(Polled::Nothing),
        PushResult::Success => {
            let unit = Unit::new()
                .claim(push_transaction::claim_consume(&asked, now))
                .claim(store::factor::claim_verified(&factor.id, now));
            let unit = proved(app, unit, factor, (purpose, caller));
            let verified = VerifiedFactor::factor(factor, now);
            Ok(Polled::Approved(Box::new(Proof { verified, unit })))
        }
        PushResult::Rejected | PushResult::Timeout | PushResult::Cancelled if asked.told => {
            Ok(Polled::Nothing)
        }
        PushResult::Rejected | PushResult::Timeout | PushResult::Cancelled => {
            let mut unit = Unit::new().claim(push_transaction::claim_told(&asked.id, now));
            if result == PushResult::Timeout {
                let late = described(Event::failure(EventType::AuthenticateViaMfa, "push_timeout"), factor);
                let late = late.with("purpose", purpose.logged());
                unit = unit.row(late.row(caller, app.random.as_ref(), now));
            }
            app.db.writer().commit(unit).await?;
            Ok(Polled::Ended(asked))
        }
    }
}

/// Takes a question back; nothing happens when it is over.
///
/// # Errors
/// The database failed.
pub async fn cancel(app: &App, asked: &PushTransaction) -> Result<(), Fault> {
    let unit = Unit::new().claim(push_transaction::claim_cancel(&asked.id));
    app.db.writer().commit(unit).await?;
    app.push_waiters.wake(&asked.factor_id);
    Ok(())
}
