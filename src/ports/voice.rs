//! Voice calls.

use futures_util::future::BoxFuture;

use super::telephony::{PhoneMessage, Receipt, TelephonyError, hook::TelephonyHook, twilio::Twilio};

/// Where calls leave.
pub trait Voice: Send + Sync {
    /// Has somebody called and told something.
    fn call<'a>(&'a self, message: &'a PhoneMessage) -> BoxFuture<'a, Result<Receipt, TelephonyError>>;
}

impl Voice for TelephonyHook {
    fn call<'a>(&'a self, message: &'a PhoneMessage) -> BoxFuture<'a, Result<Receipt, TelephonyError>> {
        self.deliver("VOICE CALL", message)
    }
}

impl Voice for Twilio {
    fn call<'a>(&'a self, message: &'a PhoneMessage) -> BoxFuture<'a, Result<Receipt, TelephonyError>> {
        self.place_call(message)
    }
}

/// Keeps every call instead of placing it.
#[cfg(feature = "test-support")]
#[derive(Default)]
pub struct FakeVoice(pub super::telephony::FakeTelephony);

#[cfg(feature = "test-support")]
impl Voice for FakeVoice {
    fn call<'a>(&'a self, message: &'a PhoneMessage) -> BoxFuture<'a, Result<Receipt, TelephonyError>> {
        self.0.take(message)
    }
}
