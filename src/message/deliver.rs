//! Delivering a message to a user: opened, rendered, handed to whoever carries it. What became of it is an event of the
//! system log, without what the message says.

use serde_json::Value;
use time::OffsetDateTime;

use super::{
    Content, Destination, Envelope,
    dev_outbox::ShownMessage,
    open,
    render::{Rendered, RenderedMail, render},
};
use crate::{
    app::App,
    fault::Fault,
    ports::{
        mailer::{Mail, MailError},
        telephony::{Otp, PhoneMessage, PhonePurpose, Receipt, Recipient, TelephonyError},
    },
    secret::Secret,
    store::outbox::Message,
    syslog::{Event, EventType, Reason},
};

/// What became of a message.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// Somebody carries it now, or it is shown.
    Delivered,
    /// It did not leave and will not: why, and a text for the log.
    Dead(Reason, String),
    /// It did not leave but may.
    Failed(String),
}

/// A delivery that was tried.
pub struct Tried {
    /// What became of it.
    pub delivery: Delivery,
    kind: EventType,
    envelope: Envelope,
    receipt: Receipt,
}

impl Tried {
    /// The event that tells of a success.
    pub fn sent(&self) -> Event {
        self.about(Event::new(self.kind))
    }

    /// The event that tells of a failure.
    pub fn failed(&self, reason: Reason) -> Event {
        self.about(Event::failure(self.kind, reason))
    }

    fn about(&self, event: Event) -> Event {
        let mut event = event.user(&self.envelope.user_id);
        for (name, value) in
            [("provider", &self.receipt.provider), ("transactionId", &self.receipt.transaction_id)]
        {
            if let Some(value) = value {
                event = event.with(name, Value::from(value.as_str()));
            }
        }
        event
    }
}

/// Tries to deliver a message.
///
/// # Errors
/// It cannot be opened.
pub async fn deliver(app: &App, message: &Message) -> Result<Tried, Fault> {
    let envelope = open(app, message)?;
    let mut tried = Tried {
        delivery: Delivery::Delivered,
        kind: event_type(&envelope.to, &envelope.content),
        envelope,
        receipt: Receipt::default(),
    };
    let expires_at = tried.envelope.content.lifetime().map(|lifetime| message.created_at + lifetime);
    if expires_at.is_some_and(|at| at <= app.now()) {
        // A code that arrives late sends its reader round in circles.
        tried.delivery = Delivery::Dead("EXPIRED", "it would be too late".to_owned());
        return Ok(tried);
    }
    let (rendered, language) = render(&tried.envelope, &app.settings.issuer);
    if app.settings.dev {
        let shown =
            ShownMessage::new(message.id.to_string(), message.created_at, &tried.envelope, rendered.clone());
        app.dev_outbox.show(shown);
    }
    (tried.delivery, tried.receipt) = match (&tried.envelope.to, rendered) {
        (Destination::Email(address), Rendered::Mail(rendered)) => {
            (mail(app, message, address, rendered).await, Receipt::default())
        }
        (Destination::Sms(_), Rendered::Sms(text)) => {
            let phone = phone_message(message, &tried.envelope, (vec![text], language), expires_at);
            match &app.couriers.sms {
                Some(sms) => phoned(sms.send_sms(&phone).await),
                None => (nobody_carries(app), Receipt::default()),
            }
        }
        (Destination::Call { .. }, Rendered::Call(sentences)) => {
            let phone = phone_message(message, &tried.envelope, (sentences, language), expires_at);
            match &app.couriers.voice {
                Some(voice) => phoned(voice.call(&phone).await),
                None => (nobody_carries(app), Receipt::default()),
            }
        }
        (Destination::Email(_) | Destination::Sms(_) | Destination::Call { .. }, _) => {
            return Err(Fault::stored("a message that was rendered for another destination"));
        }
    };
    Ok(tried)
}

/// Without a provider a message is only shown, in `dev`, or lost.
fn nobody_carries(app: &App) -> Delivery {
    if app.settings.dev {
        Delivery::Delivered
    } else {
        Delivery::Dead("NOT_CONFIGURED", "nobody is configured to carry it".to_owned())
    }
}

async fn mail(app: &App, message: &Message, address: &str, rendered: RenderedMail) -> Delivery {
    let Some(mailer) = &app.couriers.mailer else { return nobody_carries(app) };
    let RenderedMail { subject, text, html } = rendered;
    let (id, date) = (message.id.to_string(), message.created_at);
    match mailer.send(&Mail { id, date, to: address.to_owned(), subject, text, html }).await {
        Ok(()) => Delivery::Delivered,
        Err(MailError::Refused(why)) => Delivery::Dead("REFUSED", why),
        Err(MailError::Unavailable(why)) => Delivery::Failed(why),
    }
}

fn phoned(outcome: Result<Receipt, TelephonyError>) -> (Delivery, Receipt) {
    match outcome {
        Ok(receipt) => (Delivery::Delivered, receipt),
        Err(TelephonyError::Refused(why)) => (Delivery::Dead("REFUSED", why), Receipt::default()),
        Err(TelephonyError::Unavailable(why)) => (Delivery::Failed(why), Receipt::default()),
        Err(TelephonyError::Unconfirmed(why)) => (Delivery::Dead("UNCONFIRMED", why), Receipt::default()),
    }
}

fn phone_message(
    message: &Message,
    envelope: &Envelope,
    (text, language): (Vec<String>, &str),
    expires_at: Option<OffsetDateTime>,
) -> PhoneMessage {
    let (number, extension) = match &envelope.to {
        Destination::Email(address) => (address.clone(), None),
        Destination::Sms(number) => (number.clone(), None),
        Destination::Call { number, extension } => (number.clone(), extension.clone()),
    };
    let code = envelope.content.code(&envelope.to).map(|code| Secret::new(code.to_owned()));
    PhoneMessage {
        id: message.id.to_string(),
        at: message.created_at,
        number,
        extension,
        text,
        language: language.to_owned(),
        otp: code.zip(expires_at).map(|(code, expires_at)| Otp { code, expires_at }),
        purpose: purpose(&envelope.content),
        recipient: Recipient {
            user_id: envelope.user_id.to_string(),
            login: envelope.login.clone(),
            first_name: envelope.first_name.clone(),
            last_name: envelope.last_name.clone(),
        },
    }
}

fn purpose(content: &Content) -> PhonePurpose {
    match content {
        Content::FactorCode { .. } => PhonePurpose::Verification,
        Content::ActivationCode { .. } => PhonePurpose::Enrollment,
        Content::PasswordReset { .. } => PhonePurpose::PasswordReset,
        Content::Unlock { .. } => PhonePurpose::Unlock,
        Content::Activation { .. }
        | Content::DeviceInvitation { .. }
        | Content::PasswordChanged
        | Content::FactorEnrolled { .. }
        | Content::FactorReset { .. }
        | Content::RecoveryCodes
        | Content::AccountLocked => PhonePurpose::Notice,
    }
}

/// Okta's event for a message.
fn event_type(to: &Destination, content: &Content) -> EventType {
    match (content, to) {
        (Content::FactorCode { .. } | Content::ActivationCode { .. }, Destination::Email(_)) => {
            EventType::EmailFactorVerify
        }
        (Content::FactorCode { .. }, Destination::Sms(_)) => EventType::SmsFactorVerify,
        (Content::ActivationCode { .. }, Destination::Sms(_)) => EventType::SmsPhoneVerification,
        (Content::FactorCode { .. }, Destination::Call { .. }) => EventType::VoiceMfaChallenge,
        (Content::ActivationCode { .. }, Destination::Call { .. }) => EventType::VoicePhoneVerification,
        (Content::PasswordReset { .. }, Destination::Email(_)) => EventType::EmailPasswordReset,
        (Content::PasswordReset { .. }, Destination::Sms(_)) => EventType::SmsPasswordReset,
        (Content::PasswordReset { .. }, Destination::Call { .. }) => EventType::VoicePasswordReset,
        (Content::Unlock { .. }, Destination::Email(_)) => EventType::EmailAccountUnlock,
        (Content::Unlock { .. }, Destination::Sms(_)) => EventType::SmsAccountUnlock,
        (Content::Unlock { .. }, Destination::Call { .. }) => EventType::VoiceAccountUnlock,
        (Content::FactorEnrolled { .. }, Destination::Email(_)) => EventType::EmailMfaEnrollNotification,
        (Content::FactorReset { .. }, Destination::Email(_)) => EventType::EmailMfaResetNotification,
        (
            Content::Activation { .. }
            | Content::DeviceInvitation { .. }
            | Content::PasswordChanged
            | Content::RecoveryCodes
            | Content::AccountLocked,
            Destination::Email(_),
        ) => EventType::EmailDelivery,
        (
            Content::Activation { .. }
            | Content::DeviceInvitation { .. }
            | Content::PasswordChanged
            | Content::FactorEnrolled { .. }
            | Content::FactorReset { .. }
            | Content::RecoveryCodes
            | Content::AccountLocked,
            Destination::Sms(_),
        ) => EventType::SmsDelivery,
        (
            Content::Activation { .. }
            | Content::DeviceInvitation { .. }
            | Content::PasswordChanged
            | Content::FactorEnrolled { .. }
            | Content::FactorReset { .. }
            | Content::RecoveryCodes
            | Content::AccountLocked,
            Destination::Call { .. },
        ) => EventType::VoiceDelivery,
    }
}
