//! The states of an authentication transaction, each with just what it needs.

use serde::{Deserialize, Serialize};

use crate::{id::UserId, model::session::VerifiedFactor};

/// Okta's transaction status with its data.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub enum State {
    /// Nobody has proved anything.
    Unauthenticated,
    /// The user is locked; this transaction is over.
    LockedOut,
    /// The user is who they say; this transaction is over.
    Success {
        /// Who.
        user_id: UserId,
        /// Proved with what, in order. `amr` lists exactly these (RFC 8176).
        factors: Vec<VerifiedFactor>,
    },
}

impl State {
    /// Okta's word for the status.
    pub fn status(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::LockedOut => "LOCKED_OUT",
            Self::Success { .. } => "SUCCESS",
        }
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;

    #[test]
    fn a_state_is_stored_under_okta_s_word_and_read_back() {
        let at = OffsetDateTime::UNIX_EPOCH;
        let factors = vec![VerifiedFactor::password(at)];
        let success = State::Success { user_id: UserId::new("00u1"), factors };
        for state in [State::Unauthenticated, State::LockedOut, success] {
            let stored = serde_json::to_value(&state).unwrap();
            assert_eq!(stored["status"], state.status());
            assert_eq!(serde_json::from_value::<State>(stored).unwrap(), state);
        }
    }
}
