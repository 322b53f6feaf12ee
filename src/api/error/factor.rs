//! Refusals of factors in Okta's envelope, for the Factors API and the Authentication API alike.

use http::StatusCode;

use super::okta::Envelope;
use crate::{factor::FactorError, model::factor::FactorKind};

/// The envelope of a refusal.
pub fn envelope(error: &FactorError) -> Envelope {
    let of = Envelope::new;
    match error {
        FactorError::Wrong => of(StatusCode::FORBIDDEN, "E0000068", "Invalid Passcode/Answer")
            .because("The passcode or answer is wrong, or has expired"),
        FactorError::Replayed => {
            of(StatusCode::FORBIDDEN, "E0000082", "The passcode was used before; wait for the next one")
        }
        FactorError::OutsideWindow => {
            of(StatusCode::FORBIDDEN, "E0000083", "The passcode is right, but not at this time")
        }
        FactorError::Locked => of(StatusCode::FORBIDDEN, "E0000069", "User Locked")
            .because("There were too many wrong answers; the factor takes none for now"),
        FactorError::TooManyAttempts => Envelope::rate_limit(),
        FactorError::TooManyMessages(count) => Envelope::rate_limit().until(*count),
        FactorError::SentRecently(kind) => sent_recently(*kind),
        FactorError::Invalid { member, problem } => {
            Envelope::validation("factorEnrollRequest", [format!("{member}: {problem}")])
        }
        FactorError::PhoneNumber => of(StatusCode::BAD_REQUEST, "E0000098", "Invalid phone number")
            .because("phoneNumber: must be written internationally, with a plus sign"),
        FactorError::PhoneExtension => of(StatusCode::BAD_REQUEST, "E0000121", "Invalid phone extension")
            .because("phoneExtension: must be 15 digits at most"),
        FactorError::Country => {
            of(StatusCode::FORBIDDEN, "E0000099", "Messages are not sent to phones of that country")
        }
        FactorError::NotAllowed => Envelope::forbidden(),
        FactorError::Unknown => Envelope::not_found("factor", "UserFactor"),
        FactorError::WrongStatus => {
            of(StatusCode::LOCKED, "E0000180", "The status of the factor does not permit this")
        }
        FactorError::Fault(fault) => Envelope::fault(fault),
    }
}

/// What is told of an enrolment of something that is not offered here.
pub fn unsupported(factor_type: &str) -> Envelope {
    let problem = match factor_type {
        "signed_nonce" => "is enrolled by its device only",
        "password" => "is set with the credentials of the user",
        _ => "this type and provider are not supported",
    };
    Envelope::validation("factorEnrollRequest", [format!("factorType: {problem}")])
}

fn sent_recently(kind: FactorKind) -> Envelope {
    let of = |code, summary| Envelope::new(StatusCode::TOO_MANY_REQUESTS, code, summary);
    match kind {
        FactorKind::Sms => of("E0000109", "A text message was sent within the last 30 seconds"),
        FactorKind::Call => of("E0000133", "A call was made within the last 30 seconds"),
        FactorKind::Email => of("E0000118", "A mail was sent within the last 5 seconds"),
        _ => Envelope::rate_limit(),
    }
}
