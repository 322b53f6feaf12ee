//! Okta's answers to what is refused.

use http::StatusCode;
use poem::Response;

use super::KIND;
use crate::{
    api::error::okta::{Envelope, failed},
    user::{
        administration::AdministrationError,
        password::PasswordError,
        recovery::{RecoveryError, token::NotMailed},
    },
};

/// Okta's answer to whatever was refused.
pub(in crate::api::v1) fn refusal(error: AdministrationError, id: &str) -> Response {
    match error {
        AdministrationError::UnknownUser => Envelope::not_found(id, KIND).respond(),
        AdministrationError::UnknownGroup(group) => {
            Envelope::not_found(group.as_str(), "UserGroup").respond()
        }
        AdministrationError::LoginTaken => {
            let cause = "login: An object with this field already exists in the current organization";
            Envelope::validation("login", [cause.to_owned()]).respond()
        }
        AdministrationError::Login(error) => {
            Envelope::validation("login", [format!("login: {error}")]).respond()
        }
        AdministrationError::Profile(causes) => {
            let resource =
                causes.first().and_then(|cause| cause.split_once(':')).map(|(name, _)| name.to_owned());
            Envelope::validation(resource.as_deref().unwrap_or("profile"), causes).respond()
        }
        AdministrationError::Status(_) => not_now(),
        AdministrationError::Administrator => Envelope::forbidden().respond(),
        AdministrationError::Changed => {
            Envelope::new(StatusCode::CONFLICT, "E0000195", "The user was changed meanwhile.").respond()
        }
        AdministrationError::Fault(fault) => failed(fault),
    }
}

/// The answer to a password in a document that is refused.
pub(super) fn weak(error: &PasswordError) -> Response {
    match error {
        PasswordError::Weak(_) => {
            let cause = format!("password: Password requirements were not met: {error}");
            Envelope::validation("password", [cause]).respond()
        }
        error => not_set(error),
    }
}

/// The answer to a password that was not set.
pub(in crate::api::v1) fn not_set(error: &PasswordError) -> Response {
    let forbidden = |code, text: &str| Envelope::new(StatusCode::FORBIDDEN, code, text);
    let refused = || forbidden("E0000014", "Update of credentials failed");
    match error {
        PasswordError::NotAllowed => {
            forbidden("E0000035", "Change password not allowed on specified user.").respond()
        }
        PasswordError::WrongPassword => {
            refused().because("oldPassword: The credentials provided were incorrect.").respond()
        }
        PasswordError::Locked => {
            forbidden("E0000069", "User Locked: too many wrong passwords were given").respond()
        }
        PasswordError::TooYoung { .. } | PasswordError::Weak(_) => {
            refused().because(format!("newPassword: {error}")).respond()
        }
        PasswordError::Status(_) => not_now(),
        PasswordError::Busy => Envelope::rate_limit().respond(),
        PasswordError::Fault(fault) => failed(fault),
    }
}

/// The answer to a recovery, or to what is set for one, that is refused.
pub(in crate::api::v1) fn not_recovered(error: &RecoveryError) -> Response {
    let forbidden = |code, text: &str| Envelope::new(StatusCode::FORBIDDEN, code, text).respond();
    match error {
        RecoveryError::Invalid { member, problem } => {
            Envelope::validation("recovery_question", [format!("{member}: {problem}")]).respond()
        }
        RecoveryError::WrongAnswer | RecoveryError::WrongCode => {
            forbidden("E0000087", "The recovery question answer did not match our records.")
        }
        RecoveryError::Locked => forbidden("E0000069", "User Locked: too many wrong answers were given"),
        RecoveryError::NotAllowed => forbidden("E0000034", "Forgot password not allowed on specified user."),
        RecoveryError::UnknownUser => forbidden("E0000095", "Recovery not allowed for unknown user."),
        RecoveryError::Unknown => Envelope::invalid_token().respond(),
        RecoveryError::Spent => forbidden(
            "E0000105",
            "You have accessed an account recovery link that has expired or been previously used.",
        ),
        RecoveryError::Status(_) => not_now(),
        RecoveryError::Throttled(_)
        | RecoveryError::SentRecently(_)
        | RecoveryError::TooManyMessages
        | RecoveryError::Busy => Envelope::rate_limit().respond(),
        RecoveryError::Fault(fault) => failed(fault),
    }
}

/// The answer to a link that is not mailed.
pub(in crate::api::v1) fn not_mailed(error: NotMailed) -> Response {
    match error {
        NotMailed::Unreachable => {
            let cause = "sendEmail: The user has no mail address, or no mail can be sent";
            Envelope::validation("sendEmail", [cause.to_owned()]).respond()
        }
        NotMailed::Fault(fault) => failed(fault),
    }
}

/// E0000038: the status does not permit it.
pub(in crate::api::v1) fn not_now() -> Response {
    let text = "This operation is not allowed in the user's current status.";
    Envelope::new(StatusCode::FORBIDDEN, "E0000038", text).respond()
}
