//! Mail, by SMTP (RFC 5321).

use std::{error::Error as _, path::PathBuf, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, MultiPart, header},
    transport::smtp::{
        PoolConfig,
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};
use time::OffsetDateTime;
use tokio::sync::Semaphore;

use crate::secret::Secret;

/// Where mails leave.
pub trait Mailer: Send + Sync {
    /// Hands a mail to the next server.
    fn send<'a>(&'a self, mail: &'a Mail) -> BoxFuture<'a, Result<(), MailError>>;
}

/// A mail to one person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mail {
    /// The left part of `Message-ID` (RFC 5322 §3.6.4): the same at every attempt, so that a mail that arrives twice is
    /// recognised.
    pub id: String,
    /// `Date`.
    pub date: OffsetDateTime,
    /// The address it goes to.
    pub to: String,
    /// `Subject`.
    pub subject: String,
    /// The content as plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

/// Why a mail was not sent. For the log: it never holds what the mail says.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MailError {
    /// It will be refused again: the address is none, or the server said so for good (RFC 5321 §4.2.1, 5yz), and not of
    /// our login.
    #[error("refused: {0}")]
    Refused(String),
    /// It may go through later.
    #[error("not sent: {0}")]
    Unavailable(String),
}

/// How the connection is protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SmtpTls {
    /// By STARTTLS, without which nothing is sent (RFC 3207).
    StartTls,
    /// From the first byte (RFC 8314 §3.3).
    Tls,
    /// Not at all.
    None,
}

/// How [`SmtpMailer`] reaches its server.
#[derive(Clone, Debug)]
pub struct SmtpOptions {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: SmtpTls,
    /// User name and password.
    pub credentials: Option<(String, Secret<String>)>,
    /// `From`: an address, or a name and an address in angle brackets.
    pub from: String,
    /// `Reply-To`, in the same form.
    pub reply_to: Option<String>,
    /// What `Message-ID`s end with: the host of the issuer.
    pub domain: String,
    /// One mail from the first byte to the last.
    pub timeout: Duration,
    /// Mails that are sent at a time, each over a connection of its own, and connections that are kept.
    pub connections: u32,
    /// PEM file with certificates trusted beside the public authorities.
    pub extra_ca: Option<PathBuf>,
}

/// Why [`SmtpMailer`] could not be built.
#[derive(Debug, thiserror::Error)]
pub enum MailSetupError {
    /// A configured address is none.
    #[error("`mail.{key}` has \"{address}\", which is no mail address")]
    Address {
        /// The setting.
        key: &'static str,
        /// What it has.
        address: String,
    },
    /// The file with certificate authorities cannot be used.
    #[error("`fetch.extra_ca`: {0}")]
    ExtraCa(String),
    /// The TLS library refused its settings.
    #[error("mail: {0}")]
    Tls(String),
}

/// Mail by SMTP, over a few connections that are kept.
pub struct SmtpMailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    reply_to: Option<Mailbox>,
    domain: String,
    timeout: Duration,
    /// The pool bounds the connections that it keeps, not those in use.
    connections: Semaphore,
}

impl SmtpMailer {
    /// Builds the transport; nothing is connected yet. Needs a running runtime, which closes idle connections.
    ///
    /// # Errors
    /// An address or a certificate cannot be used.
    pub fn new(options: SmtpOptions) -> Result<Self, MailSetupError> {
        let from = mailbox("from", &options.from)?;
        let reply_to = options.reply_to.as_deref().map(|text| mailbox("reply_to", text)).transpose()?;
        let tls = match options.tls {
            SmtpTls::None => Tls::None,
            SmtpTls::StartTls => Tls::Required(parameters(&options)?),
            SmtpTls::Tls => Tls::Wrapper(parameters(&options)?),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&options.host)
            .port(options.port)
            .tls(tls)
            .timeout(Some(options.timeout))
            .pool_config(PoolConfig::new().max_size(options.connections));
        if let Some((user, password)) = options.credentials {
            builder = builder.credentials(Credentials::new(user, password.expose().clone()));
        }
        Ok(Self {
            transport: builder.build(),
            from,
            reply_to,
            domain: options.domain,
            timeout: options.timeout,
            connections: Semaphore::new(
                usize::try_from(options.connections).unwrap_or(1).clamp(1, Semaphore::MAX_PERMITS),
            ),
        })
    }

    fn message(&self, mail: &Mail) -> Result<Message, MailError> {
        let to: Address = mail.to.parse().map_err(|_| refused("the address is no mail address"))?;
        let mut builder = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(&mail.subject)
            .date(mail.date.into())
            .message_id(Some(format!("<{}@{}>", mail.id, self.domain)))
            // RFC 3834 §5: so that nobody's absence notice answers.
            .raw_header(raw("Auto-Submitted", "auto-generated"));
        if let Some(reply_to) = &self.reply_to {
            builder = builder.reply_to(reply_to.clone());
        }
        let body = MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone());
        builder.multipart(body).map_err(|error| refused(error.to_string()))
    }
}

impl Mailer for SmtpMailer {
    fn send<'a>(&'a self, mail: &'a Mail) -> BoxFuture<'a, Result<(), MailError>> {
        async move {
            let message = self.message(mail)?;
            let sending = async {
                let _connection = self.connections.acquire().await;
                self.transport.send(message).await
            };
            match tokio::time::timeout(self.timeout, sending).await {
                Err(_) => Err(MailError::Unavailable("no answer in time".to_owned())),
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) if error.is_permanent() && !is_about_login(&error) => {
                    Err(MailError::Refused(describe(&error)))
                }
                Ok(Err(error)) => Err(MailError::Unavailable(describe(&error))),
            }
        }
        .boxed()
    }
}

/// Whether a server refuses our login and not this mail (RFC 4954 §6: 530, 534, 535, 538): the operator's to put right,
/// and until then mails wait.
fn is_about_login(error: &lettre::transport::smtp::Error) -> bool {
    let code = error.status().map(|code| code.to_string());
    code.is_some_and(|code| ["530", "534", "535", "538"].contains(&code.as_str()))
}

/// Whether a text is an address, or a name and an address in angle brackets.
pub fn is_mailbox(text: &str) -> bool {
    text.parse::<Mailbox>().is_ok()
}

fn mailbox(key: &'static str, text: &str) -> Result<Mailbox, MailSetupError> {
    text.parse().map_err(|_| MailSetupError::Address { key, address: text.to_owned() })
}

fn parameters(options: &SmtpOptions) -> Result<TlsParameters, MailSetupError> {
    let mut builder = TlsParameters::builder(options.host.clone());
    if let Some(path) = &options.extra_ca {
        let refuse = |problem: String| MailSetupError::ExtraCa(format!("{}: {problem}", path.display()));
        let pem = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
        builder = builder
            .add_root_certificate(Certificate::from_pem(&pem).map_err(|error| refuse(error.to_string()))?);
    }
    builder.build().map_err(|error| MailSetupError::Tls(error.to_string()))
}

fn raw(name: &'static str, value: &str) -> header::HeaderValue {
    header::HeaderValue::new(header::HeaderName::new_from_ascii_str(name), value.to_owned())
}

fn refused(problem: impl Into<String>) -> MailError {
    MailError::Refused(problem.into())
}

/// What the log learns: the chain of causes, on one line and not longer than a line.
fn describe(error: &lettre::transport::smtp::Error) -> String {
    let cause = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    let text = format!("{error}{}", if error.to_string().contains(&cause) { "" } else { &cause });
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}

/// Keeps every mail instead of sending it.
#[cfg(feature = "test-support")]
#[derive(Default)]
pub struct FakeMailer {
    sent: std::sync::Mutex<Vec<Mail>>,
    failing: std::sync::Mutex<Option<MailError>>,
    hanging: std::sync::Arc<tokio::sync::RwLock<()>>,
}

#[cfg(feature = "test-support")]
impl FakeMailer {
    /// Every mail that was sent so far.
    pub fn sent(&self) -> Vec<Mail> {
        self.sent.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// No mail ends until the guard is gone.
    pub async fn hang(&self) -> tokio::sync::OwnedRwLockWriteGuard<()> {
        std::sync::Arc::clone(&self.hanging).write_owned().await
    }

    /// How every mail ends from now on.
    pub fn fail(&self, error: Option<MailError>) {
        *self.failing.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = error;
    }
}

#[cfg(feature = "test-support")]
impl Mailer for FakeMailer {
    fn send<'a>(&'a self, mail: &'a Mail) -> BoxFuture<'a, Result<(), MailError>> {
        async move {
            let _answers = self.hanging.read().await;
            let failing = self.failing.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
            if let Some(error) = failing {
                return Err(error);
            }
            self.sent.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(mail.clone());
            Ok(())
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> SmtpOptions {
        SmtpOptions {
            host: "localhost".to_owned(),
            port: 25,
            tls: SmtpTls::None,
            credentials: None,
            from: "Example ID <no-reply@id.example.com>".to_owned(),
            reply_to: None,
            domain: "id.example.com".to_owned(),
            timeout: Duration::from_secs(1),
            connections: 1,
            extra_ca: None,
        }
    }

    fn mail(to: &str, subject: &str) -> Mail {
        Mail {
            id: "msg1".to_owned(),
            date: OffsetDateTime::UNIX_EPOCH,
            to: to.to_owned(),
            subject: subject.to_owned(),
            text: "Grüße,\n\n123456\n".to_owned(),
            html: "<p>Grüße</p>".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_mail_has_its_headers_and_two_bodies() {
        let mailer = SmtpMailer::new(options()).unwrap();
        let text =
            String::from_utf8(mailer.message(&mail("alice@example.com", "Bestätigen")).unwrap().formatted())
                .unwrap();
        for line in [
            "From: \"Example ID\" <no-reply@id.example.com>",
            "To: alice@example.com",
            "Message-ID: <msg1@id.example.com>",
            "Auto-Submitted: auto-generated",
            "Subject: =?utf-8?b?",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(text.contains("text/plain") && text.contains("text/html"), "{text}");
    }

    /// X2: what a user is called, or an address, never becomes a header of its own.
    #[tokio::test]
    async fn sec_x02_a_line_break_adds_no_header() {
        let mailer = SmtpMailer::new(options()).unwrap();
        for bad in
            ["Hello\r\nBcc: eve@example.com", "Hello\nBcc: eve@example.com", "Hello\rBcc: eve@example.com"]
        {
            let message = mailer.message(&mail("alice@example.com", bad)).unwrap();
            let text = String::from_utf8(message.formatted()).unwrap();
            let (head, _) = text.split_once("\r\n\r\n").unwrap();
            assert!(
                !head.split(['\r', '\n']).any(|line| line.to_ascii_lowercase().starts_with("bcc")),
                "{head}"
            );
            assert_eq!(message.envelope().to().len(), 1);
            let to = bad.replace("Hello", "alice@example.com");
            assert!(matches!(mailer.message(&mail(&to, "x")), Err(MailError::Refused(_))), "{to:?}");
        }
        for bad in ["", "alice", "alice@", "a b@example.com", "alice@example.com, eve@example.com"] {
            assert!(matches!(mailer.message(&mail(bad, "x")), Err(MailError::Refused(_))), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_sender_that_is_no_address_is_refused_at_the_start() {
        let wrong = SmtpOptions { from: "nobody".to_owned(), ..options() };
        assert!(SmtpMailer::new(wrong).err().unwrap().to_string().contains("mail.from"));
        assert!(is_mailbox("a@example.com") && is_mailbox("A <a@example.com>") && !is_mailbox("a"));
    }
}
