//! `[telephony]`: who carries text messages and calls.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use url::Url;

use super::{ConfigError, Issuer, SecretSource, mail::MAX_TIMEOUT};
use crate::ports::telephony::{
    TelephonyOptions, hook::HookOptions, is_provider_address, twilio::TwilioOptions,
};

/// Who carries text messages and calls: a hook, or an account at Twilio. Without either none are sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telephony {
    /// A telephony inline hook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook: Option<Hook>,
    /// An account at Twilio, or at whoever speaks like it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub twilio: Option<TwilioAccount>,
    /// One request from the first byte to the last.
    #[serde(with = "super::duration")]
    pub timeout: Duration,
    /// The country codes whose phones get messages, without plus sign (ITU-T E.164); empty: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub countries: Vec<String>,
    /// Codes that verify factors, to the phones of one country within an hour.
    pub per_country_and_hour: u32,
}

/// The address of a provider: https, or http on loopback; without user information.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProviderUrl(Url);

/// An address that no provider may have.
#[derive(Debug, thiserror::Error)]
#[error("must be https, or http on loopback, without user information")]
pub struct NoProviderUrl;

impl TryFrom<String> for ProviderUrl {
    type Error = NoProviderUrl;

    fn try_from(text: String) -> Result<Self, NoProviderUrl> {
        Url::parse(&text).ok().filter(is_provider_address).map(Self).ok_or(NoProviderUrl)
    }
}

impl From<ProviderUrl> for String {
    fn from(url: ProviderUrl) -> Self {
        url.0.into()
    }
}

/// Okta's telephony inline hook.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hook {
    /// Where it is: https, or http on loopback.
    pub url: ProviderUrl,
    /// The header that carries the secret.
    #[serde(default = "authorization")]
    pub header: String,
    /// The secret that tells the hook who asks.
    pub secret: SecretSource,
}

fn authorization() -> String {
    "Authorization".to_owned()
}

/// An account at Twilio.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwilioAccount {
    /// `AC…`
    pub account_sid: String,
    /// The token that goes with it.
    pub auth_token: SecretSource,
    /// The number that calls, in E.164, and that sends text messages.
    pub from: String,
    /// `MG…`: sends text messages instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messaging_service_sid: Option<String>,
    /// Where the interface is.
    #[serde(default = "twilio")]
    pub base_url: ProviderUrl,
}

#[expect(clippy::expect_used, reason = "the address is written here")]
fn twilio() -> ProviderUrl {
    ProviderUrl(Url::parse("https://api.twilio.com").expect("an address"))
}

impl Default for Telephony {
    fn default() -> Self {
        Self {
            hook: None,
            twilio: None,
            timeout: Duration::from_secs(5),
            countries: Vec::new(),
            per_country_and_hour: 1000,
        }
    }
}

impl Telephony {
    /// How the provider is reached.
    pub fn options(&self, extra_ca: Option<&PathBuf>) -> TelephonyOptions {
        TelephonyOptions { timeout: self.timeout, extra_ca: extra_ca.cloned() }
    }

    /// The hook, if one is configured.
    pub fn hook_options(&self, issuer: &Issuer) -> Option<HookOptions> {
        self.hook.as_ref().map(|hook| HookOptions {
            url: hook.url.0.clone(),
            header: hook.header.clone(),
            secret: hook.secret.value().clone(),
            issuer: issuer.as_str().to_owned(),
        })
    }

    /// The account, if one is configured.
    pub fn twilio_options(&self) -> Option<TwilioOptions> {
        self.twilio.as_ref().map(|account| TwilioOptions {
            base_url: account.base_url.0.clone(),
            account_sid: account.account_sid.clone(),
            auth_token: account.auth_token.value().clone(),
            from: account.from.clone(),
            messaging_service_sid: account.messaging_service_sid.clone(),
        })
    }

    pub(super) fn secrets(&mut self) -> impl Iterator<Item = (&'static str, &mut SecretSource)> {
        let hook = self.hook.as_mut().map(|hook| ("telephony.hook.secret", &mut hook.secret));
        let twilio =
            self.twilio.as_mut().map(|twilio| ("telephony.twilio.auth_token", &mut twilio.auth_token));
        hook.into_iter().chain(twilio)
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.hook.is_some() && self.twilio.is_some() {
            return Err(ConfigError::invalid("telephony", "has a hook and an account at Twilio: choose one"));
        }
        if self.timeout.is_zero() || self.timeout > MAX_TIMEOUT {
            return Err(ConfigError::invalid("telephony.timeout", "must be between 1ms and 30s"));
        }
        let country = |code: &String| {
            (1..=3).contains(&code.len())
                && !code.starts_with('0')
                && code.bytes().all(|c| c.is_ascii_digit())
        };
        if !self.countries.iter().all(country) {
            let problem = "must be country codes without plus sign, like \"49\"";
            return Err(ConfigError::invalid("telephony.countries", problem));
        }
        if self.hook.as_ref().is_some_and(|hook| http::HeaderName::try_from(&hook.header).is_err()) {
            return Err(ConfigError::invalid("telephony.hook.header", "is no header"));
        }
        if let Some(account) = &self.twilio {
            let word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric());
            if !word(&account.account_sid)
                || account.messaging_service_sid.as_deref().is_some_and(|sid| !word(sid))
            {
                return Err(ConfigError::invalid(
                    "telephony.twilio.account_sid",
                    "and `messaging_service_sid` have letters and digits only",
                ));
            }
            if account.from.is_empty() || account.from.chars().any(char::is_control) {
                return Err(ConfigError::invalid("telephony.twilio.from", "must be a number in E.164"));
            }
        }
        Ok(())
    }
}
