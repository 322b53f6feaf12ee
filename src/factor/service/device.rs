//! What devices do: enrol, wait to be asked, answer ([`crate::factor::push`] is their protocol). What a device says is
//! believed when its key signed it, and written once.

use std::time::Duration as Span;

use serde_json::{Map, Value, json};

use super::{announced, described, verify::suspend_exhausted};
use crate::{
    app::App,
    factor::{
        attempt,
        push::{
            self, Act, AnswerClaims, Decision, EnrollClaims, Opens, Statement, StatementError, WaitClaims,
        },
        push_waiters::Place,
    },
    fault::Fault,
    id::{FactorId, PushTransactionId},
    model::{
        factor::{Factor, FactorKind},
        push::{PushResult, PushState, PushTransaction},
        user::User,
    },
    store::{
        self, push_device, push_transaction,
        unit::{Outcome, Unit},
    },
    syslog::{Caller, Event, EventType, user_agent},
};

/// The longest that a request of a device waits.
const LONGEST: Span = Span::from_secs(25);

/// Why a device was not served.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// What it says cannot be read.
    #[error("the statement cannot be read")]
    Malformed,
    /// It is not enrolled, or no longer, or somebody else speaks.
    #[error("the statement is not that of an enrolled device")]
    Unauthorized,
    /// Its clock is too far off.
    #[error("the clock of the device is wrong")]
    Clock,
    /// What it answers was answered, taken back, or is over.
    #[error("the challenge is over")]
    Over,
    /// Too many requests wait.
    #[error("too many requests are waiting")]
    Busy,
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<StatementError> for DeviceError {
    fn from(error: StatementError) -> Self {
        match error {
            StatementError::Malformed => Self::Malformed,
            StatementError::Clock => Self::Clock,
            StatementError::Refused(reason) => {
                tracing::debug!(reason, "a statement of a device was refused");
                Self::Unauthorized
            }
        }
    }
}

/// What a device is asked, and whom for.
#[derive(Debug)]
pub struct Challenge {
    /// The question.
    pub asked: PushTransaction,
    /// Whom it is about.
    pub user: User,
}

/// Enrols a device: its key becomes the factor's.
///
/// # Errors
/// The token opens nothing, or nothing any more.
pub async fn enroll(app: &App, statement: &str, caller: &Caller) -> Result<(Factor, User), DeviceError> {
    let statement = Statement::read(statement)?;
    let jwk = statement.offered_key()?;
    let now = app.now();
    let claims = statement.verify(&jwk, (&app.settings.issuer, Act::Enroll), now)?;
    let said: EnrollClaims = push::said(claims)?;
    let found = store::factor::find_by_id(&app.db, statement.factor()).await?;
    let factor = found.map(|stored| stored.factor).filter(|factor| super::push::is_open(factor, now));
    let factor = factor.ok_or(DeviceError::Unauthorized)?;
    let began_at = factor.updated_at;
    let expected = push::token(&app.derived.factor, Opens::Enrolment, (&factor.id, began_at));
    if !push::opens(&expected, &said.token) {
        return Err(DeviceError::Unauthorized);
    }
    let user = store::user::find(&app.db, &factor.user_id).await?.ok_or(DeviceError::Unauthorized)?;
    let name = push::name(&said.name).unwrap_or_else(|| "Stepgate Authenticator".to_owned());
    let platform = push::name(&said.platform).unwrap_or_else(|| "WEB".to_owned());
    let profile = Map::from_iter([
        ("credentialId".to_owned(), json!(user.login)),
        ("deviceType".to_owned(), json!("StepgateAuthenticator")),
        ("name".to_owned(), json!(name)),
        ("platform".to_owned(), json!(platform)),
        ("version".to_owned(), json!("1")),
    ]);
    let factor = Factor { profile, name: Some(name), updated_at: now, ..factor };
    let thumbprint = keys::thumbprint(&jwk).map_err(|_| DeviceError::Malformed)?;
    let key = (jwk.to_string(), thumbprint);
    let unit = Unit::new()
        .claim(store::factor::claim_activate_device(&factor, began_at)?)
        .claim(push_device::claim_insert(&factor.id, (&key.0, &key.1), now));
    let unit = announced(app, unit, &user, &factor, caller)?;
    match app.db.writer().commit(unit).await? {
        Outcome::Won => Ok((factor, user)),
        Outcome::Lost(_) => Err(DeviceError::Unauthorized),
    }
}

/// Tells a device what it is asked as soon as that is something else than what it shows.
///
/// # Errors
/// It is not an enrolled device, or too many wait.
pub async fn wait(app: &App, statement: String) -> Result<Option<Challenge>, DeviceError> {
    // Thousands wait: nothing is kept meanwhile but what is needed.
    let (id, said) = Box::pin(waiter(app, &statement)).await?;
    drop(statement);
    let place = app.push_waiters.enter(&id).ok_or(DeviceError::Busy)?;
    let begun = tokio::time::Instant::now();
    let asked = loop {
        let mut woken = std::pin::pin!(place.woken());
        // From here on no wake is missed; so the look comes after it.
        woken.as_mut().enable();
        let asked = Box::pin(push_transaction::find_waiting(&app.db, &id, app.now())).await?;
        let news = asked.as_ref().map(|asked| asked.id.as_str()) != said.seen.as_deref();
        let left = hold(app, &said, asked.as_ref()).saturating_sub(begun.elapsed());
        if news || left.is_zero() || !Place::wait(woken, left).await && asked.is_none() {
            break asked;
        }
    };
    let Some(asked) = asked else { return Ok(None) };
    let user = Box::pin(user_of(app, &id)).await?;
    Ok(user.map(|user| Challenge { asked, user }))
}

/// Which device waits, and how.
async fn waiter(app: &App, statement: &str) -> Result<(FactorId, WaitClaims), DeviceError> {
    let statement = Statement::read(statement)?;
    let said = push::said(verified(app, &statement, Act::Wait).await?)?;
    Ok((statement.factor().clone(), said))
}

/// The user of a factor, while there is one.
async fn user_of(app: &App, id: &FactorId) -> Result<Option<User>, Fault> {
    let Some(stored) = store::factor::find_by_id(&app.db, id).await? else { return Ok(None) };
    store::user::find(&app.db, &stored.factor.user_id).await
}

/// How long a request waits: as long as it wants, but not longer than what it shows lives.
fn hold(app: &App, said: &WaitClaims, asked: Option<&PushTransaction>) -> Span {
    if !app.ready.load(std::sync::atomic::Ordering::Relaxed) {
        return Span::ZERO;
    }
    let wanted = Span::from_secs(said.hold).min(LONGEST);
    let left = asked.map(|asked| (asked.expires_at - app.now()).unsigned_abs());
    left.map_or(wanted, |left| wanted.min(left))
}

async fn verified(app: &App, statement: &Statement, act: Act) -> Result<keys::Claims, DeviceError> {
    let device = push_device::find(&app.db, statement.factor()).await?.ok_or(DeviceError::Unauthorized)?;
    Ok(statement.verify(&device.public_jwk, (&app.settings.issuer, act), app.now())?)
}

/// Takes the answer of a device; says what became of the question.
///
/// # Errors
/// It is not an enrolled device, or the question is over.
pub async fn answer(app: &App, statement: &str, caller: &Caller) -> Result<PushResult, DeviceError> {
    let statement = Statement::read(statement)?;
    let said: AnswerClaims = push::said(verified(app, &statement, Act::Answer).await?)?;
    let id = statement.factor();
    let factor = store::factor::find_by_id(&app.db, id).await?.map(|stored| stored.factor);
    let factor = factor.filter(|factor| factor.kind == FactorKind::Push && factor.is_active());
    let factor = factor.ok_or(DeviceError::Unauthorized)?;
    // P3: an approval is for one user; a device that says another was misled.
    if factor.user_id.as_str() != said.user {
        return Err(DeviceError::Unauthorized);
    }
    let asked = PushTransactionId::new(said.challenge.as_str());
    let asked = push_transaction::find(&app.db, id, &asked).await?.ok_or(DeviceError::Over)?;
    let now = app.now();
    let judged = judge(&asked, &said);
    let state = if judged == Judged::Approved { PushState::Approved } else { PushState::Rejected };
    let unit = Unit::new().claim(push_transaction::claim_answer(&asked.id, state, now));
    let logged = |event: Event| {
        let event = described(event, &factor).with("purpose", asked.purpose.as_str());
        event.row(caller, app.random.as_ref(), now)
    };
    let unit = match judged {
        Judged::Approved => unit.claim(push_device::claim_approve(id)),
        Judged::Denied => unit.row(logged(Event::new(EventType::DenyPush))),
        // P2: counted like any other wrong answer.
        Judged::WrongNumber => unit
            .change(store::factor::claim_attempt(id, &attempt::LIMITS, now))
            .row(logged(Event::failure(EventType::AuthenticateViaMfa, "wrong_number"))),
    };
    let outcome = app.db.writer().commit(unit).await?;
    if judged == Judged::WrongNumber && outcome == Outcome::Won {
        suspend_exhausted(app, &factor, caller).await?;
    }
    // It may be shown in another window.
    app.push_waiters.wake(id);
    match outcome {
        Outcome::Won if judged == Judged::Approved => Ok(PushResult::Success),
        Outcome::Won => Ok(PushResult::Rejected),
        Outcome::Lost(_) => Err(DeviceError::Over),
    }
}

/// What an answer comes to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Judged {
    Approved,
    Denied,
    WrongNumber,
}

fn judge(asked: &PushTransaction, said: &AnswerClaims) -> Judged {
    match (said.answer, asked.numbers) {
        (Decision::Deny, _) => Judged::Denied,
        (Decision::Approve, None) => Judged::Approved,
        (Decision::Approve, Some(numbers)) if said.number == Some(numbers.correct) => Judged::Approved,
        (Decision::Approve, Some(_)) => Judged::WrongNumber,
    }
}

/// What a device is told of a question.
pub fn told(challenge: &Challenge) -> Value {
    let Challenge { asked, user } = challenge;
    let at = crate::protocol::timestamp::timestamp;
    json!({
        "id": asked.id,
        "user": user.id,
        "login": user.login,
        "created": at(asked.created_at),
        "expiresAt": at(asked.expires_at),
        "application": asked.application,
        "address": asked.ip.map(|ip| ip.to_string()),
        "userAgent": asked.user_agent.as_deref().map(|agent| user_agent::in_words(Some(agent))),
        "numbers": asked.numbers.map(|numbers| numbers.shown),
    })
}
