//! Messages to users: mails, text messages and voice calls. A message is a row of the unit that decides it, so it is sent if
//! and only if that unit is committed; delivery happens afterwards, never while somebody waits.

use serde::{Deserialize, Serialize};
use time::Duration;

use crate::{
    app::App,
    fault::Fault,
    id::MessageId,
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
    /// The account was locked.
    AccountLocked,
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
}

/// The kind of outbox rows that hold such messages.
pub const USER_MESSAGE: &str = "user_message";

/// The row of a message to a user, for the unit that decides it.
///
/// # Errors
/// It could not be sealed.
pub fn row(app: &App, user: &User, to: Destination, content: Content) -> Result<Row, Fault> {
    let now = app.now();
    let envelope = Envelope {
        to,
        content,
        name: user.profile.full_name(),
        locale: user
            .profile
            .text("locale")
            .or_else(|| user.profile.text("preferredLanguage"))
            .map(ToOwned::to_owned),
        login: user.login.clone(),
    };
    let id = MessageId::generate(app.random.as_ref());
    let payload = serde_json::to_vec(&envelope)?;
    let aad = keys::Aad { table: "outbox", column: "payload", row: id.as_str() };
    let payload = app.master.seal(&aad, &payload).map_err(|error| Fault::Crypto(error.to_string()))?;
    let message = outbox::Message {
        id,
        kind: USER_MESSAGE.to_owned(),
        payload,
        attempts: 0,
        created_at: now,
        next_attempt_at: now,
    };
    Ok(outbox::row(&message))
}
