//! Facts that move an authentication transaction; they were established before they are stated here.

use time::OffsetDateTime;

use crate::id::UserId;

/// A fact.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The password of this user was right.
    PasswordAccepted {
        /// Who.
        user_id: UserId,
        /// When it was verified.
        at: OffsetDateTime,
    },
    /// The password was wrong, or the user is unknown: nobody outside learns which.
    PasswordRefused,
    /// The user of this transaction was locked meanwhile.
    UserLocked,
}

impl Event {
    /// The name of the fact.
    pub fn name(&self) -> &'static str {
        match self {
            Self::PasswordAccepted { .. } => "PasswordAccepted",
            Self::PasswordRefused => "PasswordRefused",
            Self::UserLocked => "UserLocked",
        }
    }
}
