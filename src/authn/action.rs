//! What may be done in a state. The same list makes `_links` in the JSON API and the buttons on the pages; what
//! is not in it is refused.

use super::state::State;

/// Something the user may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Give login and password.
    SubmitPassword,
    /// Give the transaction up.
    Cancel,
}

/// What may be done now, the main thing first. Nothing once the transaction succeeded.
pub fn allowed(state: &State) -> Vec<Action> {
    match state {
        State::Unauthenticated => vec![Action::SubmitPassword, Action::Cancel],
        State::LockedOut => vec![Action::Cancel],
        State::Success { .. } => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::UserId;

    #[test]
    fn a_transaction_that_is_over_takes_no_password() {
        assert_eq!(allowed(&State::Unauthenticated), [Action::SubmitPassword, Action::Cancel]);
        assert_eq!(allowed(&State::LockedOut), [Action::Cancel]);
        assert_eq!(allowed(&State::Success { user_id: UserId::new("00u1"), factors: vec![] }), []);
    }
}
