//! Text messages.

use futures_util::future::BoxFuture;

use super::telephony::{PhoneMessage, Receipt, TelephonyError, hook::TelephonyHook, twilio::Twilio};

/// Where text messages leave.
pub trait Sms: Send + Sync {
    /// Hands a text message to whoever carries it.
    fn send_sms<'a>(&'a self, message: &'a PhoneMessage) -> BoxFuture<'a, Result<Receipt, TelephonyError>>;
}

impl Sms for TelephonyHook {
    fn send_sms<'a>(&'a self, message: &'a PhoneMessage) -> BoxFuture<'a, Result<Receipt, TelephonyError>> {
        self.deliver("SMS", message)
    }
}

impl Sms for Twilio {
    fn send_sms<'a>(&'a self, message: &'a PhoneMessage) -> BoxFuture<'a, Result<Receipt, TelephonyError>> {
        self.send_message(message)
    }
}

/// Keeps every text message instead of sending it.
#[cfg(feature = "test-support")]
#[derive(Default)]
pub struct FakeSms(pub super::telephony::FakeTelephony);

#[cfg(feature = "test-support")]
impl Sms for FakeSms {
    fn send_sms<'a>(&'a self, message: &'a PhoneMessage) -> BoxFuture<'a, Result<Receipt, TelephonyError>> {
        self.0.take(message)
    }
}
