//! The messages that `stepgate dev` shows at `/outbox`: the newest of this process, in memory. They hold codes, so there are
//! none anywhere else.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use time::OffsetDateTime;

use super::{Destination, Envelope, render::Rendered};

/// Messages that are kept.
const ROOM: usize = 200;

/// A message that is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShownMessage {
    /// `msg…`
    pub id: String,
    /// When it was decided.
    pub at: OffsetDateTime,
    /// Where it goes.
    pub to: Destination,
    /// The login of whom it is for.
    pub login: String,
    /// The code in it.
    pub code: Option<String>,
    /// The link in it.
    pub link: Option<String>,
    /// What it says.
    pub rendered: Rendered,
}

impl ShownMessage {
    /// A message as it is shown.
    pub fn new(id: String, at: OffsetDateTime, envelope: &Envelope, rendered: Rendered) -> Self {
        Self {
            id,
            at,
            to: envelope.to.clone(),
            login: envelope.login.clone(),
            code: envelope.content.code(&envelope.to).map(ToOwned::to_owned),
            link: envelope.content.link(&envelope.to).map(ToOwned::to_owned),
            rendered,
        }
    }
}

/// The messages that are shown, the newest first.
#[derive(Default)]
pub struct DevOutbox(Mutex<VecDeque<ShownMessage>>);

impl DevOutbox {
    /// Shows a message, once however often it is delivered.
    pub fn show(&self, message: ShownMessage) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.iter().any(|known| known.id == message.id) {
            return;
        }
        shown.push_front(message);
        shown.truncate(ROOM);
    }

    /// All that are shown, the newest first.
    pub fn all(&self) -> Vec<ShownMessage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// One of them.
    pub fn find(&self, id: &str) -> Option<ShownMessage> {
        let shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown.iter().find(|message| message.id == id).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: usize) -> ShownMessage {
        ShownMessage {
            id: format!("msg{id}"),
            at: OffsetDateTime::UNIX_EPOCH,
            to: Destination::Sms("+15551234567".to_owned()),
            login: "alice".to_owned(),
            code: None,
            link: None,
            rendered: Rendered::Sms(String::new()),
        }
    }

    #[test]
    fn the_newest_are_kept_and_each_is_shown_once() {
        let outbox = DevOutbox::default();
        for id in [1, 2, 2, 1] {
            outbox.show(message(id));
        }
        assert_eq!(outbox.all().iter().map(|shown| shown.id.as_str()).collect::<Vec<_>>(), ["msg2", "msg1"]);
        for id in 0..ROOM + 10 {
            outbox.show(message(1000 + id));
        }
        assert_eq!(outbox.all().len(), ROOM);
        assert!(outbox.find("msg1").is_none() && outbox.find("msg1209").is_some());
    }
}
