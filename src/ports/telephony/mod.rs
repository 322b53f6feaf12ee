//! What text messages and calls share: what is sent, how it ended, and the client that reaches the provider. The provider
//! is the operator's own choice, so its address may be private; by plain http only on loopback.

pub mod hook;
pub mod twilio;

use std::{path::PathBuf, time::Duration};

use http::{HeaderMap, StatusCode};
use reqwest::{Client, redirect::Policy};
use time::OffsetDateTime;
use url::{Host, Url};

use super::trust;
use crate::secret::Secret;

/// A message to a phone.
#[derive(Clone, Debug)]
pub struct PhoneMessage {
    /// What tells this message from others: the same at every attempt.
    pub id: String,
    /// When it was decided.
    pub at: OffsetDateTime,
    /// The number, in E.164.
    pub number: String,
    /// The extension to dial.
    pub extension: Option<String>,
    /// What is written, or the sentences that are spoken.
    pub text: Vec<String>,
    /// The language of the text, as a tag (RFC 5646).
    pub language: String,
    /// The one-time password in it.
    pub otp: Option<Otp>,
    /// What it is for.
    pub purpose: PhonePurpose,
    /// Whom it is for.
    pub recipient: Recipient,
}

/// A one-time password.
#[derive(Clone, Debug)]
pub struct Otp {
    /// The code.
    pub code: Secret<String>,
    /// When it stops counting.
    pub expires_at: OffsetDateTime,
}

/// What a message to a phone is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PhonePurpose {
    /// The phone is being enrolled.
    Enrollment,
    /// A sign-in.
    Verification,
    /// A locked account.
    Unlock,
    /// A forgotten password.
    PasswordReset,
    /// Nothing to type in: a notice.
    Notice,
}

/// Whom a message is for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Recipient {
    /// The user's id.
    pub user_id: String,
    /// The user's login.
    pub login: String,
    /// The first name.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
}

/// What the provider said of a message that it took.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Receipt {
    /// Who carries it.
    pub provider: Option<String>,
    /// What the provider calls it.
    pub transaction_id: Option<String>,
}

/// Why a message was not sent. For the log: it never holds what the message says.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TelephonyError {
    /// The provider will refuse it again.
    #[error("refused: {0}")]
    Refused(String),
    /// It was surely not sent, and may go through later.
    #[error("not sent: {0}")]
    Unavailable(String),
    /// It may have been sent: another attempt might reach the user, and be billed, twice.
    #[error("not confirmed: {0}")]
    Unconfirmed(String),
}

/// How the provider is reached.
#[derive(Clone, Debug)]
pub struct TelephonyOptions {
    /// One request from the first byte to the last.
    pub timeout: Duration,
    /// PEM file with certificates trusted beside the public authorities.
    pub extra_ca: Option<PathBuf>,
}

/// Why the client could not be built.
#[derive(Debug, thiserror::Error)]
#[error("telephony: {0}")]
pub struct TelephonySetupError(String);

/// Largest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// The client that reaches the provider.
pub(super) struct Outbound(Client);

impl Outbound {
    #[expect(
        clippy::disallowed_methods,
        reason = "the provider is the operator's choice, unlike what `fetch` asks"
    )]
    fn new(options: &TelephonyOptions) -> Result<Self, TelephonySetupError> {
        let refuse = |error: &dyn std::fmt::Display| TelephonySetupError(error.to_string());
        Client::builder()
            .tls_backend_preconfigured(trust::tls(options.extra_ca.as_ref()).map_err(|error| refuse(&error))?)
            // A redirect would carry the credential and the code elsewhere.
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            // Shorter than the whole: of what was never connected it is certain that it was not sent.
            .connect_timeout(options.timeout / 2)
            .timeout(options.timeout)
            .pool_max_idle_per_host(4)
            .user_agent("stepgate")
            .build()
            .map(Self)
            .map_err(|error| refuse(&error))
    }

    async fn post(&self, url: &Url, headers: HeaderMap, body: Vec<u8>) -> Result<Answer, TelephonyError> {
        let request = self.0.post(url.clone()).headers(headers).body(body);
        let mut response = request.send().await.map_err(|error| {
            if error.is_connect() {
                TelephonyError::Unavailable("the provider could not be reached".to_owned())
            } else {
                TelephonyError::Unconfirmed("no answer".to_owned())
            }
        })?;
        let status = response.status();
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(None) => return Ok(Answer { status, body }),
                Ok(Some(chunk)) if body.len().saturating_add(chunk.len()) <= MAX_ANSWER => {
                    body.extend_from_slice(&chunk);
                }
                // What cannot be read says nothing; the status has been said.
                Ok(Some(_)) | Err(_) => return Ok(Answer { status, body: Vec::new() }),
            }
        }
    }
}

/// What a provider answered.
struct Answer {
    status: StatusCode,
    /// Empty where it could not be read to its end.
    body: Vec<u8>,
}

/// Whether a provider may be at this address: https, or http on loopback.
pub fn is_provider_address(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    plain && (url.scheme() == "https" && url.has_host() || url.scheme() == "http" && loopback)
}

/// A text of the provider as the log may have it: short and on one line.
fn clipped(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

/// Keeps messages instead of sending them.
#[cfg(feature = "test-support")]
#[derive(Default)]
pub struct FakeTelephony {
    sent: std::sync::Mutex<Vec<PhoneMessage>>,
    failing: std::sync::Mutex<Option<TelephonyError>>,
}

#[cfg(feature = "test-support")]
impl FakeTelephony {
    /// Every message so far.
    pub fn sent(&self) -> Vec<PhoneMessage> {
        self.sent.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// How every message ends from now on.
    pub fn fail(&self, error: Option<TelephonyError>) {
        *self.failing.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = error;
    }

    pub(super) fn take<'a>(
        &'a self,
        message: &PhoneMessage,
    ) -> futures_util::future::BoxFuture<'a, Result<Receipt, TelephonyError>> {
        use futures_util::FutureExt;
        let failing = self.failing.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        if let Some(error) = failing {
            return std::future::ready(Err(error)).boxed();
        }
        self.sent.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(message.clone());
        let receipt = Receipt { provider: Some("fake".to_owned()), transaction_id: Some(message.id.clone()) };
        std::future::ready(Ok(receipt)).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_reached_by_https_or_on_loopback() {
        let good = |text: &str| is_provider_address(&Url::parse(text).unwrap());
        for accepted in
            ["https://hook.example.com/otp", "https://10.0.0.1/", "http://localhost:8/", "http://[::1]/"]
        {
            assert!(good(accepted), "{accepted}");
        }
        for refused in
            ["http://hook.example.com/", "https://a:b@hook.example.com/", "file:///x", "https://x.example/#f"]
        {
            assert!(!good(refused), "{refused}");
        }
    }
}
