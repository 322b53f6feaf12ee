//! Codes by text message and voice call: six digits, bound to one transaction, with five tries and ten minutes.
//!
//! A login that nobody has gets a code as well, which no phone receives and nothing matches, so that tries, pauses and
//! limits are the same for it (security rule M3).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use time::Duration;

use super::{RecoveryError, is_possible};
use crate::{
    app::App,
    factor::service,
    fault::Fault,
    id::TransactionId,
    message::{self, Content, Destination},
    model::{
        factor::FactorKind,
        recovery::{PhoneChannel, RecoveryKind},
        user::User,
    },
    ports::random::Random,
    secret::{Secret, TokenHash, constant_time_eq},
    store::{
        self,
        recovery_code::RecoveryCode,
        unit::{Outcome, Unit},
    },
    syslog::{Caller, Event, EventType},
};

/// How long a code counts.
pub const LIFETIME: Duration = Duration::minutes(10);
/// How long after one code another can be sent.
pub const PAUSE: Duration = Duration::seconds(30);
/// Messages to one destination within an hour.
pub const MESSAGES_PER_HOUR: u32 = 5;
/// Codes that may be tried for one user within an hour, over all transactions.
pub const TRIES_PER_HOUR: u32 = 10;
/// Codes that may be tried for one user within 30 days without a right one.
pub const TRIES_PER_MONTH: u32 = 50;

const HOUR: Duration = Duration::HOUR;
const MONTH: Duration = Duration::days(30);

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
pub async fn phone(app: &App, user: &User, channel: PhoneChannel) -> Result<Option<Destination>, Fault> {
    let kind = match channel {
        PhoneChannel::Sms => FactorKind::Sms,
        PhoneChannel::Call => FactorKind::Call,
    };
    let factors = service::list(app, &user.id).await?;
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

/// Sends the first code of a transaction: what is sent is in the unit.
///
/// # Errors
/// A message could not be sealed, or the database failed.
pub async fn send(
    app: &App,
    transaction: &TransactionId,
    recipient: Recipient,
    (kind, channel): (RecoveryKind, PhoneChannel),
) -> Result<Unit, Fault> {
    let affordable = affordable(app, &recipient).await?;
    let recipient = if affordable { recipient } else { Recipient { user: None, ..recipient } };
    issue(app, transaction, &recipient, (kind, channel))
}

/// Sends another code for a transaction; the one before no longer counts.
///
/// # Errors
/// It is too early, there were too many, or the transaction waits for none.
pub async fn resend(app: &App, transaction: &TransactionId) -> Result<Unit, RecoveryError> {
    let now = app.now();
    let before = store::recovery_code::find(&app.db, transaction).await?;
    let before = before.filter(|code| code.consumed_at.is_none()).ok_or(RecoveryError::Unknown)?;
    if now < before.sent_at.saturating_add(PAUSE) {
        return Err(RecoveryError::SentRecently(before.channel));
    }
    let user = match &before.user_id {
        Some(id) => store::user::find(&app.db, id).await?,
        None => None,
    };
    let user = match user {
        Some(user) if is_possible(app, &user, before.kind) => {
            phone(app, &user, before.channel).await?.map(|phone| (user, phone))
        }
        _ => None,
    };
    let recipient = Recipient { subject: before.subject, user };
    if !affordable(app, &recipient).await? {
        return Err(RecoveryError::TooManyMessages);
    }
    Ok(issue(app, transaction, &recipient, (before.kind, before.channel))?)
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
    code: &Secret<String>,
    caller: &Caller,
) -> Result<Verified, RecoveryError> {
    let now = app.now();
    let sent = store::recovery_code::find(&app.db, transaction).await?.ok_or(RecoveryError::WrongCode)?;
    let [hour, month] = tries(&sent.subject);
    // In the order of the unit that uses the code up: others would wait for each other.
    let charge = Unit::new()
        .claim(store::recovery_code::claim_try(transaction, now))
        .claim(store::recovery_budget::claim(&hour, TRIES_PER_HOUR, HOUR, now))
        .claim(store::recovery_budget::claim(&month, TRIES_PER_MONTH, MONTH, now));
    match app.db.writer().commit(charge).await? {
        Outcome::Won => {}
        Outcome::Lost(0) => return Err(RecoveryError::WrongCode),
        Outcome::Lost(_) => return Err(RecoveryError::Locked),
    }
    // Of the code that was charged; another may have been sent in between, and then this one no longer counts.
    let mac = mac(app, transaction, code.expose());
    let matches = constant_time_eq(mac.as_bytes(), sent.code_mac.as_bytes());
    let user = match &sent.user_id {
        Some(id) => store::user::find(&app.db, id).await?,
        None => None,
    };
    let Some(user) = user.filter(|user| matches && is_possible(app, user, sent.kind)) else {
        return Err(RecoveryError::WrongCode);
    };
    let event = Event::new(EventType::AccountUseToken).user(&user.id).with("channel", sent.channel.as_str());
    let unit = Unit::new()
        .claim(store::recovery_code::consume(&sent, now))
        .change(store::recovery_budget::clear(&hour))
        .change(store::recovery_budget::clear(&month))
        .row(event.row(caller, app.random.as_ref(), now));
    Ok(Verified { user, kind: sent.kind, unit })
}

/// Charges a message to its destination; a login without one has a budget of its own, so that nothing can be told apart.
async fn affordable(app: &App, recipient: &Recipient) -> Result<bool, Fault> {
    let destination = match &recipient.user {
        Some((_, Destination::Sms(number) | Destination::Call { number, .. })) => number,
        Some((_, Destination::Email(address))) => address,
        None => &recipient.subject,
    };
    let subject = format!("phone:{}", TokenHash::of(destination).encoded());
    let claim = store::recovery_budget::claim(&subject, MESSAGES_PER_HOUR, HOUR, app.now());
    Ok(app.db.writer().commit(Unit::new().claim(claim)).await? == Outcome::Won)
}

fn issue(
    app: &App,
    transaction: &TransactionId,
    recipient: &Recipient,
    (kind, channel): (RecoveryKind, PhoneChannel),
) -> Result<Unit, Fault> {
    let now = app.now();
    let code = six_digits(app.random.as_ref());
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
    let Some((user, phone)) = &recipient.user else { return Ok(unit) };
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
    ["hour", "month"].map(|window| format!("tries:{window}:{}", TokenHash::of(subject).encoded()))
}

/// Six random digits, each number as likely as any other.
fn six_digits(random: &dyn Random) -> Secret<String> {
    loop {
        let mut bytes = [0_u8; 4];
        random.fill(&mut bytes);
        let number = u32::from_le_bytes(bytes);
        // The last, incomplete million would favour the small numbers.
        if number < 4_294_000_000 {
            return Secret::new(format!("{:06}", number % 1_000_000));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::random::SystemRandom;

    #[test]
    fn a_code_has_six_digits() {
        for _ in 0..1000 {
            let code = six_digits(&SystemRandom);
            assert_eq!(code.expose().len(), 6);
            assert!(code.expose().bytes().all(|digit| digit.is_ascii_digit()));
        }
    }
}
