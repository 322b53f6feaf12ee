//! Beginning with a password, with a live session, or with the link of a new account.

use time::OffsetDateTime;

use super::{
    AuthnError, Effect, Face, Reply, Start, Step, Visitor, begin, load, may_sign_in, on_the_way,
    recovery::follow, settle, step_of,
};
use crate::{
    app::App,
    authn::{
        action::Action,
        event::Event as Fact,
        state::{RecoveryKind, State},
        transaction::Browser,
        transition::{StepError, next},
    },
    cache::Count,
    factor::{self, Answer, Assertion, FactorError, Purpose, service},
    fault::Fault,
    id::UserId,
    limit::{
        lockout::{self, FAILURES_BEFORE_RESET},
        rate::{Bucket, address},
    },
    message::Content,
    model::{
        policy::{Access, PrimaryFactor},
        session::{Session, VerifiedFactor},
        user::{User, UserStatus},
    },
    secret::{Secret, TokenHash, opaque_token},
    session::sso::Opened,
    store::{
        self,
        unit::{Outcome, Unit},
    },
    syslog::{Caller, Event, EventType, Reason, record_throttled},
    user::{
        attempt::{self, Budget},
        contact,
        login::LoginKey,
        policies,
        recovery::{RecoveryError, token},
    },
};

/// What a user typed.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    /// The login as it was typed.
    pub login: &'a str,
    /// The password as it was typed.
    pub password: &'a Secret<String>,
}

/// Begins with login and password.
///
/// # Errors
/// Nobody proved anything, for whatever reason, or it leads nowhere.
pub async fn with_password(
    app: &App,
    visitor: &Visitor<'_>,
    credentials: Credentials<'_>,
    start: Start,
) -> Result<Reply, AuthnError> {
    let began_at = app.now();
    let right = match prove(app, visitor, credentials).await? {
        Proved::Right(right) => *right,
        Proved::Locked => return Ok(Reply::LockedOut),
    };
    let start = on_the_way(app, start, &right.user.id, visitor.caller).await?;
    let mut transaction = begin(app, start, began_at);
    transaction.context.browser = right.browser;
    let step = step_of(app, visitor, transaction, right.user.clone()).await?;
    submit(app, visitor, step, (credentials, right)).await
}

/// Begins with a passkey alone, which has verified its user (Web Authentication Level 3 §1.2.3), where policy allows that.
///
/// # Errors
/// Nobody proved anything, for whatever reason, or it leads nowhere.
pub async fn with_passkey(
    app: &App,
    visitor: &Visitor<'_>,
    given: Assertion,
    start: Start,
) -> Result<Reply, AuthnError> {
    let began_at = app.now();
    throttle(app, None, visitor.caller).await?;
    let factor = service::find_passkey(app, &given).await?;
    let user = match &factor {
        Some(factor) => store::user::find(&app.db, &factor.user_id).await?,
        None => None,
    };
    let refused = async |reason| -> Result<Reply, AuthnError> {
        refuse(app, visitor.caller, (user.as_ref(), None), reason).await?;
        Err(AuthnError::Refused)
    };
    let (Some(factor), Some(user), Some(device)) = (&factor, &user, visitor.device) else {
        return refused("unknown_passkey").await;
    };
    if !may_sign_in(user) {
        return refused("user_not_active").await;
    }
    let Some(browser) = unlocked(app, user, device, began_at).await? else {
        return refused("locked_out").await;
    };
    // Asked first: where no passkey counts alone, one that was picked by mistake costs its owner no attempt.
    let session = policies::of_user(app, user, visitor.caller.ip).await?.session;
    if session.primary_factor != PrimaryFactor::PasswordIdpAnyFactor {
        return refused("passkey_not_primary").await;
    }
    let purpose = (Purpose::Browser(device), visitor.caller);
    let factor::Proof { verified, unit } =
        match service::verify(app, user, factor, &Answer::Assertion(given), purpose).await {
            Ok(proof) => proof,
            Err(FactorError::Fault(fault)) => return Err(fault.into()),
            Err(_) => return refused("invalid_passkey").await,
        };
    let start = on_the_way(app, start, &user.id, visitor.caller).await?;
    let mut transaction = begin(app, start, began_at);
    transaction.context.browser = browser;
    let step = step_of(app, visitor, transaction, user.clone()).await?;
    admitted(app, visitor, &step).await?;
    let fact = Fact::PasskeyAccepted { user_id: user.id.clone(), proof: verified };
    settle(app, visitor, step, Effect { fact, unit, lost: AuthnError::Refused }).await
}

/// Whether a passkey of the user is looked at in this browser; absent: it is locked. As with a password, strangers' guesses
/// lock no browser that the user is known in.
async fn unlocked(
    app: &App,
    user: &User,
    device: &str,
    now: OffsetDateTime,
) -> Result<Option<Browser>, Fault> {
    let known = store::known_device::find(&app.db, &user.id, &TokenHash::of(device)).await?;
    let (browser, locked) = match known {
        Some(known) => (Browser::Known, known.locked_until.is_some_and(|until| until > now)),
        None => (Browser::Unknown, !lockout::may_try(&user.lock, now)),
    };
    Ok((!locked).then_some(browser))
}

/// Gives login and password in a transaction that waits for them.
///
/// # Errors
/// The transaction waits for something else, or the password is wrong.
pub async fn submit_password(
    app: &App,
    visitor: &Visitor<'_>,
    state_token: &str,
    credentials: Credentials<'_>,
) -> Result<Reply, AuthnError> {
    let mut step = load(app, visitor, state_token).await?;
    step.check(&Action::SubmitPassword)?;
    match prove(app, visitor, credentials).await? {
        Proved::Locked => Ok(Reply::LockedOut),
        Proved::Right(right) => {
            step.transaction.context.browser = right.browser;
            // Somebody else's password is as good as a wrong one here: a step-up is about the user of its session (T5).
            if step.facts.user_id().is_some_and(|id| *id != right.user.id) {
                let refused = Some(&right.user);
                refuse(app, visitor.caller, (refused, None), "other_user").await?;
                return Err(AuthnError::Refused);
            }
            if step.facts.user.is_none() {
                step = step_of(app, visitor, step.transaction, right.user.clone()).await?;
            }
            submit(app, visitor, step, (credentials, *right)).await
        }
    }
}

/// Raises a live session: only what is missing is asked for (RFC 9470 §5).
///
/// # Errors
/// The session no longer counts, or what is wanted leads nowhere.
pub async fn with_session(
    app: &App,
    visitor: &Visitor<'_>,
    session: &Session,
    start: Start,
) -> Result<Reply, AuthnError> {
    let began_at = app.now();
    let user = store::user::find(&app.db, &session.user_id).await?;
    let user = user
        .filter(|user| user.is_active() && session.outlives(user.not_before))
        .ok_or(AuthnError::Refused)?;
    let mut transaction = begin(app, start, began_at);
    transaction.context.session = Some(session.id.clone());
    // The browser proved more than a password before: guesses of strangers do not end what it begins.
    transaction.context.browser = Browser::Known;
    let user_id = user.id.clone();
    let step = step_of(app, visitor, transaction, user).await?;
    admitted(app, visitor, &step).await?;
    let counted = session.factors.iter().filter(|proof| step.facts.rules.counts(proof));
    let fact = Fact::SessionFound { user_id, proven: counted.cloned().collect() };
    settle(app, visitor, step, Effect::of(fact)).await
}

/// Begins with the token of a new account (Okta's primary authentication with activation token).
///
/// # Errors
/// The token is none, was used, or has expired.
pub async fn with_activation_token(
    app: &App,
    visitor: &Visitor<'_>,
    activation_token: &str,
    start: Start,
) -> Result<Reply, AuthnError> {
    let began_at = app.now();
    let reply = match token::find(app, activation_token).await {
        Ok(found) if found.token.kind == RecoveryKind::AccountActivation => {
            follow(app, visitor, found, (start, began_at)).await
        }
        // A token of another kind is none here.
        Ok(_) => Err(AuthnError::Refused),
        Err(error) => Err(error.into()),
    };
    match reply {
        // Why one no longer counts is nobody's business here.
        Err(AuthnError::Recovery(RecoveryError::Unknown | RecoveryError::Spent)) => Err(AuthnError::Refused),
        reply => reply,
    }
}

async fn submit(
    app: &App,
    visitor: &Visitor<'_>,
    step: Step,
    (credentials, right): (Credentials<'_>, Right),
) -> Result<Reply, AuthnError> {
    admitted(app, visitor, &step).await?;
    let unit = rehashed(app, forgiven(&right, visitor.device, app.now()), credentials, &right).await;
    let fact = Fact::PasswordAccepted { user_id: right.user.id, at: right.at };
    settle(app, visitor, step, Effect { fact, unit, lost: AuthnError::Refused }).await
}

/// Whom the global session policy does not let in learns no more than somebody with a wrong password.
pub(super) async fn admitted(app: &App, visitor: &Visitor<'_>, step: &Step) -> Result<(), AuthnError> {
    if step.facts.policies.session.access == Access::Allow {
        return Ok(());
    }
    refuse(app, visitor.caller, (step.facts.user.as_ref(), None), "policy_deny").await?;
    Err(AuthnError::Refused)
}

/// Somebody signed in.
pub struct SignedIn {
    /// The user.
    pub user: User,
    /// The session and its cookie.
    pub opened: Opened,
}

/// Why nobody signed in. Unknown user, wrong password and locked user are one.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Whatever was wrong: it is not told.
    #[error("the sign-in was refused")]
    Refused,
    /// More than a password is asked of this user.
    #[error("a password is not enough")]
    Incomplete,
    /// Too many attempts.
    #[error("too many attempts")]
    Throttled(Count),
    /// Too many passwords are waiting to be checked.
    #[error("too many sign-ins at once")]
    Busy,
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<AuthnError> for SignInError {
    fn from(error: AuthnError) -> Self {
        match error {
            AuthnError::Throttled(count) => Self::Throttled(count),
            AuthnError::Busy => Self::Busy,
            AuthnError::Fault(fault) => Self::Fault(fault),
            AuthnError::Unreachable => Self::Incomplete,
            AuthnError::Refused
            | AuthnError::Token
            | AuthnError::Locked
            | AuthnError::NotAllowed
            | AuthnError::Factor(_)
            | AuthnError::Password(_)
            | AuthnError::Recovery(_) => Self::Refused,
        }
    }
}

/// A user who proved a password without a browser: there is no session.
pub struct Proof {
    /// The user.
    pub user: User,
    /// What was proved.
    pub factors: Vec<VerifiedFactor>,
}

/// Checks a password outside of browsers (RFC 6749 §4.3), with the same budgets, locks and costs as any other sign-in. Where
/// more than a password would be asked for, it proves nothing.
///
/// # Errors
/// Nobody proved anything, for whatever reason.
pub async fn password_alone(
    app: &App,
    login: &str,
    password: Secret<String>,
    caller: &Caller,
) -> Result<Proof, SignInError> {
    // A browser that nobody has: no known device is charged in place of the user.
    let device = opaque_token(app.random.as_ref());
    let visitor = Visitor { caller, device: Some(device.expose()), face: Face::Page(None) };
    let credentials = Credentials { login, password: &password };
    let began_at = app.now();
    let Proved::Right(right) = prove(app, &visitor, credentials).await? else {
        return Err(SignInError::Refused);
    };
    let transaction = begin(app, Start::default(), began_at);
    let step = step_of(app, &visitor, transaction, right.user.clone()).await?;
    admitted(app, &visitor, &step).await?;
    let fact = Fact::PasswordAccepted { user_id: right.user.id.clone(), at: right.at };
    let position = match next(step.transaction.position, fact, &step.facts.rules, app.now()) {
        Ok(position) if position.state == State::Success => position,
        Ok(_) | Err(StepError::Unreachable | StepError::Illegal { .. }) => {
            refuse(app, caller, (Some(&right.user), None), "more_than_a_password").await?;
            return Err(SignInError::Incomplete);
        }
    };
    let now = app.now();
    let unit = forgiven(&right, None, now).claim(store::user::claim_login(&right.user, now));
    let unit = rehashed(app, unit, credentials, &right).await;
    if app.db.writer().commit(unit).await? != Outcome::Won {
        return Err(SignInError::Refused);
    }
    metrics::counter!("logins_total", "outcome" => "success").increment(1);
    Ok(Proof { user: right.user, factors: position.proven })
}

/// A right password.
struct Right {
    user: User,
    at: OffsetDateTime,
    browser: Browser,
    /// The stored hash, if it was made with other parameters than today's.
    outdated: Option<Secret<String>>,
}

enum Proved {
    Right(Box<Right>),
    /// It was right, but the user is locked, and policy lets it be told.
    Locked,
}

/// Checks a password: budgets first, then one hash, whoever it is.
async fn prove(app: &App, visitor: &Visitor<'_>, credentials: Credentials<'_>) -> Result<Proved, AuthnError> {
    let caller = visitor.caller;
    let key = LoginKey::normalize(credentials.login.trim()).ok();
    throttle(app, key.as_ref(), caller).await?;
    let user = match &key {
        Some(key) => store::user::find_by_login(&app.db, key.as_str()).await?,
        None => None,
    };
    let now = app.now();
    let looked_at = match &user {
        Some(user) => look(app, visitor, user, now).await?,
        None => {
            let device = visitor.device.map(TokenHash::of);
            attempt::charge_stranger(app, key.as_ref(), device.as_ref(), now).await?;
            Look::Away("unknown_user")
        }
    };
    // The same work whoever it is: a user that is unknown, locked or not active costs one hash as well.
    let hash = match (&user, looked_at) {
        (Some(user), Look::Charged(_) | Look::WhileLocked) => user.password_hash.clone(),
        (Some(_) | None, _) => None,
    };
    let verified = app
        .passwords
        .verify(credentials.password.clone(), hash.clone())
        .await
        .map_err(|_| AuthnError::Busy)?;
    let reason = match looked_at {
        Look::Away(reason) => Some(reason),
        Look::WhileLocked => Some("locked_out"),
        Look::Charged(_) if !verified.matches => Some("invalid_credentials"),
        Look::Charged(_) => None,
    };
    match (user, looked_at, reason) {
        (Some(user), Look::Charged(budget), None) => {
            let browser = if budget == Budget::Device { Browser::Known } else { Browser::Unknown };
            let outdated = verified.needs_rehash.then_some(hash).flatten();
            Ok(Proved::Right(Box::new(Right { user, at: now, browser, outdated })))
        }
        (user, looked_at, reason) => {
            let reason = reason.unwrap_or("invalid_credentials");
            refuse(app, caller, (user.as_ref(), key.as_ref()), reason).await?;
            // M6: a lock is told to nobody but those who know the password.
            let told = matches!(looked_at, Look::WhileLocked) && verified.matches;
            if told { Ok(Proved::Locked) } else { Err(AuthnError::Refused) }
        }
    }
}

/// Whether the password is looked at.
#[derive(Clone, Copy)]
enum Look {
    /// It is, and the attempt was charged.
    Charged(Budget),
    /// It is, although the user is locked, to tell whoever knows it of the lock.
    WhileLocked,
    /// It is not, and why.
    Away(Reason),
}

async fn look(app: &App, visitor: &Visitor<'_>, user: &User, now: OffsetDateTime) -> Result<Look, Fault> {
    let device = visitor.device.map(TokenHash::of);
    let budget = attempt::charge(app, user, device.as_ref(), now).await?;
    let locked = budget == Budget::Locked || user.status == UserStatus::LockedOut;
    if locked {
        let told = locked_look(app, visitor, user, now).await?;
        return Ok(if told { Look::WhileLocked } else { Look::Away("locked_out") });
    }
    Ok(if may_sign_in(user) { Look::Charged(budget) } else { Look::Away("user_not_active") })
}

/// Passwords that are looked at while a user is locked, within a lock's shortest length.
const LOOKS_WHILE_LOCKED: u32 = 3;

/// Whether a password is looked at although the user is locked, which policy must want. A lock would be none if guesses went
/// on: only a few are looked at, and each counts towards the lock that only a reset ends (NIST SP 800-63B-4 §3.2.2).
async fn locked_look(
    app: &App,
    visitor: &Visitor<'_>,
    user: &User,
    now: OffsetDateTime,
) -> Result<bool, Fault> {
    if !policies::of_user(app, user, visitor.caller.ip).await?.password.show_lockout_failures {
        return Ok(false);
    }
    let key = format!("locked_look:{}", user.id);
    let window = lockout::FIRST_LOCK.unsigned_abs();
    if app.counter.hit(&key, LOOKS_WHILE_LOCKED, window, now).await.exceeded {
        return Ok(false);
    }
    let claim = store::user::claim_locked_attempt(&user.id, (FAILURES_BEFORE_RESET, lockout::UNTIL_RESET));
    Ok(app.db.writer().commit(Unit::new().claim(claim)).await? == Outcome::Won)
}

/// Budgets of the address and of the name, before any hashing or durable write.
async fn throttle(app: &App, key: Option<&LoginKey>, caller: &Caller) -> Result<(), AuthnError> {
    let ip = caller.ip.map(address).unwrap_or_default();
    let now = app.now();
    for (bucket, part) in
        [(Bucket::SignIn, Some(ip.as_str())), (Bucket::SignInUsername, key.map(LoginKey::as_str))]
    {
        let (Some(part), Some(rate)) = (part, app.rates.of(bucket)) else { continue };
        let count = app.counter.hit(&bucket.key(&[part]), rate.limit, rate.window, now).await;
        if count.exceeded {
            return throttled(app, bucket, count, caller).await;
        }
    }
    let bucket = Bucket::SignInFailure;
    if let Some(rate) = app.rates.of(bucket) {
        let count = app.counter.peek(&bucket.key(&[&ip]), rate.limit, rate.window, now).await;
        if count.exceeded {
            return throttled(app, bucket, count, caller).await;
        }
    }
    Ok(())
}

async fn throttled(app: &App, bucket: Bucket, count: Count, caller: &Caller) -> Result<(), AuthnError> {
    record_throttled(app, bucket, caller).await?;
    Err(AuthnError::Throttled(count))
}

/// Forgets wrong passwords after a right one, in the budget that it was charged to.
fn forgiven(right: &Right, device: Option<&str>, now: OffsetDateTime) -> Unit {
    let id = &right.user.id;
    Unit::new().change(match (right.browser, device) {
        (Browser::Known, Some(device)) => store::known_device::refresh(id, &TokenHash::of(device), now),
        (Browser::Known | Browser::Unknown, _) => store::user::forgive(id, now),
    })
}

/// Replaces a hash that was made with other parameters than today's.
async fn rehashed(app: &App, unit: Unit, credentials: Credentials<'_>, right: &Right) -> Unit {
    let Some(old) = &right.outdated else { return unit };
    match app.passwords.hash(credentials.password.clone()).await {
        Ok(new) => unit.change(store::user::replace_password_hash(&right.user.id, old, &new)),
        Err(_) => unit,
    }
}

async fn refuse(
    app: &App,
    caller: &Caller,
    (user, key): (Option<&User>, Option<&LoginKey>),
    reason: Reason,
) -> Result<(), Fault> {
    metrics::counter!("logins_total", "outcome" => reason).increment(1);
    let now = app.now();
    let ip = caller.ip.map(address).unwrap_or_default();
    if let Some(rate) = app.rates.of(Bucket::SignInFailure) {
        // The count decides the next attempt, not this one.
        let _ = app.counter.hit(&Bucket::SignInFailure.key(&[&ip]), rate.limit, rate.window, now).await;
    }
    let mut unit = Unit::new();
    let subject = user.map_or_else(|| key.map_or("", LoginKey::as_str), |user| user.id.as_str());
    if let Some(times) = app.repeats.note(&format!("{ip}\n{subject}\n{reason}"), now) {
        let mut event = Event::failure(EventType::SessionStart, reason).times(times);
        if let Some(user) = user {
            event = event.user(&user.id);
        }
        unit = unit.row(event.row(caller, app.random.as_ref(), now));
    }
    if newly_locked(app, user, now).await?
        && let Some(user) = user
    {
        let event = Event::failure(EventType::AccountLock, "too_many_failures").user(&user.id);
        unit = unit.row(event.row(caller, app.random.as_ref(), now));
        unit = contact::mail(app, unit, user, &Content::AccountLocked)?;
    }
    app.db.writer().commit(unit).await?;
    Ok(())
}

/// Whether the user was locked while this attempt was looked at, and nobody said so yet: of a parallel burst all attempts
/// find the lock that one of them set. For nobody the same is looked up as for a user (security rule M1).
async fn newly_locked(app: &App, before: Option<&User>, now: OffsetDateTime) -> Result<bool, Fault> {
    if before.is_some_and(|before| !lockout::may_try(&before.lock, now)) {
        return Ok(false);
    }
    let id = before.map_or_else(|| UserId::new("-"), |before| before.id.clone());
    let after = store::user::find(&app.db, &id).await?;
    let locked_until = after.and_then(|after| after.lock.locked_until).filter(|until| *until > now);
    Ok(locked_until.is_some_and(|until| app.repeats.note(&format!("lock\n{id}\n{until}"), now).is_some()))
}
