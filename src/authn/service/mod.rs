//! Authentication as a use case: load the state, check that the step is allowed, do the effect, state the fact, take the
//! transition, save and log. Pages and the Authentication API call only this. It does not know that OAuth exists.
//!
//! Whatever an effect consumes is claimed by the unit that saves the transaction, or ends it and writes what it buys: a step
//! happens once or not at all. Of two requests that take a step from the same state, one wins.

pub mod credentials;
pub mod factors;
pub mod navigation;
pub mod primary;
pub mod push;
pub mod recovery;

mod finish;
mod standing;

use time::OffsetDateTime;

use self::{
    finish::finish,
    standing::{Standing, may_sign_in, standing},
};
use super::{
    action::{Action, allowed},
    event::Event as Fact,
    facts::Facts,
    rules::Options,
    session_token::BoundTo,
    state::{Position, Purpose, RecoveryKind, State},
    transaction::{Browser, Context, Remember, Transaction},
    transition::{StepError, next, revised},
};
use crate::{
    app::App,
    cache::Count,
    factor::{Activation, FactorError, service::Scope},
    fault::Fault,
    id::{ClientId, FactorId, SessionId, TransactionId, UserId},
    model::{
        assurance::{Assurance, AuthenticationRequirement},
        policy::Access,
        session::{Session, VerifiedFactor},
        user::User,
    },
    secret::{Secret, TokenHash, opaque_token},
    session::sso::Opened,
    store::{
        self,
        unit::{Outcome, Unit},
    },
    syslog::{Caller, Event, EventType},
    user::{password::PasswordError, policies::PolicyFacts, recovery::RecoveryError},
};

pub use primary::{Proof, SignInError, SignedIn, password_alone};

/// Who takes a step, and through which face.
#[derive(Clone, Copy, Debug)]
pub struct Visitor<'a> {
    /// Who sent the request.
    pub caller: &'a Caller,
    /// What tells browsers and devices apart, where there is something: the cookie of a browser, or what a trusted
    /// application calls the device.
    pub device: Option<&'a str>,
    /// The face.
    pub face: Face<'a>,
}

/// What somebody who has signed in gets.
#[derive(Clone, Copy, Debug)]
pub enum Face<'a> {
    /// A page: a session in this browser, which goes on from a live one.
    Page(Option<&'a Session>),
    /// A program: a session token for whom it is meant.
    Api(&'a BoundTo),
}

impl<'a> Visitor<'a> {
    /// The live session of a browser.
    pub fn session(&self) -> Option<&'a Session> {
        match self.face {
            Face::Page(session) => session,
            Face::Api(_) => None,
        }
    }

    /// Whether it is an application that administrators trust.
    fn is_trusted(&self) -> bool {
        matches!(self.face, Face::Api(BoundTo::TrustedApplication))
    }
}

/// How a transaction begins.
#[derive(Debug, Default)]
pub struct Start {
    /// What the caller can show.
    pub options: Options,
    /// What the caller wants proved beyond what policy does.
    pub requirement: AuthenticationRequirement,
    /// What the user is told of the application that is signed in to.
    pub application: Option<String>,
    /// The application that the user is on the way to, whose policy wants its part proved as well.
    pub audience: Option<ClientId>,
    /// What the caller wants to be told at the end.
    pub relay_state: Option<String>,
    /// The state token to use; absent: a fresh one. What was left unfinished under it ends.
    pub token: Option<Secret<String>>,
}

/// What a step led to.
#[derive(Debug)]
pub enum Reply {
    /// There is more to do.
    Pending(Box<Pending>),
    /// It is over, and well.
    Success(Box<Success>),
    /// The user is locked, which only somebody who gave the right password is told (security rule M6).
    LockedOut,
}

/// What is to be done next, and what is needed to show it.
#[derive(Debug)]
pub struct Pending {
    /// The transaction.
    pub transaction: Transaction,
    /// What is known of its user.
    pub facts: Facts,
    /// What the user needs to activate the factor that was enrolled by this very step; shown once.
    pub activation: Option<Activation>,
    /// What the client must be told to answer the challenge that was begun by this very step.
    pub challenge: Option<Shown>,
}

/// A challenge as it is told.
#[derive(Debug)]
pub struct Shown {
    /// What the client hands to the authenticator.
    pub options: serde_json::Value,
    /// Which factors may answer.
    pub scope: Scope,
}

impl Pending {
    /// What may be done now.
    pub fn actions(&self) -> Vec<Action> {
        allowed(&self.transaction.position, &self.facts.rules)
    }

    /// Whether a factor may be chosen or proved now.
    pub fn may_verify(&self, factor: &FactorId) -> bool {
        self.actions().contains(&Action::Verify(factor.clone()))
    }
}

/// How a transaction ended.
#[derive(Debug)]
pub struct Success {
    /// The user.
    pub user: User,
    /// What was proved.
    pub proven: Vec<VerifiedFactor>,
    /// What the user got.
    pub gain: Gain,
    /// The session that was raised; absent: a sign-in of its own.
    pub raised: Option<SessionId>,
    /// What the caller wanted to be told.
    pub relay_state: Option<String>,
}

/// What an authentication was good for.
#[derive(Debug)]
pub enum Gain {
    /// A session in the browser of a page.
    Session(Box<Opened>),
    /// A one-time token that opens a session.
    SessionToken(Secret<String>),
    /// A password, or the end of a lock; no session (security rule S3).
    Recovered(RecoveryKind),
}

/// Why a step was not taken.
#[derive(Debug, thiserror::Error)]
pub enum AuthnError {
    /// Whatever was wrong with the credentials: it is not told (E0000004).
    #[error("the sign-in was refused")]
    Refused,
    /// Too many attempts (E0000047).
    #[error("too many attempts")]
    Throttled(Count),
    /// Too many passwords are waiting to be checked (E0000047).
    #[error("too many sign-ins at once")]
    Busy,
    /// The state token is unknown, has expired, or its user may no longer sign in (E0000011).
    #[error("the state token is invalid")]
    Token,
    /// The user was locked meanwhile (E0000069).
    #[error("the user is locked")]
    Locked,
    /// The step is not offered in this state, or another request was faster (E0000079).
    #[error("the step is not allowed now")]
    NotAllowed,
    /// What must be proved cannot be: the user has no factor for it and may enrol none (E0000004).
    #[error("what is demanded cannot be reached")]
    Unreachable,
    /// A factor did not do what was asked.
    #[error(transparent)]
    Factor(#[from] FactorError),
    /// A password was not set.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// A recovery does not go on.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<StepError> for AuthnError {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Illegal { .. } => Self::NotAllowed,
            StepError::Unreachable => Self::Unreachable,
        }
    }
}

/// A transaction with what is known of its user: what every step begins with.
struct Step {
    transaction: Transaction,
    facts: Facts,
    activation: Option<Activation>,
    challenge: Option<Shown>,
}

/// What a step has established, and what consumes it.
struct Effect {
    fact: Fact,
    unit: Unit,
    /// What it means when the unit is lost.
    lost: AuthnError,
}

impl Effect {
    /// Something that consumes nothing.
    fn of(fact: Fact) -> Self {
        Self { fact, unit: Unit::new(), lost: AuthnError::NotAllowed }
    }
}

impl Step {
    /// One that has shown nothing yet.
    fn of(transaction: Transaction, facts: Facts) -> Self {
        Self { transaction, facts, activation: None, challenge: None }
    }

    fn position(&self) -> &Position {
        &self.transaction.position
    }

    fn user(&self) -> Result<&User, AuthnError> {
        self.facts.user.as_ref().ok_or(AuthnError::NotAllowed)
    }

    /// Notes whether the device is to be remembered, where that is said.
    fn remember(&mut self, said: Option<Remember>) {
        if let Some(said) = said {
            self.transaction.context.remember = said;
        }
    }

    /// What is not offered is refused.
    fn check(&self, action: &Action) -> Result<(), AuthnError> {
        let offered = allowed(self.position(), &self.facts.rules).contains(action);
        if offered { Ok(()) } else { Err(AuthnError::NotAllowed) }
    }

    fn pending(self) -> Reply {
        let Self { transaction, facts, activation, challenge } = self;
        Reply::Pending(Box::new(Pending { transaction, facts, activation, challenge }))
    }
}

/// A transaction that began before anything was read: whatever happens to the user since then, ends it.
fn begin(app: &App, start: Start, began_at: OffsetDateTime) -> Transaction {
    let token = start.token.unwrap_or_else(|| opaque_token(app.random.as_ref()));
    let context = Context {
        options: start.options,
        requirement: start.requirement,
        relay_state: start.relay_state,
        browser: Browser::Unknown,
        remember: Remember::No,
        application: start.application,
        session: None,
        counts_from: began_at,
    };
    Transaction::new(TransactionId::generate(app.random.as_ref()), token, context, began_at)
}

/// Adds what the application wants that the user is on the way to. Asked only of a user who proved something: whoever did not
/// learns nothing, not even by the time it takes (security rule M1).
async fn on_the_way(app: &App, start: Start, user: &UserId, caller: &Caller) -> Result<Start, Fault> {
    let Some(audience) = &start.audience else { return Ok(start) };
    let facts = PolicyFacts::load(app, user).await?;
    let decided = facts.set.for_app(audience, &facts.subject(user, caller.ip));
    // A user who may not use it learns that from the application; nothing about the login is told here.
    let requirement = match decided.access {
        Access::Allow => start.requirement.and(Assurance::of_session(decided.assurance)),
        Access::Deny => start.requirement,
    };
    Ok(Start { requirement, audience: None, ..start })
}

/// Adds what is known of a user to a transaction. Whom policy does not let in goes no further.
async fn step_of(
    app: &App,
    visitor: &Visitor<'_>,
    transaction: Transaction,
    user: User,
) -> Result<Step, AuthnError> {
    let facts = Facts::load(app, user, &transaction, (visitor.device, visitor.caller.ip)).await?;
    Ok(Step::of(transaction, facts))
}

/// Loads the transaction of a state token.
async fn load(app: &App, visitor: &Visitor<'_>, token: &str) -> Result<Step, AuthnError> {
    let now = app.now();
    let stored = store::authn_transaction::find(&app.db, &TokenHash::of(token), now).await?;
    let stored = stored.ok_or(AuthnError::Token)?;
    let transaction = Transaction::open(&stored, token, now)?.ok_or(AuthnError::Token)?;
    let raised = transaction.context.session.as_ref();
    if raised.is_some_and(|raised| visitor.session().is_none_or(|session| session.id != *raised)) {
        // T5: what its session proved is nothing without it.
        return Err(ended(app, &transaction, AuthnError::Token).await?);
    }
    let known = match &transaction.position.state {
        // Whose code it is makes no difference before it was right, not even one of time (security rule M3).
        State::RecoveryChallenge { .. } => None,
        _ => transaction.position.user_id.as_ref(),
    };
    let Some(id) = known else {
        return Ok(Step::of(transaction, Facts::of_nobody()));
    };
    let user = store::user::find(&app.db, id).await?;
    // N4: what ends the user's sign-ins ends the ones that are under way.
    match standing(app, &transaction, user.as_ref()) {
        Standing::Good => {}
        Standing::Locked => return Err(ended(app, &transaction, AuthnError::Locked).await?),
        Standing::Cut => return Err(ended(app, &transaction, AuthnError::Token).await?),
    }
    let mut step = step_of(app, visitor, transaction, user.ok_or(AuthnError::Token)?).await?;
    if step.position().purpose == Purpose::SignIn && step.facts.policies.session.access == Access::Deny {
        return Err(AuthnError::Refused);
    }
    // S7: what was won by a factor goes with it, in the middle of a sign-in as well.
    match revised(std::mem::take(&mut step.transaction.position), &step.facts.rules) {
        Ok(position) => step.transaction.position = position,
        Err(error) => {
            unreachable(app, visitor, step.facts.user_id()).await?;
            return Err(ended(app, &step.transaction, error.into()).await?);
        }
    }
    Ok(step)
}

/// Ends a transaction that cannot go on.
async fn ended(app: &App, transaction: &Transaction, why: AuthnError) -> Result<AuthnError, Fault> {
    let unit = Unit::new().change(store::authn_transaction::remove(&transaction.id));
    app.db.writer().commit(unit).await?;
    Ok(why)
}

/// Takes the step from what was established: saves the transaction, or ends it.
async fn settle(
    app: &App,
    visitor: &Visitor<'_>,
    mut step: Step,
    effect: Effect,
) -> Result<Reply, AuthnError> {
    let now = app.now();
    let before = std::mem::take(&mut step.transaction.position);
    let changes_user = effect.fact.changes_user();
    let proves = effect.fact.proves().cloned();
    let position = match next(before, effect.fact, &step.facts.rules, now) {
        Ok(position) => position,
        Err(error) => {
            if error == StepError::Unreachable {
                unreachable(app, visitor, step.facts.user_id()).await?;
            }
            return Err(error.into());
        }
    };
    step.transaction.position = position;
    if step.position().state.is_over() {
        let consumed = (effect.unit, effect.lost);
        let mut success = finish(app, visitor, step, consumed, proves.as_ref()).await?;
        if changes_user {
            success.user = anew(app, &success.user.id).await?;
        }
        return Ok(Reply::Success(Box::new(success)));
    }
    let unit = step.transaction.save(effect.unit, now)?;
    let others = usize::from(step.transaction.is_saved());
    commit(app, unit, others, effect.lost).await?;
    step.transaction.saved();
    if changes_user && let Some(user) = step.facts.user_id() {
        let user = anew(app, user).await?;
        let from = (visitor.device, visitor.caller.ip);
        step.facts = Facts::load(app, user, &step.transaction, from).await?;
    }
    Ok(step.pending())
}

/// A user as the step that was just committed left it, which the answer tells.
async fn anew(app: &App, user: &UserId) -> Result<User, AuthnError> {
    store::user::find(&app.db, user).await?.ok_or(AuthnError::Token)
}

async fn unreachable(app: &App, visitor: &Visitor<'_>, user: Option<&UserId>) -> Result<(), Fault> {
    let event = Event::failure(EventType::SessionStart, "no_factor");
    let event = match user {
        Some(user) => event.user(user),
        None => event,
    };
    let row = event.row(visitor.caller, app.random.as_ref(), app.now());
    app.db.writer().commit(Unit::new().row(row)).await?;
    Ok(())
}

/// Commits the unit of a step, whose own claims come after so many others: that the transaction stands where it stood, if it
/// was saved before, and that what was proved earlier still counts.
async fn commit(app: &App, unit: Unit, others: usize, lost: AuthnError) -> Result<(), AuthnError> {
    match app.db.writer().commit(unit).await? {
        Outcome::Won => Ok(()),
        Outcome::Lost(index) if index < others => Err(AuthnError::NotAllowed),
        Outcome::Lost(_) => Err(lost),
    }
}
