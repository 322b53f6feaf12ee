//! What a fact makes of a position. Pure: what holds for the user arrives as [`Rules`], the time as `now`.

use time::OffsetDateTime;

use super::{
    action::{Action, allowed},
    event::Event,
    rules::{RecoveryQuestion, Rules, Standing},
    state::{EnrolmentProgress, PasswordProgress, Position, Purpose, RecoveryKind, State},
};
use crate::model::{factor::FactorKind, session::VerifiedFactor};

/// Why a fact leads nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StepError {
    /// The fact can't happen in that state: an out-of-order submission or a bug, never progress.
    #[error("{event} is not a step from {state}")]
    Illegal {
        /// Okta's word for the state.
        state: &'static str,
        /// The fact.
        event: &'static str,
    },
    /// What is demanded cannot be reached: the user has no factor for it and may enrol none.
    #[error("what is demanded cannot be reached")]
    Unreachable,
}

/// The position without the proofs that count no longer (security rule S7): where something is missing now, it goes back to
/// what is due. A step that waits for something that is still asked for goes on.
///
/// # Errors
/// What is demanded cannot be reached any more.
pub fn revised(mut position: Position, rules: &Rules) -> Result<Position, StepError> {
    let before = position.proven.len();
    position.proven.retain(|proof| rules.counts(proof));
    let goes_on = position.proven.len() == before
        || match &position.state {
            State::MfaChallenge { factor, .. } => {
                is_allowed(&position, rules, &Action::Verify(factor.clone()))
            }
            State::MfaEnrollActivate { factor, .. } => {
                is_allowed(&position, rules, &Action::Activate(factor.clone()))
            }
            State::PasswordWarn | State::PasswordExpired | State::MfaEnroll | State::MfaRequired => false,
            State::Unauthenticated
            | State::Recovery { .. }
            | State::RecoveryChallenge { .. }
            | State::PasswordReset { .. }
            | State::Success => true,
        };
    if goes_on {
        return Ok(position);
    }
    let due = proceed(position.clone(), rules)?;
    // Only a step ends a transaction.
    Ok(if due.state.is_over() { position } else { due })
}

/// The position after a fact. A state that is over accepts none.
///
/// # Errors
/// The fact can't happen in that state, or what is demanded cannot be reached.
pub fn next(
    mut position: Position,
    event: Event,
    rules: &Rules,
    now: OffsetDateTime,
) -> Result<Position, StepError> {
    let illegal = StepError::Illegal { state: position.state.status(), event: event.name() };
    match (position.state.clone(), event) {
        (State::Success, _) => Err(illegal),
        (State::Unauthenticated, event) => enter(position, event, rules, now).ok_or(illegal)?,
        (State::PasswordWarn | State::PasswordExpired, Event::PasswordChanged) => {
            position.password = PasswordProgress::Renewed;
            proceed(position, rules)
        }
        (State::PasswordWarn, Event::Skipped) => {
            position.password = PasswordProgress::PutOff;
            proceed(position, rules)
        }
        (State::MfaRequired, Event::FactorChosen { factor, kind })
            if is_allowed(&position, rules, &Action::Verify(factor.clone())) =>
        {
            Ok(Position { state: State::MfaChallenge { factor, kind }, ..position })
        }
        (State::MfaChallenge { factor, .. }, Event::FactorChosen { factor: again, .. })
            if factor == again =>
        {
            Ok(position)
        }
        (State::MfaRequired | State::MfaChallenge { .. }, Event::FactorVerified { proof })
            if may_prove(&position, rules, &proof) =>
        {
            position.prove(no_later(proof, now));
            proceed(position, rules)
        }
        (State::MfaRequired | State::MfaChallenge { .. }, Event::BackupCodeAccepted { proof })
            if is_allowed(&position, rules, &Action::UseBackupCode) =>
        {
            position.prove(no_later(proof, now));
            proceed(position, rules)
        }
        (State::MfaEnroll, Event::EnrolmentBegun { factor, kind })
            if is_allowed(&position, rules, &Action::Enroll(kind)) =>
        {
            Ok(Position { state: State::MfaEnrollActivate { factor, kind }, ..position })
        }
        (State::MfaEnrollActivate { factor, .. }, Event::EnrolmentBegun { factor: again, .. })
            if factor == again && is_allowed(&position, rules, &Action::Activate(factor.clone())) =>
        {
            Ok(position)
        }
        (State::MfaEnroll, Event::FactorEnrolled { kind, proof })
            if is_allowed(&position, rules, &Action::Enroll(kind)) =>
        {
            enrolled(position, (kind, proof), rules, now)
        }
        (State::MfaEnrollActivate { factor, kind }, Event::FactorEnrolled { kind: enrolled_kind, proof })
            if kind == enrolled_kind
                && proof.factor_id.as_ref() == Some(&factor)
                && is_allowed(&position, rules, &Action::Activate(factor.clone())) =>
        {
            enrolled(position, (kind, proof), rules, now)
        }
        (State::MfaEnroll, Event::Skipped) if is_allowed(&position, rules, &Action::Skip) => {
            position.enrolment = EnrolmentProgress::Declined;
            proceed(position, rules)
        }
        (State::MfaChallenge { .. } | State::MfaEnrollActivate { .. }, Event::WentBack) => {
            proceed(position, rules)
        }
        (State::RecoveryChallenge { kind, .. }, Event::RecoveryProved { user_id, kind: proved })
            if kind == proved && position.user_id.as_ref() == Some(&user_id) =>
        {
            Ok(recover(position, kind, rules.question))
        }
        (State::Recovery { kind }, Event::RecoveryAnswered) => {
            Ok(recover(position, kind, RecoveryQuestion::NotAsked))
        }
        (State::PasswordReset { kind }, Event::PasswordWasReset { at }) => {
            position.password = PasswordProgress::Renewed;
            match kind {
                // S3: a way back gives a password and no session; the next sign-in asks for everything.
                RecoveryKind::Password | RecoveryKind::Unlock => {
                    Ok(Position { state: State::Success, ..position })
                }
                RecoveryKind::AccountActivation => {
                    position.prove(no_later(VerifiedFactor::password(at), now));
                    proceed(position, rules)
                }
            }
        }
        (
            State::PasswordWarn
            | State::PasswordExpired
            | State::Recovery { .. }
            | State::RecoveryChallenge { .. }
            | State::PasswordReset { .. }
            | State::MfaEnroll
            | State::MfaEnrollActivate { .. }
            | State::MfaRequired
            | State::MfaChallenge { .. },
            _,
        ) => Err(illegal),
    }
}

/// What can happen before anybody proved anything; absent: nothing like that.
fn enter(
    mut position: Position,
    event: Event,
    rules: &Rules,
    now: OffsetDateTime,
) -> Option<Result<Position, StepError>> {
    match event {
        Event::PasswordAccepted { user_id, at } => {
            // A step-up is about the user of its session: another one's password raises nothing (T5).
            if position.user_id.as_ref().is_some_and(|begun_by| *begun_by != user_id) {
                return None;
            }
            position.user_id = Some(user_id);
            position.prove(no_later(VerifiedFactor::password(at), now));
            Some(proceed(position, rules))
        }
        Event::PasskeyAccepted { user_id, proof } => {
            if position.user_id.as_ref().is_some_and(|begun_by| *begun_by != user_id) {
                return None;
            }
            position.user_id = Some(user_id);
            position.prove(no_later(proof, now));
            Some(proceed(position, rules))
        }
        Event::SessionFound { user_id, proven } if position.user_id.is_none() => {
            position.user_id = Some(user_id);
            position.proven = proven.into_iter().map(|proof| no_later(proof, now)).collect();
            Some(proceed(position, rules))
        }
        // Also where there is a password already: that the mail arrived proves no more, and an account that was
        // deactivated begins anew.
        Event::ActivationAccepted { user_id } if position.user_id.is_none() => {
            position.user_id = Some(user_id);
            let kind = RecoveryKind::AccountActivation;
            Some(Ok(Position { state: State::PasswordReset { kind }, ..position }))
        }
        Event::RecoveryStarted { user_id, kind, channel } if position.user_id.is_none() => {
            position.user_id = user_id;
            position.purpose = Purpose::Recovery(kind);
            Some(Ok(Position { state: State::RecoveryChallenge { kind, channel }, ..position }))
        }
        Event::RecoveryProved { user_id, kind } if position.user_id.is_none() => {
            position.user_id = Some(user_id);
            position.purpose = Purpose::Recovery(kind);
            Some(Ok(recover(position, kind, rules.question)))
        }
        Event::SessionFound { .. }
        | Event::ActivationAccepted { .. }
        | Event::RecoveryStarted { .. }
        | Event::RecoveryProved { .. }
        | Event::FactorChosen { .. }
        | Event::FactorVerified { .. }
        | Event::BackupCodeAccepted { .. }
        | Event::EnrolmentBegun { .. }
        | Event::FactorEnrolled { .. }
        | Event::PasswordChanged
        | Event::Skipped
        | Event::WentBack
        | Event::RecoveryAnswered
        | Event::PasswordWasReset { .. } => None,
    }
}

/// The order of a sign-in: credentials; a factor, if one is enrolled and asked for; the password, if it must be changed;
/// enrolment; success.
fn proceed(position: Position, rules: &Rules) -> Result<Position, StepError> {
    let state = if rules.wants_password(&position) {
        State::Unauthenticated
    } else if !rules.askable(&position).is_empty() || rules.asks_for_backup_code(&position) {
        State::MfaRequired
    } else if rules.must_enrol(&position) && !rules.can_enrol(&position) {
        // Said before a new password is asked for in vain.
        return Err(StepError::Unreachable);
    } else {
        match rules.standing(&position) {
            Standing::Expired => State::PasswordExpired,
            Standing::Warn { .. } => State::PasswordWarn,
            Standing::Fine if rules.asks_to_enrol(&position) && rules.can_enrol(&position) => {
                State::MfaEnroll
            }
            Standing::Fine => State::Success,
        }
    };
    Ok(Position { state, ..position })
}

/// What follows the proof of a recovery: the question, if it is asked, then what was lost.
fn recover(position: Position, kind: RecoveryKind, question: RecoveryQuestion) -> Position {
    let state = match (question, kind) {
        (RecoveryQuestion::Asked, RecoveryKind::Password | RecoveryKind::Unlock) => State::Recovery { kind },
        (RecoveryQuestion::NotAsked, RecoveryKind::Unlock) => State::Success,
        (RecoveryQuestion::NotAsked, RecoveryKind::Password)
        | (RecoveryQuestion::Asked | RecoveryQuestion::NotAsked, RecoveryKind::AccountActivation) => {
            State::PasswordReset { kind }
        }
    };
    Position { state, ..position }
}

fn enrolled(
    mut position: Position,
    (kind, proof): (FactorKind, VerifiedFactor),
    rules: &Rules,
    now: OffsetDateTime,
) -> Result<Position, StepError> {
    position.enrolled.push(kind);
    position.prove(no_later(proof, now));
    proceed(position, rules)
}

/// `auth_time` comes from here (OpenID Connect Core §2): it never lies ahead.
fn no_later(proof: VerifiedFactor, now: OffsetDateTime) -> VerifiedFactor {
    VerifiedFactor { at: proof.at.min(now), ..proof }
}

fn may_prove(position: &Position, rules: &Rules, proof: &VerifiedFactor) -> bool {
    let Some(factor) = &proof.factor_id else { return false };
    is_allowed(position, rules, &Action::Verify(factor.clone()))
}

fn is_allowed(position: &Position, rules: &Rules, action: &Action) -> bool {
    allowed(position, rules).contains(action)
}
