//! Beginning a recovery. To strangers it looks and lasts the same whoever they ask for; to trusted applications it does
//! not (Okta's public and trusted applications).

use super::{
    RecoveryError, allows,
    code::{self, Recipient},
    is_possible,
    token::{self, Issued},
};
use crate::{
    app::App,
    fault::Fault,
    id::{TransactionId, UserId},
    limit::rate::{Bucket, address},
    model::{
        policy::PasswordRules,
        recovery::{PhoneChannel, RecoveryKind},
        user::{Profile, User},
    },
    secret::TokenHash,
    store::{
        self,
        unit::{Outcome, Unit},
    },
    syslog::{Caller, Event, EventType, Reason, record_throttled},
    user::{contact, login::LoginKey, policies},
};

/// Recoveries of one user within an hour by mail; what is beyond is answered like any other.
pub const MAILS_PER_HOUR: u32 = 5;

/// How the user is reached.
#[derive(Clone, Copy, Debug)]
pub enum Channel<'a> {
    /// By mail with a link.
    Email,
    /// By phone with a code for this transaction.
    Phone(PhoneChannel, &'a TransactionId),
}

/// A recovery that begins.
#[derive(Debug)]
pub struct Begun {
    /// The user, if there is one who can be recovered so: for the caller's own record, never for its answer.
    pub user: Option<User>,
    /// What to commit, with whatever the caller adds.
    pub unit: Unit,
}

/// Begins a recovery on the word of anybody.
///
/// # Errors
/// Too many came from one address, or no policy lets any user recover so: nothing about the login.
pub async fn begin(
    app: &App,
    login: &str,
    (kind, channel): (RecoveryKind, Channel<'_>),
    caller: &Caller,
) -> Result<Begun, RecoveryError> {
    throttle(app, caller).await?;
    let set = app.policies.load(&app.db).await?;
    if !set.any_password(|rules| allows(rules, kind) && reaches(rules, channel)) {
        return Err(RecoveryError::NotAllowed);
    }
    let (user, subject) = look_up(app, login).await?;
    // The same reads for a stranger.
    let asked = user.clone().unwrap_or_else(|| stranger(app));
    let rules = policies::of_user(app, &asked, caller.ip).await?.password;
    let refusal = refusal(app, user.as_ref(), &rules, (kind, channel));
    match channel {
        Channel::Email => mail(app, asked, &subject, (kind, &rules, refusal), caller).await,
        Channel::Phone(channel, transaction) => {
            let phone = code::phone(app, &asked, channel).await?;
            let known = if refusal.is_none() { phone.map(|phone| (asked, phone)) } else { None };
            let user = known.as_ref().map(|(user, _)| user.clone());
            let event = told(user.as_ref(), kind, refusal.or((user.is_none()).then_some("no_phone")));
            let event = event.with("channel", channel.as_str());
            let recipient = Recipient { subject, user: known };
            let unit = code::send(app, transaction, recipient, (kind, channel)).await?;
            Ok(Begun { user, unit: unit.row(event.row(caller, app.random.as_ref(), app.now())) })
        }
    }
}

/// Begins a recovery on the word of a trusted application, which gets the token itself.
///
/// # Errors
/// There is no such user, or policy or status do not permit it.
pub async fn begin_trusted(
    app: &App,
    login: &str,
    kind: RecoveryKind,
    caller: &Caller,
) -> Result<(User, Issued), RecoveryError> {
    let (user, _) = look_up(app, login).await?;
    let user = user.ok_or(RecoveryError::UnknownUser)?;
    let rules = policies::of_user(app, &user, caller.ip).await?.password;
    if !allows(&rules, kind) || !is_possible(app, &user, kind) {
        return Err(RecoveryError::NotAllowed);
    }
    let issued = token::issue(app, &user, kind, &rules);
    let event = told(Some(&user), kind, None).with("channel", "API");
    let unit = issued.unit.row(event.row(caller, app.random.as_ref(), app.now()));
    Ok((user, Issued { unit, ..issued }))
}

async fn mail(
    app: &App,
    asked: User,
    subject: &str,
    (kind, rules, refusal): (RecoveryKind, &PasswordRules, Option<Reason>),
    caller: &Caller,
) -> Result<Begun, RecoveryError> {
    let now = app.now();
    let subject = format!("mail:{}", TokenHash::of(subject).encoded());
    let claim = store::recovery_budget::claim(&subject, MAILS_PER_HOUR, time::Duration::HOUR, now);
    let afforded = app.db.writer().commit(Unit::new().claim(claim)).await?;
    let refusal = refusal.or(match afforded {
        Outcome::Won => None,
        Outcome::Lost(_) => Some("too_many_messages"),
    });
    // Made for a stranger too, and dropped: the time tells nothing.
    let unit = token::send(app, &asked, kind, rules)?;
    let (user, unit) = if refusal.is_none() { (Some(asked), unit) } else { (None, Unit::new()) };
    let event = told(user.as_ref(), kind, refusal).with("channel", "EMAIL");
    Ok(Begun { user, unit: unit.row(event.row(caller, app.random.as_ref(), now)) })
}

/// The budget of the address.
async fn throttle(app: &App, caller: &Caller) -> Result<(), RecoveryError> {
    let bucket = Bucket::Recovery;
    let Some(rate) = app.rates.of(bucket) else { return Ok(()) };
    let ip = caller.ip.map(address).unwrap_or_default();
    let count = app.counter.hit(&bucket.key(&[&ip]), rate.limit, rate.window, app.now()).await;
    if !count.exceeded {
        return Ok(());
    }
    record_throttled(app, bucket, caller).await?;
    Err(RecoveryError::Throttled(count))
}

/// The user of a login, and whom budgets are counted for: the user through every spelling, or the login itself.
async fn look_up(app: &App, login: &str) -> Result<(Option<User>, String), Fault> {
    let Ok(key) = LoginKey::normalize(login.trim()) else { return Ok((None, "-".to_owned())) };
    let user = store::user::find_by_login(&app.db, key.as_str()).await?;
    let subject = user.as_ref().map_or_else(|| key.as_str().to_owned(), |user| user.id.to_string());
    Ok((user, subject))
}

/// Why nothing is sent; it is logged, not told.
fn refusal(
    app: &App,
    user: Option<&User>,
    rules: &PasswordRules,
    (kind, channel): (RecoveryKind, Channel<'_>),
) -> Option<Reason> {
    let Some(user) = user else { return Some("unknown_user") };
    if !allows(rules, kind) || !reaches(rules, channel) {
        return Some("not_allowed");
    }
    if !is_possible(app, user, kind) {
        return Some("user_status");
    }
    let unreachable = matches!(channel, Channel::Email) && contact::mail_addresses(user).is_empty();
    unreachable.then_some("no_email")
}

fn reaches(rules: &PasswordRules, channel: Channel<'_>) -> bool {
    match channel {
        Channel::Email => rules.recovery_email,
        Channel::Phone(PhoneChannel::Sms, _) => rules.recovery_sms,
        Channel::Phone(PhoneChannel::Call, _) => rules.recovery_call,
    }
}

fn told(user: Option<&User>, kind: RecoveryKind, refusal: Option<Reason>) -> Event {
    let event = match kind {
        RecoveryKind::Password | RecoveryKind::AccountActivation => EventType::AccountResetPassword,
        RecoveryKind::Unlock => EventType::AccountUnlockToken,
    };
    let event = refusal.map_or_else(|| Event::new(event), |reason| Event::failure(event, reason));
    match user {
        Some(user) => event.user(&user.id),
        None => event,
    }
}

/// Somebody who does not exist, for whom the same is done as for somebody who does.
fn stranger(app: &App) -> User {
    let now = app.now();
    let address = "stranger@example.invalid";
    let mut profile = Profile::default();
    profile.0.insert("email".to_owned(), address.into());
    User {
        password_changed_at: Some(now),
        not_before: now,
        activated_at: None,
        ..User::new(UserId::generate(app.random.as_ref()), address, profile, now)
    }
}
