//! What all kinds share: status, attempts and their limits, one-time use, resend limits, log events.

use super::{Answer, Enrolled, Enrolment, FactorError, Proof, Purpose};
use crate::{
    app::App,
    fault::Fault,
    id::{FactorId, UserId},
    model::{factor::Factor, user::User},
    store::unit::Unit,
    syslog::Caller,
};

/// The factors of a user, those waiting for activation too, the last used first.
///
/// # Errors
/// The database failed.
pub async fn list(_app: &App, _user: &UserId) -> Result<Vec<Factor>, Fault> {
    Ok(Vec::new())
}

/// One factor of a user.
///
/// # Errors
/// There is none, or a fault.
pub async fn load(_app: &App, _user: &UserId, _id: &FactorId) -> Result<Factor, FactorError> {
    Err(FactorError::Unknown)
}

/// Begins an enrolment: what is sent is in the unit. The caller has asked policy whether the kind may be enrolled.
///
/// # Errors
/// It cannot be enrolled.
pub async fn enroll(
    _app: &App,
    _user: &User,
    _enrolment: Enrolment,
    _purpose: Purpose<'_>,
    _caller: &Caller,
) -> Result<Enrolled, FactorError> {
    Err(FactorError::NotAllowed)
}

/// Activates a factor by a first proof, which is thereby spent.
///
/// # Errors
/// The proof does not count. That it was tried is counted.
pub async fn activate(
    _app: &App,
    _user: &User,
    _factor: &Factor,
    _answer: &Answer,
    (_purpose, _caller): (Purpose<'_>, &Caller),
) -> Result<Proof, FactorError> {
    Err(FactorError::Unknown)
}

/// Sends a code for a factor that needs one, in place of any that was sent before; what is sent is in the unit.
///
/// # Errors
/// None can be sent now.
pub async fn challenge(
    _app: &App,
    _user: &User,
    _factor: &Factor,
    (_purpose, _caller): (Purpose<'_>, &Caller),
) -> Result<Unit, FactorError> {
    Err(FactorError::Unknown)
}

/// Verifies an answer.
///
/// # Errors
/// The answer does not count. That it was tried is counted before it is looked at.
pub async fn verify(
    _app: &App,
    _user: &User,
    _factor: &Factor,
    _answer: &Answer,
    (_purpose, _caller): (Purpose<'_>, &Caller),
) -> Result<Proof, FactorError> {
    Err(FactorError::Unknown)
}

/// Removes a factor: a unit that an administrator, or the user after a step-up, commits.
///
/// # Errors
/// There is none, or a fault.
pub async fn remove(
    _app: &App,
    _user: &User,
    _factor: &Factor,
    _caller: &Caller,
) -> Result<Unit, FactorError> {
    Err(FactorError::Unknown)
}
