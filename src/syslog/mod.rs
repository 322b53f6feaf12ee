//! The system log: every fact that matters for security, written in the unit that makes it true, under Okta's event
//! types. Never a token, code, secret or password.

pub mod caller;
pub mod event;
pub mod repeats;

pub use caller::Caller;
pub use event::{Event, EventType, Reason};
