//! `[mail]`: the server that mails leave through.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::{ConfigError, Issuer, SecretSource};
use crate::ports::mailer::{SmtpOptions, SmtpTls, is_mailbox};

/// The server that mails leave through. Without `host` no mail is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mail {
    /// The server's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Its port; 587, 465 or 25 by `tls`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// `starttls`, `tls` or `none`.
    pub tls: MailTls,
    /// The user name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretSource>,
    /// The sender: `no-reply@example.com` or `Example <no-reply@example.com>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Where answers go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// One mail from the first byte to the last.
    #[serde(with = "super::duration")]
    pub timeout: Duration,
    /// Mails that are sent at a time, each over a connection of its own.
    pub max_connections: u32,
}

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// By STARTTLS, without which nothing is sent (RFC 3207).
    #[default]
    StartTls,
    /// From the first byte (RFC 8314 §3.3).
    Tls,
    /// Not at all: for a server on the same machine or network.
    None,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            host: None,
            port: None,
            tls: MailTls::default(),
            username: None,
            password: None,
            from: None,
            reply_to: None,
            timeout: Duration::from_secs(15),
            max_connections: 4,
        }
    }
}

impl Mail {
    /// How the server is reached; `None`: no mail is sent.
    pub fn options(&self, issuer: &Issuer, extra_ca: Option<&PathBuf>) -> Option<SmtpOptions> {
        let (tls, port) = match self.tls {
            MailTls::StartTls => (SmtpTls::StartTls, 587),
            MailTls::Tls => (SmtpTls::Tls, 465),
            MailTls::None => (SmtpTls::None, 25),
        };
        let password = self.password.as_ref().map(|password| password.value().clone());
        let domain = url::Url::parse(issuer.as_str()).ok().and_then(|url| url.host_str().map(str::to_owned));
        Some(SmtpOptions {
            host: self.host.clone()?,
            port: self.port.unwrap_or(port),
            tls,
            credentials: self.username.clone().zip(password),
            from: self.from.clone()?,
            reply_to: self.reply_to.clone(),
            domain: domain.unwrap_or_else(|| "localhost".to_owned()),
            timeout: self.timeout,
            connections: self.max_connections,
            extra_ca: extra_ca.cloned(),
        })
    }

    pub(super) fn secrets(&mut self) -> impl Iterator<Item = (&'static str, &mut SecretSource)> {
        self.password.iter_mut().map(|password| ("mail.password", password))
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let Some(host) = &self.host else {
            let idle = self.from.is_some() || self.username.is_some() || self.password.is_some();
            return if idle { Err(ConfigError::invalid("mail.host", "is missing")) } else { Ok(()) };
        };
        if url::Host::parse(host).is_err() {
            return Err(ConfigError::invalid("mail.host", "is no host name or address"));
        }
        let Some(from) = &self.from else {
            return Err(ConfigError::invalid("mail.from", "is missing: say who mails come from"));
        };
        for (key, address) in [("mail.from", Some(from)), ("mail.reply_to", self.reply_to.as_ref())] {
            if address.is_some_and(|address| !is_mailbox(address)) {
                return Err(ConfigError::invalid(
                    key,
                    "is no mail address, like \"Example <no-reply@example.com>\"",
                ));
            }
        }
        if self.username.is_some() != self.password.is_some() {
            return Err(ConfigError::invalid("mail.password", "and `mail.username` go together"));
        }
        // RFC 8314 §3: a password crosses no network in the clear.
        if self.tls == MailTls::None && self.password.is_some() && !is_loopback(host) {
            return Err(ConfigError::invalid(
                "mail.tls",
                "is none, which would send the password in the clear",
            ));
        }
        if self.timeout.is_zero() || self.timeout > MAX_TIMEOUT || self.max_connections == 0 {
            return Err(ConfigError::invalid(
                "mail.timeout",
                "must be between 1ms and 30s, and `mail.max_connections` above 0",
            ));
        }
        Ok(())
    }
}

/// An attempt must be over before the message may be tried by another node.
pub(super) const MAX_TIMEOUT: Duration = Duration::from_secs(30);

fn is_loopback(host: &str) -> bool {
    match url::Host::parse(host) {
        Ok(url::Host::Domain(name)) => name == "localhost",
        Ok(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Ok(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Err(_) => false,
    }
}
