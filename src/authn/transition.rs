//! What a fact makes of a state.

use time::OffsetDateTime;

use super::{event::Event, state::State};
use crate::model::session::VerifiedFactor;

/// The fact can't happen in that state: an out-of-order submission or a bug, never progress.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{event} is not a step from {state}")]
pub struct IllegalStep {
    /// Okta's word for the state.
    pub state: &'static str,
    /// The fact.
    pub event: &'static str,
}

/// The state after a fact. A state that is over accepts none.
///
/// # Errors
/// The fact can't happen in that state.
pub fn next(state: State, event: Event, now: OffsetDateTime) -> Result<State, IllegalStep> {
    match (state, event) {
        (State::Unauthenticated, Event::PasswordAccepted { user_id, at }) => {
            // `auth_time` comes from here (OpenID Connect Core §2): it never lies ahead.
            let password = VerifiedFactor::password(at.min(now));
            Ok(State::Success { user_id, factors: vec![password] })
        }
        (State::Unauthenticated, Event::PasswordRefused) => Ok(State::Unauthenticated),
        // A lock ends the transaction that is under way.
        (State::Unauthenticated, Event::UserLocked) => Ok(State::LockedOut),
        (
            state @ (State::LockedOut | State::Success { .. }),
            event @ (Event::PasswordAccepted { .. } | Event::PasswordRefused | Event::UserLocked),
        ) => Err(IllegalStep { state: state.status(), event: event.name() }),
    }
}

#[cfg(test)]
mod tests {
    use time::{Duration, macros::datetime};

    use super::*;
    use crate::id::UserId;

    const NOW: OffsetDateTime = datetime!(2026-01-01 00:00:00 UTC);

    fn alice() -> UserId {
        UserId::new("00ualice")
    }

    fn success(at: OffsetDateTime) -> State {
        let factors = vec![VerifiedFactor::password(at)];
        State::Success { user_id: alice(), factors }
    }

    #[test]
    fn every_state_meets_every_event() {
        let states = || [State::Unauthenticated, State::LockedOut, success(NOW)];
        let events = || {
            [Event::PasswordAccepted { user_id: alice(), at: NOW }, Event::PasswordRefused, Event::UserLocked]
        };
        let table = [
            [Some(success(NOW)), Some(State::Unauthenticated), Some(State::LockedOut)],
            [None, None, None],
            [None, None, None],
        ];
        for (state, row) in states().into_iter().zip(table) {
            for (event, expected) in events().into_iter().zip(row) {
                let illegal = IllegalStep { state: state.status(), event: event.name() };
                assert_eq!(next(state.clone(), event, NOW), expected.ok_or(illegal));
            }
        }
    }

    #[test]
    fn sec_t01_amr_lists_just_what_was_verified() {
        let accepted = Event::PasswordAccepted { user_id: alice(), at: NOW };
        let Ok(State::Success { factors, .. }) = next(State::Unauthenticated, accepted, NOW) else {
            panic!("a right password suffices");
        };
        let amr: Vec<&str> = factors.iter().flat_map(|factor| &factor.amr).map(String::as_str).collect();
        assert_eq!(amr, ["pwd"]);
    }

    #[test]
    fn the_time_of_verification_never_lies_ahead() {
        let ahead = Event::PasswordAccepted { user_id: alice(), at: NOW + Duration::HOUR };
        assert_eq!(next(State::Unauthenticated, ahead, NOW), Ok(success(NOW)));
        let before = Event::PasswordAccepted { user_id: alice(), at: NOW - Duration::SECOND };
        assert_eq!(next(State::Unauthenticated, before, NOW), Ok(success(NOW - Duration::SECOND)));
    }
}
