//! Authentication as a use case: load the state, check that the step is allowed, do the effect, state the fact, take the
//! transition, save and log. Pages and, later, the Authentication API call only this. It does not know that OAuth exists.

use time::OffsetDateTime;

use super::{
    event::Event as Fact,
    rules::Rules,
    state::Position,
    transition::{StepError, next},
};
use crate::{
    app::App,
    cache::Count,
    fault::Fault,
    id::UserId,
    limit::{
        lockout::{
            self, AttemptCharge, DeviceLock, FAILURES_BEFORE_LOCK, FAILURES_BEFORE_RESET, UNTIL_RESET,
        },
        rate::{Bucket, address},
    },
    model::{
        session::{Session, VerifiedFactor},
        user::User,
    },
    secret::{Secret, TokenHash, opaque_token},
    session::sso::{self, FactorPromptMet, Opened, Opening},
    store::{
        self,
        unit::{Outcome, Unit},
        user::{Charge, KnownDevice},
    },
    syslog::{Caller, Event, EventType, Reason, record_repeated},
    user::{login::LoginKey, policies},
};

/// What a user typed, and in which browser.
pub struct PasswordAttempt<'a> {
    /// The login as it was typed.
    pub login: &'a str,
    /// The password as it was typed.
    pub password: Secret<String>,
    /// The cookie that tells browsers apart.
    pub device: &'a str,
    /// The live session of this browser, if any.
    pub session: Option<&'a Session>,
    /// Who sent it.
    pub caller: &'a Caller,
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
    /// Too many attempts.
    #[error("too many attempts")]
    Throttled(Count),
    /// Too many passwords are waiting to be checked.
    #[error("too many sign-ins at once")]
    Busy,
    /// The step is not allowed in this state.
    #[error(transparent)]
    IllegalStep(#[from] StepError),
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Signs in with a password.
///
/// # Errors
/// Nobody signed in, for whatever reason.
pub async fn password(app: &App, attempt: PasswordAttempt<'_>) -> Result<SignedIn, SignInError> {
    let proof = prove(app, &attempt).await?;
    accept(app, attempt, proof).await
}

/// A user who proved a password without a browser: there is no session.
pub struct Proof {
    /// The user.
    pub user: User,
    /// What was proved.
    pub factors: Vec<VerifiedFactor>,
    device: TokenHash,
    known: KnownBrowser,
    rehash: Option<Secret<String>>,
}

/// Whether the user signed in with this browser before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KnownBrowser {
    Yes,
    No,
}

/// Checks a password outside of browsers (RFC 6749 §4.3), with the same budgets, locks and costs as any other sign-in.
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
    let attempt = PasswordAttempt { login, password, device: device.expose(), session: None, caller };
    let proof = prove(app, &attempt).await?;
    let unit = Unit::new().change(store::user::record_login(&proof.user.id, app.now()));
    let unit = rehashed(app, unit, &attempt, &proof).await;
    app.db.writer().commit(unit).await?;
    metrics::counter!("logins_total", "outcome" => "success").increment(1);
    Ok(proof)
}

async fn prove(app: &App, attempt: &PasswordAttempt<'_>) -> Result<Proof, SignInError> {
    let (position, rules) = (Position::default(), Rules::default());
    let key = LoginKey::normalize(attempt.login.trim()).ok();
    throttle(app, key.as_ref(), attempt.caller).await?;
    let user = match &key {
        Some(key) => store::user::find_by_login(&app.db, key.as_str()).await?,
        None => None,
    };
    let now = app.now();
    let device = TokenHash::of(attempt.device);
    let budget = match &user {
        Some(user) => charge(app, user, &device, now).await?,
        None => Budget::None,
    };
    // The same work whoever it is: a user that is unknown, locked or not active costs one hash as well.
    let hash = match (&user, &budget) {
        (Some(user), Budget::Charged | Budget::ChargedDevice) if user.is_active() => {
            user.password_hash.clone()
        }
        _ => None,
    };
    let password = attempt.password.clone();
    let verified = app.passwords.verify(password, hash.clone()).await.map_err(|_| SignInError::Busy)?;
    let reason = match (&user, &budget) {
        (None, _) => Some("unknown_user"),
        (Some(_), Budget::Locked) => Some("locked_out"),
        (Some(user), _) if !user.is_active() => Some("user_not_active"),
        (Some(_), _) if !verified.matches => Some("invalid_credentials"),
        (Some(_), _) => None,
    };
    match (user, reason) {
        (Some(user), None) => {
            let fact = Fact::PasswordAccepted { user_id: user.id.clone(), at: now };
            let factors = next(position, fact, &rules, now)?.proven;
            let rehash = verified.needs_rehash.then_some(hash).flatten();
            let known = match budget {
                Budget::ChargedDevice => KnownBrowser::Yes,
                Budget::None | Budget::Charged | Budget::Locked => KnownBrowser::No,
            };
            Ok(Proof { user, factors, device, known, rehash })
        }
        (user, reason) => {
            let reason = reason.unwrap_or("invalid_credentials");
            let fact = if reason == "locked_out" { Fact::UserLocked } else { Fact::PasswordRefused };
            next(position, fact, &rules, now)?;
            refuse(app, user.as_ref(), key.as_ref(), reason, attempt.caller).await?;
            Err(SignInError::Refused)
        }
    }
}

/// Budgets of the address and of the name, before any hashing or durable write.
async fn throttle(app: &App, key: Option<&LoginKey>, caller: &Caller) -> Result<(), SignInError> {
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

async fn throttled(app: &App, bucket: Bucket, count: Count, caller: &Caller) -> Result<(), SignInError> {
    metrics::counter!("rate_limit_refusals_total", "bucket" => bucket.name()).increment(1);
    let event = Event::failure(EventType::RateLimited, bucket.name());
    record_repeated(app, bucket.name(), event, caller).await?;
    Err(SignInError::Throttled(count))
}

enum Budget {
    /// There is no user to charge.
    None,
    /// Charged to the user.
    Charged,
    /// Charged to a browser that the user signed in with before.
    ChargedDevice,
    /// The user, or that browser, is locked.
    Locked,
}

/// Charges the attempt before the password is looked at.
async fn charge(app: &App, user: &User, device: &TokenHash, now: OffsetDateTime) -> Result<Budget, Fault> {
    let writer = app.db.writer();
    if let Some(known) = store::user::find_device(&app.db, &user.id, device).await? {
        let before = DeviceLock { failures: known.failures, locked_until: known.locked_until };
        if before.may_try(now) {
            let after = before.decide(lockout::Outcome::Charged, now);
            let after = KnownDevice { failures: after.failures, locked_until: after.locked_until };
            let claim = store::user::claim_device_attempt((&user.id, device), &known, &after, now);
            return Ok(match writer.commit(Unit::new().claim(claim)).await? {
                Outcome::Won => Budget::ChargedDevice,
                Outcome::Lost(_) => Budget::Locked,
            });
        }
        return Ok(Budget::Locked);
    }
    let moments = AttemptCharge::at(now);
    let charge = Charge {
        now,
        lock_ends: &moments.lock_ends,
        until_reset: UNTIL_RESET,
        threshold: FAILURES_BEFORE_LOCK,
        cap: FAILURES_BEFORE_RESET,
    };
    Ok(match writer.commit(Unit::new().claim(store::user::claim_attempt(&user.id, &charge))).await? {
        Outcome::Won => Budget::Charged,
        Outcome::Lost(_) => Budget::Locked,
    })
}

async fn accept(app: &App, attempt: PasswordAttempt<'_>, proof: Proof) -> Result<SignedIn, SignInError> {
    let now = app.now();
    let unit = rehashed(app, Unit::new(), &attempt, &proof).await;
    let Proof { user, factors, device, known, .. } = proof;
    let unit = match known {
        KnownBrowser::Yes => unit
            .change(store::user::refresh_device(&user.id, &device, now))
            .change(store::user::touch_last_login(&user.id, now)),
        KnownBrowser::No => unit
            .change(store::user::record_login(&user.id, now))
            .change(store::user::remember_device(&user.id, &device, now)),
    };
    let policies = policies::of_user(app, &user, attempt.caller.ip).await?;
    let opening = Opening {
        user: &user.id,
        factors,
        policy: &policies.session,
        prompt: FactorPromptMet::ByFactors,
        previous: attempt.session,
        caller: attempt.caller,
    };
    let (unit, opened) = sso::open(app, unit, opening).await?;
    let event = Event::new(EventType::SessionStart).user(&user.id).session(&opened.session.id);
    let unit = unit.row(event.row(attempt.caller, app.random.as_ref(), now));
    match app.db.writer().commit(unit).await? {
        Outcome::Won => {
            metrics::counter!("logins_total", "outcome" => "success").increment(1);
            Ok(SignedIn { user, opened })
        }
        // The session that was to be renewed ended meanwhile.
        Outcome::Lost(_) => Err(SignInError::Refused),
    }
}

/// Replaces a hash that was made with other parameters than today's.
async fn rehashed(app: &App, unit: Unit, attempt: &PasswordAttempt<'_>, proof: &Proof) -> Unit {
    let Some(old) = &proof.rehash else { return unit };
    match app.passwords.hash(attempt.password.clone()).await {
        Ok(new) => unit.change(store::user::replace_password_hash(&proof.user.id, old, &new)),
        Err(_) => unit,
    }
}

async fn refuse(
    app: &App,
    user: Option<&User>,
    key: Option<&LoginKey>,
    reason: Reason,
    caller: &Caller,
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
    if let Some(user) = user
        && newly_locked(app, &user.id, user, now).await?
    {
        let event = Event::failure(EventType::AccountLock, "too_many_failures").user(&user.id);
        unit = unit.row(event.row(caller, app.random.as_ref(), now));
    }
    app.db.writer().commit(unit).await?;
    Ok(())
}

/// Whether the user was locked while this attempt was looked at, and nobody said so yet: of a parallel burst all attempts
/// find the lock that one of them set.
async fn newly_locked(app: &App, id: &UserId, before: &User, now: OffsetDateTime) -> Result<bool, Fault> {
    if !lockout::may_try(&before.lock, now) {
        return Ok(false);
    }
    let after = store::user::find(&app.db, id).await?;
    let locked_until = after.and_then(|after| after.lock.locked_until).filter(|until| *until > now);
    Ok(locked_until.is_some_and(|until| app.repeats.note(&format!("lock\n{id}\n{until}"), now).is_some()))
}
