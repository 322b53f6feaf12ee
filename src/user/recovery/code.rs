//! Codes by text message and voice call: six digits, bound to one transaction, with five tries and ten minutes.
//!
//! A login that nobody has gets a code as well, which no phone receives and nothing matches, so that tries, pauses and
//! limits are the same for it (security rule M3).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use time::Duration;

use super::{RecoveryError, is_possible};
use crate::{
    app::App,
    factor::{
        FactorError, Purpose, code,
        message_budget::{self, Sending},
        service,
    },
    fault::Fault,
    id::{TransactionId, UserId},
    message::{self, Content, Destination},
    model::{
        factor::FactorKind,
        recovery::{PhoneChannel, RecoveryKind},
        user::User,
    },
    secret::{Secret, TokenHash, constant_time_eq},
    store::{
        self,
        factor_budget::{self, Budget},
        recovery_code::RecoveryCode,
        unit::{Outcome, Unit},
    },
    syslog::{Caller, Event, EventType, Reason, record_repeated},
};

/// How long a code counts.
pub const LIFETIME: Duration = Duration::minutes(10);
/// How long after one code another can be sent.
pub const PAUSE: Duration = Duration::seconds(30);
/// Codes that may be tried for one user within an hour, over all transactions.
pub const TRIES_PER_HOUR: Budget = Budget { limit: 10, window: Duration::HOUR, gap: Duration::ZERO };
/// Codes that may be tried for one user within 30 days without a right one.
pub const TRIES_PER_MONTH: Budget = Budget { limit: 50, window: Duration::days(30), gap: Duration::ZERO };

/// Whom a code is for: a user and the phone it goes to, or a login that nobody has, or whose phone is not known.
#[derive(Clone, Debug)]
pub struct Recipient {
    /// Whom tries are counted for.
    pub subject: String,
    /// The user and the phone.
    pub user: Option<(User, Destination)>,
}

/// The verified phone of a user: that of an active factor of the kind, the last used first.
///
/// # Errors
/// The database failed.
pub async fn phone(app: &App, user: &UserId, channel: PhoneChannel) -> Result<Option<Destination>, Fault> {
    let kind = factor_kind(channel);
    let factors = service::list(app, user).await?;
    let factor = factors.into_iter().find(|factor| factor.kind == kind && factor.is_active());
    Ok(factor.and_then(|factor| {
        let number = factor.profile_text("phoneNumber")?.to_owned();
        Some(match channel {
            PhoneChannel::Sms => Destination::Sms(number),
            PhoneChannel::Call => Destination::Call {
                number,
                extension: factor.profile_text("phoneExtension").map(ToOwned::to_owned),
            },
        })
    }))
}

/// Sends the first code of a transaction: what is sent is in the unit. That it cannot be sent now is not told.
///
/// # Errors
/// A message could not be sealed, or the database failed.
pub async fn send(
    app: &App,
    transaction: &TransactionId,
    recipient: Recipient,
    (kind, channel): (RecoveryKind, PhoneChannel),
    caller: &Caller,
) -> Result<Unit, Fault> {
    let message = match charge(app, transaction, &recipient, channel, caller).await {
        Ok(()) => Message::Sent,
        Err(FactorError::Fault(fault)) => return Err(fault),
        Err(_) => Message::Withheld,
    };
    issue(app, transaction, &recipient, (kind, channel, message))
}

/// Sends another code for a transaction; the one before no longer counts.
///
/// # Errors
/// It is too early, there were too many, or the transaction waits for none.
pub async fn resend(app: &App, transaction: &TransactionId, caller: &Caller) -> Result<Unit, RecoveryError> {
    let now = app.now();
    let before = store::recovery_code::find(&app.db, transaction).await?;
    let before = before.filter(|code| code.consumed_at.is_none()).ok_or(RecoveryError::Unknown)?;
    if now < before.sent_at.saturating_add(PAUSE) {
        return Err(RecoveryError::SentRecently(before.channel));
    }
    // The same reads for a stranger.
    let id = before.user_id.unwrap_or_else(|| UserId::new("-"));
    let user = store::user::find(&app.db, &id).await?;
    let phone = phone(app, &id, before.channel).await?;
    let user = user.filter(|user| is_possible(app, user, before.kind)).zip(phone);
    let recipient = Recipient { subject: before.subject, user };
    let message = match charge(app, transaction, &recipient, before.channel, caller).await {
        Ok(()) => Message::Sent,
        Err(FactorError::Country) => Message::Withheld,
        Err(FactorError::Fault(fault)) => return Err(fault.into()),
        Err(FactorError::SentRecently(_)) => return Err(RecoveryError::SentRecently(before.channel)),
        Err(FactorError::TooManyMessages(count)) => return Err(RecoveryError::Throttled(count)),
        Err(_) => return Err(RecoveryError::TooManyMessages),
    };
    Ok(issue(app, transaction, &recipient, (before.kind, before.channel, message))?)
}

/// A code that was right: commit the unit, which uses it up, together with what it buys.
#[derive(Debug)]
pub struct Verified {
    /// Whose account it is about.
    pub user: User,
    /// What it permits.
    pub kind: RecoveryKind,
    /// The claim that uses it up, and with it what was charged. A new password voids the code: what sets one is a later unit.
    pub unit: Unit,
}

/// Verifies a code. That it was tried is counted before it is looked at.
///
/// # Errors
/// The code does not count.
pub async fn verify(
    app: &App,
    transaction: &TransactionId,
    typed: &Secret<String>,
    caller: &Caller,
) -> Result<Verified, RecoveryError> {
    let now = app.now();
    let sent = store::recovery_code::find(&app.db, transaction).await?.ok_or(RecoveryError::WrongCode)?;
    let [hour, month] = tries(&sent.subject);
    // In the order of the unit that uses the code up: others would wait for each other.
    let charge = Unit::new()
        .claim(store::recovery_code::claim_try(transaction, now))
        .claim(factor_budget::claim(&hour, &TRIES_PER_HOUR, now))
        .claim(factor_budget::claim(&month, &TRIES_PER_MONTH, now));
    match app.db.writer().commit(charge).await? {
        Outcome::Won => {}
        Outcome::Lost(0) => {
            return refused(app, &sent, ("code_spent", RecoveryError::WrongCode), caller).await;
        }
        Outcome::Lost(_) => return refused(app, &sent, ("locked_out", RecoveryError::Locked), caller).await,
    }
    // Of the code that was charged; another may have been sent in between, and then this one no longer counts.
    let mac = code::digits(typed.expose(), code::DIGITS).map(|code| mac(app, transaction, code));
    let matches = mac.is_some_and(|mac| constant_time_eq(mac.as_bytes(), sent.code_mac.as_bytes()));
    let user = match &sent.user_id {
        Some(id) if matches => store::user::find(&app.db, id).await?,
        Some(_) | None => None,
    };
    let Some(user) = user.filter(|user| is_possible(app, user, sent.kind)) else {
        return refused(app, &sent, ("invalid_code", RecoveryError::WrongCode), caller).await;
    };
    let event = Event::new(EventType::AccountUseToken).user(&user.id).with("channel", sent.channel.as_str());
    let unit = Unit::new()
        .claim(store::recovery_code::consume(&sent, now))
        .change(factor_budget::forget(&hour))
        .change(factor_budget::forget(&month))
        .row(event.row(caller, app.random.as_ref(), now));
    let (kind, purpose) = (factor_kind(sent.channel), Purpose::Transaction(transaction));
    let unit = match phone(app, &user.id, sent.channel).await? {
        Some(to) => message_budget::refund(app, unit, Sending { kind, to: &to, purpose, caller }),
        None => unit,
    };
    Ok(Verified { user, kind: sent.kind, unit })
}

/// Logs that a code did not count, for a login that nobody has as well.
async fn refused(
    app: &App,
    sent: &RecoveryCode,
    (reason, error): (Reason, RecoveryError),
    caller: &Caller,
) -> Result<Verified, RecoveryError> {
    let event = Event::failure(EventType::AccountUseToken, reason).with("channel", sent.channel.as_str());
    let event = match &sent.user_id {
        Some(user) => event.user(user),
        None => event,
    };
    record_repeated(app, &format!("{}\n{reason}", sent.subject), event, caller).await?;
    Err(error)
}

/// Charges a message as any other that factors send, to its phone, its country and the address that asks. A login without a
/// phone, or with one that nothing is sent to, has a budget of its own, so that nothing can be told apart.
async fn charge(
    app: &App,
    transaction: &TransactionId,
    recipient: &Recipient,
    channel: PhoneChannel,
    caller: &Caller,
) -> Result<(), FactorError> {
    let (kind, purpose) = (factor_kind(channel), Purpose::Transaction(transaction));
    let nobody = || message_budget::charge_nobody(app, (kind, &recipient.subject), (purpose, caller));
    let Some((_, to)) = &recipient.user else { return nobody().await };
    match message_budget::charge(app, Sending { kind, to, purpose, caller }).await {
        Err(FactorError::Country) => {
            nobody().await?;
            Err(FactorError::Country)
        }
        charged => charged,
    }
}

fn factor_kind(channel: PhoneChannel) -> FactorKind {
    match channel {
        PhoneChannel::Sms => FactorKind::Sms,
        PhoneChannel::Call => FactorKind::Call,
    }
}

/// Whether a message goes out with the code.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Message {
    Sent,
    /// Nobody learns the code.
    Withheld,
}

fn issue(
    app: &App,
    transaction: &TransactionId,
    recipient: &Recipient,
    (kind, channel, message): (RecoveryKind, PhoneChannel, Message),
) -> Result<Unit, Fault> {
    let now = app.now();
    let code = code::draw(app.random.as_ref());
    let user = recipient.user.as_ref().map(|(user, _)| user);
    let stored = RecoveryCode {
        transaction_id: transaction.clone(),
        subject: recipient.subject.clone(),
        user_id: user.map(|user| user.id.clone()),
        kind,
        channel,
        code_mac: mac(app, transaction, code.expose()),
        tries: 0,
        password_changed_at: user.and_then(|user| user.password_changed_at),
        sent_at: now,
        expires_at: now.saturating_add(LIFETIME),
        consumed_at: None,
    };
    let sent_before = now.saturating_sub(PAUSE);
    let unit = Unit::new().claim(store::recovery_code::issue(&stored, sent_before));
    let Some((user, phone)) = recipient.user.as_ref().filter(|_| message == Message::Sent) else {
        return Ok(unit);
    };
    let secret = code.expose().clone();
    let content = match kind {
        RecoveryKind::Unlock => Content::Unlock { secret, lifetime: LIFETIME },
        RecoveryKind::Password | RecoveryKind::AccountActivation => {
            Content::PasswordReset { secret, lifetime: LIFETIME }
        }
    };
    Ok(unit.row(message::row(app, user, phone.clone(), content)?))
}

fn mac(app: &App, transaction: &TransactionId, code: &str) -> String {
    let parts = [transaction.as_str().as_bytes(), b"\0", code.as_bytes()];
    URL_SAFE_NO_PAD.encode(keys::hmac_sha256(&app.derived.recovery_code, &parts))
}

fn tries(subject: &str) -> [String; 2] {
    ["hour", "month"].map(|window| format!("recovery_tries:{window}:{}", TokenHash::of(subject).encoded()))
}
