//! The system log: every fact that matters for security, written in the unit that makes it true, under Okta's event
//! types. Never a token, code, secret or password.

pub mod caller;
pub mod event;
pub mod own;
pub mod query;
pub mod repeats;
pub mod user_agent;

mod catalogue;

use crate::{app::App, fault::Fault, limit::rate::Bucket, store::unit::Unit};

pub use caller::{Actor, Caller};
pub use event::{Event, EventType, Reason};

/// Writes an event about an anonymous caller, unless one like it was written within the minute (see [`repeats`]).
///
/// # Errors
/// The database failed.
pub async fn record_repeated(app: &App, key: &str, event: Event, caller: &Caller) -> Result<(), Fault> {
    let now = app.now();
    let key = format!("{}\n{key}", caller.ip_text());
    if let Some(times) = app.repeats.note(&key, now) {
        let row = event.times(times).row(caller, app.random.as_ref(), now);
        app.db.writer().commit(Unit::new().row(row)).await?;
    }
    Ok(())
}

/// Counts and writes that a budget refused a caller.
///
/// # Errors
/// The database failed.
pub async fn record_throttled(app: &App, bucket: Bucket, caller: &Caller) -> Result<(), Fault> {
    metrics::counter!("rate_limit_refusals_total", "bucket" => bucket.name()).increment(1);
    let event = Event::failure(EventType::RateLimited, bucket.name());
    record_repeated(app, bucket.name(), event, caller).await
}
