//! What pages say of the errors of a step.

use http::StatusCode;

use crate::{
    authn::service::AuthnError,
    factor::FactorError,
    user::{password::PasswordError, recovery::RecoveryError},
    web::step::StepError,
};

/// What a page says of an error; those that end the transaction come back.
pub(in crate::web::route) fn problem(error: AuthnError) -> Result<(StatusCode, StepError), AuthnError> {
    let bad = StatusCode::BAD_REQUEST;
    let many = StatusCode::TOO_MANY_REQUESTS;
    Ok(match error {
        AuthnError::Factor(FactorError::Fault(fault))
        | AuthnError::Password(PasswordError::Fault(fault))
        | AuthnError::Recovery(RecoveryError::Fault(fault)) => return Err(fault.into()),
        AuthnError::NotAllowed | AuthnError::Factor(FactorError::Unknown | FactorError::WrongStatus) => {
            (bad, StepError::Moved)
        }
        AuthnError::Throttled(_)
        | AuthnError::Factor(FactorError::TooManyAttempts | FactorError::TooManyMessages)
        | AuthnError::Recovery(RecoveryError::Throttled(_) | RecoveryError::TooManyMessages) => {
            (many, StepError::TooMany)
        }
        AuthnError::Busy
        | AuthnError::Password(PasswordError::Busy)
        | AuthnError::Recovery(RecoveryError::Busy) => (many, StepError::Busy),
        AuthnError::Factor(FactorError::SentRecently(_))
        | AuthnError::Recovery(RecoveryError::SentRecently(_)) => (many, StepError::SentRecently),
        AuthnError::Factor(FactorError::Replayed) => (bad, StepError::Replayed),
        AuthnError::Factor(FactorError::Locked)
        | AuthnError::Password(PasswordError::Locked)
        | AuthnError::Recovery(RecoveryError::Locked) => (bad, StepError::Locked),
        AuthnError::Factor(FactorError::PhoneNumber | FactorError::PhoneExtension | FactorError::Country) => {
            (bad, StepError::PhoneNumber)
        }
        AuthnError::Factor(FactorError::NotAllowed) => {
            (bad, StepError::Invalid("Policy does not allow it. Use another one.".to_owned()))
        }
        AuthnError::Factor(FactorError::Invalid { member, problem }) => {
            (bad, StepError::Invalid(format!("The {member} {problem}.")))
        }
        AuthnError::Recovery(RecoveryError::Invalid { member, problem }) => {
            (bad, StepError::Invalid(format!("The {member} {problem}.")))
        }
        AuthnError::Password(PasswordError::WrongPassword) => (bad, StepError::WrongPassword),
        AuthnError::Password(PasswordError::Weak(lacks)) => {
            (bad, StepError::Password(lacks.iter().map(ToString::to_string).collect()))
        }
        AuthnError::Password(error @ (PasswordError::TooYoung { .. } | PasswordError::NotAllowed)) => {
            (bad, StepError::Invalid(sentence(&error.to_string())))
        }
        AuthnError::Factor(_)
        | AuthnError::Recovery(RecoveryError::WrongCode | RecoveryError::WrongAnswer) => {
            (bad, StepError::Wrong)
        }
        error @ (AuthnError::Refused
        | AuthnError::Token
        | AuthnError::Locked
        | AuthnError::Unreachable
        | AuthnError::Password(PasswordError::Status(_))
        | AuthnError::Recovery(_)
        | AuthnError::Fault(_)) => return Err(error),
    })
}

/// An error as people read it.
fn sentence(error: &str) -> String {
    let mut letters = error.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).chain(['.']).collect()
}
