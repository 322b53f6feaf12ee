//! What the outbox holds of a message: sealed, and of no use in another row.

use keys::Aad;
use serde::{Serialize, de::DeserializeOwned};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::{app::App, fault::Fault, id::MessageId, store::outbox::Message};

/// A message that is due at once.
///
/// # Errors
/// It could not be sealed.
pub fn seal(app: &App, kind: &str, content: &impl Serialize, now: OffsetDateTime) -> Result<Message, Fault> {
    let id = MessageId::generate(app.random.as_ref());
    let plain = Zeroizing::new(serde_json::to_vec(content)?);
    let payload = app.master.seal(&place(&id), &plain).map_err(|error| Fault::Crypto(error.to_string()))?;
    Ok(Message { id, kind: kind.to_owned(), payload, attempts: 0, created_at: now, next_attempt_at: now })
}

/// Opens what [`seal`] made.
///
/// # Errors
/// Another master key sealed it, or it was tampered with.
pub fn open<T: DeserializeOwned>(app: &App, message: &Message) -> Result<T, Fault> {
    let plain = app.master.open(&place(&message.id), &message.payload);
    Ok(serde_json::from_slice(&plain.map_err(|error| Fault::Crypto(error.to_string()))?)?)
}

fn place(id: &MessageId) -> Aad<'_> {
    Aad { table: "outbox", column: "payload", row: id.as_str() }
}
