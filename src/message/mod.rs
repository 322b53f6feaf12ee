//! Messages to users: mails, text messages and voice calls. A message is a row of the unit that decides it, so it is sent if
//! and only if that unit is committed; delivery happens afterwards, never while somebody waits.
//!
//! What a message says is rendered when it is delivered ([`render`]), in the user's language; who carries it is in
//! [`crate::app::Couriers`]. In `stepgate dev` every message is shown too ([`dev_outbox`]). That a message was sent, or
//! given up, is logged by [`deliver`]; whoever decides a message does not log its sending.

pub mod deliver;
pub mod dev_outbox;
pub mod render;
pub mod sealed;

mod gsm;
mod language;

use serde::{Deserialize, Serialize};
use time::Duration;

use crate::{
    app::App,
    fault::Fault,
    id::UserId,
    model::user::User,
    store::{outbox, unit::Row},
};

/// Where a message goes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// A mail address.
    Email(String),
    /// A mobile phone, in E.164.
    Sms(String),
    /// A phone, in E.164, and an extension.
    Call {
        /// The number.
        number: String,
        /// The extension.
        extension: Option<String>,
    },
}

impl Destination {
    /// What carries messages there.
    pub fn medium(&self) -> Medium {
        match self {
            Self::Email(_) => Medium::Email,
            Self::Sms(_) => Medium::Sms,
            Self::Call { .. } => Medium::Call,
        }
    }
}

/// What carries messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Medium {
    /// Mail.
    Email,
    /// Text messages.
    Sms,
    /// Voice calls.
    Call,
}

impl Medium {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Email, Self::Sms, Self::Call];

    /// The kind of outbox rows that hold its messages.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Email => USER_MAIL,
            Self::Sms | Self::Call => USER_PHONE,
        }
    }
}

/// What a message says. Links are absolute and made from the configured issuer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A code that verifies a factor.
    FactorCode {
        /// The code.
        code: String,
        /// How long it counts.
        lifetime: Duration,
        /// The same as a link (mail only).
        link: Option<String>,
    },
    /// A code that activates a factor.
    ActivationCode {
        /// The code.
        code: String,
        /// How long it counts.
        lifetime: Duration,
    },
    /// A way back for somebody who forgot the password.
    PasswordReset {
        /// The link (mail) or the code (phone).
        secret: String,
        /// How long it counts.
        lifetime: Duration,
    },
    /// A way back for somebody who is locked out.
    Unlock {
        /// The link (mail) or the code (phone).
        secret: String,
        /// How long it counts.
        lifetime: Duration,
    },
    /// An invitation to activate an account.
    Activation {
        /// The link.
        link: String,
        /// How long it counts.
        lifetime: Duration,
    },
    /// The way to make a device one that approves.
    DeviceInvitation {
        /// The link: what is secret in it stands behind `#`.
        link: String,
        /// How long it counts.
        lifetime: Duration,
    },
    /// The password was changed.
    PasswordChanged,
    /// A factor was added.
    FactorEnrolled {
        /// What it is, in Okta's `factorType`.
        factor_type: String,
    },
    /// A factor was removed, or all were.
    FactorReset {
        /// What it was; absent: all.
        factor_type: Option<String>,
    },
    /// New recovery codes took the place of those from before.
    RecoveryCodes,
    /// The account was locked.
    AccountLocked,
}

impl Content {
    /// How long what it says counts; absent: it is a notice.
    pub fn lifetime(&self) -> Option<Duration> {
        match self {
            Self::FactorCode { lifetime, .. }
            | Self::ActivationCode { lifetime, .. }
            | Self::PasswordReset { lifetime, .. }
            | Self::Unlock { lifetime, .. }
            | Self::Activation { lifetime, .. }
            | Self::DeviceInvitation { lifetime, .. } => Some(*lifetime),
            Self::PasswordChanged
            | Self::FactorEnrolled { .. }
            | Self::FactorReset { .. }
            | Self::RecoveryCodes
            | Self::AccountLocked => None,
        }
    }

    /// The code that a message to this destination holds.
    pub fn code(&self, to: &Destination) -> Option<&str> {
        match (self, to) {
            (Self::FactorCode { code, .. } | Self::ActivationCode { code, .. }, _)
            | (
                Self::PasswordReset { secret: code, .. } | Self::Unlock { secret: code, .. },
                Destination::Sms(_) | Destination::Call { .. },
            ) => Some(code),
            (
                Self::PasswordReset { .. }
                | Self::Unlock { .. }
                | Self::Activation { .. }
                | Self::DeviceInvitation { .. }
                | Self::PasswordChanged
                | Self::FactorEnrolled { .. }
                | Self::FactorReset { .. }
                | Self::RecoveryCodes
                | Self::AccountLocked,
                _,
            ) => None,
        }
    }

    /// The link that a message to this destination holds.
    pub fn link(&self, to: &Destination) -> Option<&str> {
        match (self, to) {
            (Self::FactorCode { link, .. }, Destination::Email(_)) => link.as_deref(),
            (
                Self::PasswordReset { secret: link, .. } | Self::Unlock { secret: link, .. },
                Destination::Email(_),
            )
            | (Self::Activation { link, .. } | Self::DeviceInvitation { link, .. }, _) => Some(link),
            (
                Self::FactorCode { .. }
                | Self::ActivationCode { .. }
                | Self::PasswordReset { .. }
                | Self::Unlock { .. }
                | Self::PasswordChanged
                | Self::FactorEnrolled { .. }
                | Self::FactorReset { .. }
                | Self::RecoveryCodes
                | Self::AccountLocked,
                _,
            ) => None,
        }
    }
}

/// Where users look after their account, below the issuer.
pub const ACCOUNT: &str = "/account";

impl Content {
    /// Whether it tells of a change that its reader may want to look at, or to take back, on the account page.
    pub fn is_about_protection(&self) -> bool {
        match self {
            Self::PasswordChanged
            | Self::FactorEnrolled { .. }
            | Self::FactorReset { .. }
            | Self::RecoveryCodes => true,
            Self::FactorCode { .. }
            | Self::ActivationCode { .. }
            | Self::PasswordReset { .. }
            | Self::Unlock { .. }
            | Self::Activation { .. }
            | Self::DeviceInvitation { .. }
            | Self::AccountLocked => false,
        }
    }
}

/// What is stored of a message, sealed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Envelope {
    /// Where it goes.
    pub to: Destination,
    /// What it says.
    pub content: Content,
    /// What the user is called.
    pub name: Option<String>,
    /// The user's language, as a tag (RFC 5646).
    pub locale: Option<String>,
    /// The user's login.
    pub login: String,
    /// The user.
    pub user_id: UserId,
    /// The user's first name.
    pub first_name: Option<String>,
    /// The user's last name.
    pub last_name: Option<String>,
}

/// The kind of outbox rows that hold mails to users.
pub const USER_MAIL: &str = "user_mail";
/// The kind of outbox rows that hold text messages and calls: they do not wait for mails, nor mails for them.
pub const USER_PHONE: &str = "user_phone";

/// Whether such messages can leave: a server or provider is configured, or `stepgate dev` shows them.
pub fn can_send(app: &App, medium: Medium) -> bool {
    let configured = match medium {
        Medium::Email => app.couriers.mailer.is_some(),
        Medium::Sms => app.couriers.sms.is_some(),
        Medium::Call => app.couriers.voice.is_some(),
    };
    configured || app.settings.dev
}

/// The row of a message to a user, for the unit that decides it.
///
/// # Errors
/// It could not be sealed, or it holds a link that leads elsewhere.
pub fn row(app: &App, user: &User, to: Destination, content: Content) -> Result<Row, Fault> {
    message(app, user, to, content).map(|message| outbox::row(&message))
}

/// The message itself, for the transaction of an administrator ([`outbox::insert`]).
///
/// # Errors
/// It could not be sealed, or it holds a link that leads elsewhere.
pub fn message(app: &App, user: &User, to: Destination, content: Content) -> Result<outbox::Message, Fault> {
    // Whoever asks for a message must not choose where its link leads (GHSA-pfrf-9r5f-73f5): only the configured issuer counts.
    if content.link(&to).is_some_and(|link| !leads_to(&app.settings.issuer, link)) {
        return Err(Fault::stored("a message with a link that does not lead to the issuer"));
    }
    let text = |name: &str| user.profile.text(name).map(ToOwned::to_owned);
    let kind = to.medium().kind();
    let envelope = Envelope {
        to,
        content,
        name: user.profile.full_name(),
        locale: language_tag(user).map(ToOwned::to_owned),
        login: user.login.clone(),
        user_id: user.id.clone(),
        first_name: text("firstName"),
        last_name: text("lastName"),
    };
    sealed::seal(app, kind, &envelope, app.now())
}

/// The language of a user, as it is chosen on the account page or else known from the profile.
fn language_tag(user: &User) -> Option<&str> {
    user.profile.text("preferredLanguage").or_else(|| user.profile.text("locale"))
}

/// The language that messages to a user are written in (RFC 5646).
pub fn language_of(user: &User) -> &'static str {
    language::Language::of(language_tag(user)).tag
}

/// The languages that messages are written in: tag, and what it calls itself.
pub fn languages() -> impl Iterator<Item = (&'static str, &'static str)> {
    language::ALL.into_iter().map(|language| (language.tag, language.name))
}

fn leads_to(issuer: &str, link: &str) -> bool {
    let below = link.strip_prefix(issuer).is_some_and(|rest| rest.starts_with('/'));
    // What a browser would take out or turn round is in none of our links.
    below && link.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

/// Opens a message that [`message`] made.
///
/// # Errors
/// Another master key sealed it, or it was tampered with.
pub fn open(app: &App, message: &outbox::Message) -> Result<Envelope, Fault> {
    sealed::open(app, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S5: the host of a link comes from the configuration.
    #[test]
    fn sec_s05_a_link_leads_to_the_issuer_or_nowhere() {
        let issuer = "https://id.example.com";
        assert!(leads_to(issuer, "https://id.example.com/signin/reset-password/abc?x=1"));
        for foreign in [
            "https://evil.example/signin/reset-password/abc",
            "https://id.example.com.evil.example/reset",
            "https://id.example.com@evil.example/",
            "https://id.example.com",
            "http://id.example.com/reset",
            "//evil.example/",
            "/reset",
            "https://id.example.com/\r\nBcc: eve@evil.example",
            "https://id.example.com/a b",
            "https://id.example.com/\\evil",
            "",
        ] {
            assert!(!leads_to(issuer, foreign), "{foreign}");
        }
    }
}
