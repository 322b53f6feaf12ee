//! The outside world behind traits: clock, randomness, outbound fetches, mail, text messages, calls. Each file holds the
//! trait, the real implementation and, with `test-support`, the fake; what text messages and calls share is in
//! [`telephony`]. Nothing here knows what it is used for.

pub mod clock;
pub mod fetch;
pub mod issuer;
pub mod mailer;
pub mod random;
pub mod sms;
pub mod telephony;
pub mod voice;

mod trust;
