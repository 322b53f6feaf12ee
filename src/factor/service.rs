//! What all kinds share: status, attempts and their limits, one-time use, resend limits, log events.
//!
//! Whatever is tried or sent is charged in a unit of its own, committed before the answer is looked at or the message is
//! written: a burst of guesses gets no more tries than there are, and a caller who goes away has spent one. What succeeds
//! comes back as a unit, so that the code is consumed in the transaction that inserts what it buys.

use keys::Aad;
use serde_json::{Map, Value};
use time::Duration;

use super::{
    Activate, Activation, Answer, Enrolled, Enrolment, FactorError, Proof, Purpose, UpdatePhone, attempt,
    call, code, email, hotp,
    message_budget::{self, Sending},
    qr, question, sms, totp,
};
use crate::{
    app::App,
    fault::Fault,
    id::{FactorId, TransactionId, UserId, base62},
    message::{self, Content, Destination},
    model::{
        factor::{Factor, FactorKind, FactorStatus},
        factor_profile::{Moving, TokenSettings},
        session::VerifiedFactor,
        user::User,
    },
    secret::{Secret, TokenHash, constant_time_eq, opaque_token},
    session::farewell,
    store::{
        self,
        factor::{Displaces, Stored},
        factor_budget,
        factor_challenge::{self, Sent, Subject},
        unit::{Change, Outcome, Unit},
    },
    syslog::{Caller, Event, EventType, Reason},
};

/// Where the link of a mail leads, below the issuer; the token is in the parameter `token`. Opening it shows a page; only
/// what is posted there confirms (see [`confirm_link`]).
pub const LINK: &str = "/signin/verify/email";

/// The factors of a user, those waiting for activation too, the last used first.
///
/// # Errors
/// The database failed.
pub async fn list(app: &App, user: &UserId) -> Result<Vec<Factor>, Fault> {
    store::factor::list(&app.db, user).await
}

/// One factor of a user.
///
/// # Errors
/// There is none, or a fault.
pub async fn load(app: &App, user: &UserId, id: &FactorId) -> Result<Factor, FactorError> {
    Ok(stored(app, user, id).await?.factor)
}

async fn stored(app: &App, user: &UserId, id: &FactorId) -> Result<Stored, FactorError> {
    store::factor::find(&app.db, user, id).await?.ok_or(FactorError::Unknown)
}

/// Begins an enrolment: what is sent is in the unit. The caller has asked policy whether the kind may be enrolled.
///
/// # Errors
/// It cannot be enrolled.
pub async fn enroll(
    app: &App,
    user: &User,
    enrolment: Enrolment,
    purpose: Purpose<'_>,
    caller: &Caller,
) -> Result<Enrolled, FactorError> {
    // Only administrators vouch for a phone, replace one that counts, and hand out tokens.
    let administrator = purpose == Purpose::Api;
    let vouched = enrolment.activate == Activate::AtOnce;
    if !administrator && (vouched || enrolment.kind == FactorKind::HotpCustom) {
        return Err(FactorError::NotAllowed);
    }
    let displaces = match enrolment.update_phone {
        UpdatePhone::Replace if administrator && is_phone(enrolment.kind) => Displaces::Any,
        UpdatePhone::Replace | UpdatePhone::Keep => Displaces::Pending,
    };
    let existing = list(app, &user.id).await?;
    let same = existing.iter().find(|factor| factor.kind == enrolment.kind);
    if displaces == Displaces::Pending
        && same.is_some_and(|same| same.status != FactorStatus::PendingActivation)
    {
        return Err(FactorError::already_set_up());
    }
    let id = FactorId::new(format!("{}{}", enrolment.kind.id_prefix(), base62(app.random.as_ref(), 17)));
    let made = make(app, user, &enrolment, (&existing, &id)).await?;
    let now = app.now();
    let active = match enrolment.kind {
        FactorKind::Question | FactorKind::HotpCustom => true,
        FactorKind::Sms | FactorKind::Call | FactorKind::Email => vouched,
        FactorKind::TotpOkta | FactorKind::TotpGoogle => false,
    };
    let factor = Factor {
        id,
        user_id: user.id.clone(),
        kind: enrolment.kind,
        status: if active { FactorStatus::Active } else { FactorStatus::PendingActivation },
        profile: made.profile,
        factor_profile_id: enrolment.factor_profile_id.clone(),
        created_at: now,
        updated_at: now,
        last_verified_at: None,
    };
    let stored = Stored { factor, secret: made.secret, counter: None };
    let qr_token = made.activation.as_ref().map(|activation| TokenHash::of(activation.qr_token.expose()));
    let mut unit = Unit::new().claim(store::factor::claim_insert(&stored, qr_token.as_ref(), displaces)?);
    let factor = stored.factor;
    if active {
        unit = announced(app, unit, user, &factor, caller)?;
    } else if factor.kind.is_sent() {
        let lifetime = enrolment.token_lifetime.unwrap_or(code::LIFETIME);
        unit = send(app, unit, user, (&factor, lifetime), (purpose, caller)).await?;
    }
    Ok(Enrolled { factor, activation: made.activation, unit })
}

fn is_phone(kind: FactorKind) -> bool {
    matches!(kind, FactorKind::Sms | FactorKind::Call)
}

/// What a kind makes of an enrolment.
struct Made {
    profile: Map<String, Value>,
    secret: Option<String>,
    activation: Option<Activation>,
}

async fn make(
    app: &App,
    user: &User,
    enrolment: &Enrolment,
    (existing, id): (&[Factor], &FactorId),
) -> Result<Made, FactorError> {
    let given = &enrolment.profile;
    let plain = |profile| Ok(Made { profile, secret: None, activation: None });
    match enrolment.kind {
        FactorKind::Sms => plain(sms::profile(given, known_phone(existing, enrolment.kind))?),
        FactorKind::Call => plain(call::profile(given, known_phone(existing, enrolment.kind))?),
        FactorKind::Email => plain(email::profile(given, user)?),
        FactorKind::Question => {
            let (profile, answer) = question::profile(given)?;
            let hash = app.passwords.hash(answer).await;
            let hash = hash.map_err(|_| Fault::Overloaded("answer hashing"))?;
            let secret = Some(seal(app, id, hash.expose().as_bytes())?);
            Ok(Made { profile, secret, activation: None })
        }
        FactorKind::TotpOkta | FactorKind::TotpGoogle => {
            let seed = totp::seed(app.random.as_ref());
            let activation = Activation {
                shared_secret: totp::base32(&seed),
                time_step: TIME_STEP,
                key_length: u32::from(TokenSettings::AUTHENTICATOR.digits),
                qr_token: opaque_token(app.random.as_ref()),
            };
            let secret = Some(seal(app, id, seed.expose())?);
            Ok(Made { profile: credential_id(user), secret, activation: Some(activation) })
        }
        FactorKind::HotpCustom => {
            if enrolment.activate == Activate::ByUser {
                let problem = "a custom token is enrolled with activate=true".to_owned();
                return Err(FactorError::Invalid { member: "activate", problem });
            }
            let settings = settings(app, enrolment.factor_profile_id.as_ref()).await?;
            let text = given.get("sharedSecret").and_then(Value::as_str).unwrap_or_default();
            let seed = hotp::seed(text, settings.encoding)?;
            let secret = Some(seal(app, id, seed.expose())?);
            Ok(Made { profile: credential_id(user), secret, activation: None })
        }
    }
}

/// Seconds a code of an authenticator application lives.
const TIME_STEP: u32 = 30;

fn credential_id(user: &User) -> Map<String, Value> {
    Map::from_iter([("credentialId".to_owned(), Value::from(user.login.as_str()))])
}

/// The phone that is reused where none is named: of an enrolment that was not completed, or of the other kind.
fn known_phone(existing: &[Factor], kind: FactorKind) -> Option<&str> {
    let own = existing.iter().find(|factor| factor.kind == kind);
    let other = existing.iter().find(|factor| is_phone(factor.kind) && factor.is_active());
    own.or(other)?.profile_text("phoneNumber")
}

/// How the codes of a custom token are made.
async fn settings(
    app: &App,
    profile: Option<&crate::id::FactorProfileId>,
) -> Result<TokenSettings, FactorError> {
    let found = match profile {
        Some(id) => store::factor_profile::find(&app.db, id).await?,
        None => None,
    };
    found.map(|profile| profile.settings).ok_or_else(|| FactorError::Invalid {
        member: "factorProfileId",
        problem: "must be the id of a factor profile".to_owned(),
    })
}

fn place(id: &FactorId) -> Aad<'_> {
    Aad { table: "factor", column: "secret", row: id.as_str() }
}

fn seal(app: &App, id: &FactorId, secret: &[u8]) -> Result<String, Fault> {
    app.master.seal(&place(id), secret).map_err(|error| Fault::Crypto(error.to_string()))
}

fn open(app: &App, stored: &Stored) -> Result<Secret<Vec<u8>>, Fault> {
    let sealed = stored.secret.as_deref().ok_or_else(|| Fault::stored("factor.secret"))?;
    let opened = app.master.open(&place(&stored.factor.id), sealed);
    Ok(Secret::new(opened.map_err(|error| Fault::Crypto(error.to_string()))?.to_vec()))
}

/// The picture of a QR code that an authenticator application reads, until the factor is active.
///
/// # Errors
/// The token shows nothing, or nothing any more.
pub async fn qr_code(app: &App, user: &UserId, id: &FactorId, token: &str) -> Result<Vec<u8>, FactorError> {
    let found = store::factor::find_by_qr_token(&app.db, &TokenHash::of(token)).await?;
    let found = found.filter(|found| found.factor.user_id == *user && found.factor.id == *id);
    let found = found.ok_or(FactorError::Unknown)?;
    if app.now() - found.factor.created_at > QR_LIFETIME {
        return Err(FactorError::Unknown);
    }
    let seed = open(app, &found)?;
    let login = found.factor.profile_text("credentialId").unwrap_or_default();
    let authority = app.settings.authority();
    let issuer = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let address = totp::otpauth(issuer, login, &seed, &TokenSettings::AUTHENTICATOR);
    Ok(qr::png(address.expose())?)
}

/// How long a QR code is shown to somebody who has its address.
const QR_LIFETIME: Duration = Duration::hours(1);

/// Adds that a factor can be used from now on: it is logged, and its user hears of it.
fn announced(app: &App, unit: Unit, user: &User, factor: &Factor, caller: &Caller) -> Result<Unit, Fault> {
    let row = event(EventType::MfaFactorActivate, factor).row(caller, app.random.as_ref(), app.now());
    let content = Content::FactorEnrolled { factor_type: factor.kind.factor_type().to_owned() };
    told(app, unit.row(row), user, content)
}

/// Tells the user at the primary address, if there is one.
fn told(app: &App, unit: Unit, user: &User, content: Content) -> Result<Unit, Fault> {
    match user.profile.text("email") {
        Some(address) => {
            Ok(unit.row(message::row(app, user, Destination::Email(address.to_owned()), content)?))
        }
        None => Ok(unit),
    }
}

fn event(kind: EventType, factor: &Factor) -> Event {
    described(Event::new(kind), factor)
}

fn described(event: Event, factor: &Factor) -> Event {
    event
        .user(&factor.user_id)
        .with("factorId", factor.id.as_str())
        .with("factorType", factor.kind.factor_type())
        .with("provider", factor.kind.provider())
}

/// Sends a code for a factor that needs one, in place of any that was sent before; what is sent is in the unit. One that
/// waits for activation gets another code to activate it.
///
/// # Errors
/// None can be sent now.
pub async fn challenge(
    app: &App,
    user: &User,
    factor: &Factor,
    (purpose, caller): (Purpose<'_>, &Caller),
) -> Result<Unit, FactorError> {
    challenge_for(app, user, (factor, code::LIFETIME), (purpose, caller)).await
}

/// The same with the life of the code, at most ten minutes.
///
/// # Errors
/// None can be sent now.
pub async fn challenge_for(
    app: &App,
    user: &User,
    (factor, lifetime): (&Factor, Duration),
    (purpose, caller): (Purpose<'_>, &Caller),
) -> Result<Unit, FactorError> {
    if !factor.kind.is_sent() {
        return Err(FactorError::WrongStatus);
    }
    match factor.status {
        FactorStatus::Inactive => return Err(FactorError::Locked),
        FactorStatus::PendingActivation => {
            let used = factor_budget::find(&app.db, &activations(&user.id), app.now()).await?;
            if used.is_some_and(|used| used.used >= attempt::ACTIVATIONS.limit) {
                return Err(FactorError::TooManyAttempts);
            }
        }
        FactorStatus::Active => {}
    }
    send(app, Unit::new(), user, (factor, lifetime), (purpose, caller)).await
}

fn activations(user: &UserId) -> String {
    format!("activate:{user}")
}

/// Charges a message, and adds it with its challenge to the unit.
async fn send(
    app: &App,
    unit: Unit,
    user: &User,
    (factor, lifetime): (&Factor, Duration),
    (purpose, caller): (Purpose<'_>, &Caller),
) -> Result<Unit, FactorError> {
    let to = destination(factor).ok_or_else(|| Fault::stored("factor.profile"))?;
    if !message::can_send(app, &to) {
        return Err(FactorError::NotAllowed);
    }
    message_budget::charge(app, Sending { kind: factor.kind, to: &to, purpose, caller }).await?;
    let now = app.now();
    let lifetime = lifetime.clamp(Duration::SECOND, code::MAX_LIFETIME);
    let subject = Subject { factor: &factor.id, purpose: purpose.key() };
    let code = code::draw(app.random.as_ref());
    let mac = code::mac(&app.derived.factor, subject, code.expose());
    // A link ends a sign-in; where there is none, there is nothing for it to end.
    let linked = factor.kind == FactorKind::Email && factor.is_active();
    let link = match purpose {
        Purpose::Transaction(_) if linked => Some(opaque_token(app.random.as_ref())),
        Purpose::Transaction(_) | Purpose::Api | Purpose::Session(_) => None,
    };
    let link_hash = link.as_ref().map(|link| TokenHash::of(link.expose()));
    let sent = Sent {
        user: &user.id,
        code_mac: &mac,
        link: link_hash.as_ref(),
        created_at: now,
        expires_at: now + lifetime,
    };
    let code = code.expose().clone();
    let content = if factor.is_active() {
        // Made from the configured issuer, never from the request (security rule S5).
        let link = link.map(|token| format!("{}{LINK}?token={}", app.settings.issuer, token.expose()));
        Content::FactorCode { code, lifetime, link }
    } else {
        Content::ActivationCode { code, lifetime }
    };
    Ok(unit.change(factor_challenge::begin(subject, &sent)).row(message::row(app, user, to, content)?))
}

fn destination(factor: &Factor) -> Option<Destination> {
    match factor.kind {
        FactorKind::Sms => sms::destination(factor),
        FactorKind::Call => call::destination(factor),
        FactorKind::Email => email::destination(factor),
        FactorKind::Question | FactorKind::TotpOkta | FactorKind::TotpGoogle | FactorKind::HotpCustom => None,
    }
}

/// Whether the codes of a kind can reach anybody: where nothing carries them, the kind is not offered.
pub fn is_offered(app: &App, kind: FactorKind) -> bool {
    let nobody = String::new;
    match kind {
        FactorKind::Sms => message::can_send(app, &Destination::Sms(nobody())),
        FactorKind::Call => message::can_send(app, &Destination::Call { number: nobody(), extension: None }),
        FactorKind::Email => message::can_send(app, &Destination::Email(nobody())),
        FactorKind::Question | FactorKind::TotpOkta | FactorKind::TotpGoogle | FactorKind::HotpCustom => true,
    }
}

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
    let spent = match judge(app, &stored, answer, purpose).await {
        Ok(spent) => spent,
        Err(error) => return Err(refused(app, &stored.factor, error, (purpose, caller)).await?),
    };
    let step = match &spent {
        Spent::Step(step) => Some(*step),
        Spent::Code(_) | Spent::Nothing => None,
    };
    let unit = Unit::new().claim(store::factor::claim_activate(&factor.id, step, now));
    let unit = consumed(unit, &stored.factor, &spent, purpose, now).change(factor_budget::forget(&budget));
    let unit = proved(app, unit, &stored.factor, (purpose, caller));
    let unit = announced(app, unit, user, &stored.factor, caller)?;
    Ok(Proof { verified: VerifiedFactor::factor(&stored.factor, now), unit })
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
    match judge(app, &stored, answer, purpose).await {
        Ok(spent) => Ok(proof(app, &stored.factor, &spent, (purpose, caller))),
        Err(error) => Err(refused(app, &stored.factor, error, (purpose, caller)).await?),
    }
}

/// What a right answer was: what must be claimed so that it never counts again.
enum Spent {
    /// A code of this step or counter.
    Step(u64),
    /// A code with this MAC, which was sent.
    Code(String),
    /// An answer, which stays right.
    Nothing,
}

fn proof(app: &App, factor: &Factor, spent: &Spent, (purpose, caller): (Purpose<'_>, &Caller)) -> Proof {
    let now = app.now();
    let claim = match spent {
        Spent::Step(step) => store::factor::claim_step(&factor.id, *step, now),
        Spent::Code(_) | Spent::Nothing => store::factor::claim_verified(&factor.id, now),
    };
    let unit = consumed(Unit::new().claim(claim), factor, spent, purpose, now);
    Proof {
        verified: VerifiedFactor::factor(factor, now),
        unit: proved(app, unit, factor, (purpose, caller)),
    }
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
        Spent::Step(_) | Spent::Nothing => unit,
    }
}

/// Adds what every proof leaves: what the message took is given back, and success, or the loss of the race, is logged.
fn proved(app: &App, unit: Unit, factor: &Factor, (purpose, caller): (Purpose<'_>, &Caller)) -> Unit {
    let now = app.now();
    let unit = match destination(factor) {
        Some(to) => {
            message_budget::refund(app, unit, Sending { kind: factor.kind, to: &to, purpose, caller })
        }
        None => unit,
    };
    let won = event(EventType::AuthenticateViaMfa, factor).with("purpose", purpose.key());
    let lost = described(Event::failure(EventType::AuthenticateViaMfa, REPLAYED), factor);
    unit.row(won.row(caller, app.random.as_ref(), now)).denial_row(lost.with("purpose", purpose.key()).row(
        caller,
        app.random.as_ref(),
        now,
    ))
}

const REPLAYED: Reason = "passcode_replayed";

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
    match purpose {
        Purpose::Transaction(_) => {
            let times = (now, now + attempt::UNSENT_CHALLENGE);
            let limit = attempt::ANSWERS_PER_CHALLENGE;
            Some(factor_challenge::claim_unsent_try((&factor.user_id, subject), limit, times))
        }
        // Calls of the API are no challenge; the factor's own limits hold.
        Purpose::Api | Purpose::Session(_) => None,
    }
}

/// A challenge that takes no answers: one that was sent needs another message, the others another sign-in.
fn spent_challenge(factor: &Factor) -> FactorError {
    if factor.kind.is_sent() { FactorError::Wrong } else { FactorError::Locked }
}

async fn judge(
    app: &App,
    stored: &Stored,
    answer: &Answer,
    purpose: Purpose<'_>,
) -> Result<Spent, FactorError> {
    match (stored.factor.kind, answer) {
        (FactorKind::Sms | FactorKind::Call | FactorKind::Email, Answer::PassCode(typed)) => {
            judge_sent(app, stored, typed, purpose).await
        }
        (FactorKind::TotpOkta | FactorKind::TotpGoogle, Answer::PassCode(typed)) => {
            let moving = (TIME_STEP, AUTHENTICATOR_DRIFT);
            judge_time(app, stored, (&TokenSettings::AUTHENTICATOR, moving), typed)
        }
        (FactorKind::HotpCustom, Answer::PassCode(typed)) => {
            let settings = settings(app, stored.factor.factor_profile_id.as_ref()).await?;
            match settings.moving {
                Moving::Time { time_step, drift } => {
                    judge_time(app, stored, (&settings, (time_step, drift)), typed)
                }
                Moving::Counter { look_ahead } => {
                    let window = (stored.counter, look_ahead);
                    hotp::verify(&open(app, stored)?, &settings, window, typed.expose()).map(Spent::Step)
                }
            }
        }
        (FactorKind::HotpCustom, Answer::PassCodes(one, two)) => {
            let settings = settings(app, stored.factor.factor_profile_id.as_ref()).await?;
            match settings.moving {
                Moving::Time { .. } => Err(FactorError::Wrong),
                Moving::Counter { .. } => {
                    let codes = (one.expose().as_str(), two.expose().as_str());
                    hotp::resynchronize(&open(app, stored)?, &settings, stored.counter, codes)
                        .map(Spent::Step)
                }
            }
        }
        (FactorKind::Question, Answer::Text(typed)) => judge_answer(app, stored, typed).await,
        (FactorKind::Question, Answer::PassCode(_) | Answer::PassCodes(..))
        | (FactorKind::HotpCustom, Answer::Text(_))
        | (
            FactorKind::Sms
            | FactorKind::Call
            | FactorKind::Email
            | FactorKind::TotpOkta
            | FactorKind::TotpGoogle,
            Answer::Text(_) | Answer::PassCodes(..),
        ) => Err(FactorError::Wrong),
    }
}

/// Steps that the clock of an authenticator application may be off (RFC 6238 §5.2).
const AUTHENTICATOR_DRIFT: u32 = 1;

fn judge_time(
    app: &App,
    stored: &Stored,
    (settings, (time_step, drift)): (&TokenSettings, (u32, u32)),
    typed: &Secret<String>,
) -> Result<Spent, FactorError> {
    let unix = u64::try_from(app.now().unix_timestamp()).map_err(Fault::stored)?;
    let clock = totp::Clock { unix, time_step, drift, last: stored.counter };
    totp::verify(&open(app, stored)?, settings, clock, typed.expose()).map(Spent::Step)
}

async fn judge_sent(
    app: &App,
    stored: &Stored,
    typed: &Secret<String>,
    purpose: Purpose<'_>,
) -> Result<Spent, FactorError> {
    let typed = code::digits(typed.expose(), code::DIGITS).ok_or(FactorError::Wrong)?;
    let subject = Subject { factor: &stored.factor.id, purpose: purpose.key() };
    let mac = code::mac(&app.derived.factor, subject, typed);
    let sent = factor_challenge::find_mac(&app.db, subject, app.now()).await?;
    match sent {
        Some(sent) if constant_time_eq(sent.as_bytes(), mac.as_bytes()) => Ok(Spent::Code(mac)),
        Some(_) | None => Err(FactorError::Wrong),
    }
}

async fn judge_answer(app: &App, stored: &Stored, typed: &Secret<String>) -> Result<Spent, FactorError> {
    let hash = open(app, stored)?;
    let hash = String::from_utf8(hash.expose().clone()).map_err(Fault::stored)?;
    let answer = question::normalized(typed.expose());
    let verified = app.passwords.verify(answer, Some(Secret::new(hash))).await;
    if verified.map_err(|_| Fault::Overloaded("answer hashing"))?.matches {
        Ok(Spent::Nothing)
    } else {
        Err(FactorError::Wrong)
    }
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
            .with("purpose", purpose.key())
            .times(times);
        let row = failure.row(caller, app.random.as_ref(), now);
        app.db.writer().commit(Unit::new().row(row)).await?;
    }
    let suspended = described(Event::failure(EventType::MfaFactorSuspend, "too_many_failures"), factor);
    let unit = Unit::new()
        .claim(store::factor::claim_suspend(&factor.id, &attempt::LIMITS, now))
        .row(suspended.row(caller, app.random.as_ref(), now));
    app.db.writer().commit(unit).await?;
    Ok(error)
}

/// What the link of a mail belongs to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Linked {
    /// The user.
    pub user_id: UserId,
    /// The factor.
    pub factor_id: FactorId,
    /// The sign-in that waits for it.
    pub transaction_id: TransactionId,
}

/// What a link belongs to that can still be confirmed. Looking changes nothing: mail scanners open links (security rule
/// S5).
///
/// # Errors
/// The database failed.
pub async fn find_link(app: &App, token: &str) -> Result<Option<Linked>, Fault> {
    let found = factor_challenge::find_link(&app.db, &TokenHash::of(token), app.now()).await?;
    Ok(found.map(|found| Linked {
        user_id: found.user_id,
        factor_id: found.factor_id,
        transaction_id: TransactionId::new(found.purpose),
    }))
}

/// Confirms the link of a mail, once, by what a person posted. The sign-in that it belongs to is thereby not over: it asks
/// with [`verify_link`], and only its own browser gets anything for it.
///
/// # Errors
/// The link is unknown, was confirmed, its code was used, or it has expired.
pub async fn confirm_link(app: &App, token: &str, caller: &Caller) -> Result<Linked, FactorError> {
    let now = app.now();
    let linked = find_link(app, token).await?.ok_or(FactorError::Wrong)?;
    let factor = load(app, &linked.user_id, &linked.factor_id).await.map_err(|error| match error {
        FactorError::Unknown => FactorError::Wrong,
        other => other,
    })?;
    let event =
        event(EventType::EmailChallengeRedeemed, &factor).with("purpose", linked.transaction_id.as_str());
    let unit = Unit::new().claim(factor_challenge::claim_confirm(&TokenHash::of(token), now)).row(event.row(
        caller,
        app.random.as_ref(),
        now,
    ));
    match app.db.writer().commit(unit).await? {
        Outcome::Won => Ok(linked),
        Outcome::Lost(_) => Err(FactorError::Wrong),
    }
}

/// Verifies a factor by the link of its mail: what a sign-in asks when it polls without a code. Absent: nobody confirmed it
/// yet. Asking costs no attempt, since there is nothing to guess.
///
/// # Errors
/// The factor cannot be used, or a fault.
pub async fn verify_link(
    app: &App,
    user: &User,
    factor: &Factor,
    (transaction, caller): (&TransactionId, &Caller),
) -> Result<Option<Proof>, FactorError> {
    let stored = stored(app, &user.id, &factor.id).await?;
    match stored.factor.status {
        FactorStatus::Active => {}
        FactorStatus::Inactive => return Err(FactorError::Locked),
        FactorStatus::PendingActivation => return Err(FactorError::WrongStatus),
    }
    let now = app.now();
    let purpose = Purpose::Transaction(transaction);
    let subject = Subject { factor: &stored.factor.id, purpose: purpose.key() };
    if !factor_challenge::is_confirmed(&app.db, subject, now).await? {
        return Ok(None);
    }
    let unit = Unit::new()
        .claim(store::factor::claim_verified(&stored.factor.id, now))
        .claim(factor_challenge::claim_consume_link(subject, now));
    let unit = proved(app, unit, &stored.factor, (purpose, caller));
    Ok(Some(Proof { verified: VerifiedFactor::factor(&stored.factor, now), unit }))
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
    super::backup_code::verify(app, user, typed, (purpose, caller)).await
}

/// Removes a factor: a unit that an administrator, or the user after a step-up, commits. Its own claim is its first; lost:
/// the factor is gone.
///
/// # Errors
/// The message to the user could not be sealed.
pub fn remove(app: &App, user: &User, factor: &Factor, caller: &Caller) -> Result<Unit, Fault> {
    let row = event(EventType::MfaFactorDeactivate, factor).row(caller, app.random.as_ref(), app.now());
    let unit = Unit::new()
        .claim(store::factor::claim_remove(&user.id, &factor.id))
        .change(factor_challenge::remove(&factor.id))
        .row(row);
    if factor.status == FactorStatus::PendingActivation {
        return Ok(unit);
    }
    let content = Content::FactorReset { factor_type: Some(factor.kind.factor_type().to_owned()) };
    told(app, unit, user, content)
}

/// Removes a factor by the hand of an administrator: what the user proved with it, and everything that was issued for that,
/// ends as well (security rule S7). The unit's first claim is the factor's.
///
/// # Errors
/// The database failed, or a message could not be sealed.
pub async fn reset(app: &App, user: &User, factor: &Factor, caller: &Caller) -> Result<Unit, Fault> {
    let unit = remove(app, user, factor, caller)?;
    if factor.status == FactorStatus::PendingActivation {
        return Ok(unit);
    }
    ended(app, unit, user).await
}

/// Removes all factors of a user, and the recovery and bypass codes, by the hand of an administrator (Okta
/// `reset_factors`): sessions and grants end as well, and the user hears of it (security rule S7). The unit's first claim is
/// the user's: lost, there is no such user.
///
/// # Errors
/// The database failed.
pub async fn reset_all(app: &App, user: &User, caller: &Caller) -> Result<Unit, Fault> {
    let event = Event::new(EventType::MfaFactorResetAll).user(&user.id);
    let unit = ended(app, Unit::new(), user)
        .await?
        .change(factor_challenge::remove_all(&user.id))
        .change(store::factor::remove_all(&user.id))
        .change(store::backup_code::remove_all(&user.id))
        .row(event.row(caller, app.random.as_ref(), app.now()));
    told(app, unit, user, Content::FactorReset { factor_type: None })
}

/// Adds that all sessions and grants of a user end.
async fn ended(app: &App, unit: Unit, user: &User) -> Result<Unit, Fault> {
    let now = app.now();
    let messages = farewell::messages_of_user(app, &user.id, now).await?;
    let unit = unit
        .claim(store::user::cut(&user.id, now))
        .change(store::user::end_sessions(&user.id, now))
        .change(store::user::revoke_grants(&user.id, "factor_reset", now));
    Ok(messages.iter().fold(unit, |unit, message| unit.row(store::outbox::row(message))))
}

/// Lets the suspended factors of a user be used again: what an administrator who unlocks the user commits. Absent: none is
/// suspended.
///
/// # Errors
/// The database failed.
pub async fn unsuspend(app: &App, user: &UserId, caller: &Caller) -> Result<Option<Unit>, Fault> {
    let now = app.now();
    let suspended = list(app, user).await?;
    let mut suspended = suspended.iter().filter(|factor| factor.status == FactorStatus::Inactive).peekable();
    if suspended.peek().is_none() {
        return Ok(None);
    }
    Ok(Some(suspended.fold(Unit::new(), |unit, factor| {
        let row = event(EventType::MfaFactorUnsuspend, factor).row(caller, app.random.as_ref(), now);
        unit.claim(store::factor::claim_unsuspend(&factor.id, now)).row(row)
    })))
}
