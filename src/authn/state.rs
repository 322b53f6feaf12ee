//! The states of an authentication transaction (Okta Authentication API, transaction state), each with just what it needs,
//! and the position: the state with everything that was established on the way.

use serde::{Deserialize, Serialize};

use crate::{
    id::{FactorId, UserId},
    model::{factor::FactorKind, session::VerifiedFactor},
};

pub use crate::model::recovery::{PhoneChannel, RecoveryKind};

/// Okta's transaction status with its data. `LOCKED_OUT` is none: it is told instead of beginning a transaction.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub enum State {
    /// Nobody has proved anything, or what was proved is too old.
    Unauthenticated,
    /// The password still counts but will soon expire.
    PasswordWarn,
    /// The password must be changed.
    PasswordExpired,
    /// The recovery question is to be answered.
    Recovery {
        /// What is recovered.
        kind: RecoveryKind,
    },
    /// A code was sent that proves the recovery.
    RecoveryChallenge {
        /// What is recovered.
        kind: RecoveryKind,
        /// How it was sent.
        channel: PhoneChannel,
    },
    /// A new password may be set.
    PasswordReset {
        /// What for.
        kind: RecoveryKind,
    },
    /// A factor is to be chosen and enrolled.
    MfaEnroll,
    /// The factor that was enrolled is to be proved.
    MfaEnrollActivate {
        /// The factor.
        factor: FactorId,
        /// What it is.
        kind: FactorKind,
    },
    /// One of the factors is to be chosen.
    MfaRequired,
    /// The chosen factor is to be proved.
    MfaChallenge {
        /// The factor.
        factor: FactorId,
        /// What it is.
        kind: FactorKind,
    },
    /// This transaction is over, and well.
    Success,
}

impl State {
    /// Okta's word for the status.
    pub fn status(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::PasswordWarn => "PASSWORD_WARN",
            Self::PasswordExpired => "PASSWORD_EXPIRED",
            Self::Recovery { .. } => "RECOVERY",
            Self::RecoveryChallenge { .. } => "RECOVERY_CHALLENGE",
            Self::PasswordReset { .. } => "PASSWORD_RESET",
            Self::MfaEnroll => "MFA_ENROLL",
            Self::MfaEnrollActivate { .. } => "MFA_ENROLL_ACTIVATE",
            Self::MfaRequired => "MFA_REQUIRED",
            Self::MfaChallenge { .. } => "MFA_CHALLENGE",
            Self::Success => "SUCCESS",
        }
    }

    /// Whether nothing can follow.
    pub fn is_over(&self) -> bool {
        *self == Self::Success
    }
}

/// What became of the password in this transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordProgress {
    /// Nothing.
    #[default]
    AsFound,
    /// The user put the change off.
    PutOff,
    /// It is a new one.
    Renewed,
}

/// What became of the offer to enrol more factors than must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnrolmentProgress {
    /// It stands.
    #[default]
    Open,
    /// The user declined.
    Declined,
}

/// What success means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A session.
    #[default]
    SignIn,
    /// A password or an end of the lock, and never a session (security rule S3).
    Recovery(RecoveryKind),
}

/// Where a transaction stands, with everything that was established on the way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Position {
    /// The state.
    pub state: State,
    /// Whose transaction it is; absent until somebody proved something. A recovery for a login that nobody has keeps it
    /// absent to its end.
    pub user_id: Option<UserId>,
    /// What was proved, in order: `amr` lists exactly these (RFC 8176).
    pub proven: Vec<VerifiedFactor>,
    /// What success means.
    pub purpose: Purpose,
    /// What became of the password.
    pub password: PasswordProgress,
    /// What became of the offer to enrol more.
    pub enrolment: EnrolmentProgress,
    /// What was enrolled in this transaction.
    pub enrolled: Vec<FactorKind>,
}

impl Default for Position {
    fn default() -> Self {
        Self {
            state: State::Unauthenticated,
            user_id: None,
            proven: Vec::new(),
            purpose: Purpose::SignIn,
            password: PasswordProgress::AsFound,
            enrolment: EnrolmentProgress::Open,
            enrolled: Vec::new(),
        }
    }
}

impl Position {
    /// Adds a proof; an older one of the same factor no longer counts.
    pub fn prove(&mut self, proof: VerifiedFactor) {
        self.proven.retain(|older| older.factor_id != proof.factor_id || older.amr != proof.amr);
        self.proven.push(proof);
    }

    /// Whether the transaction ended with a user who is signed in.
    pub fn is_signed_in(&self) -> bool {
        self.state == State::Success && self.purpose == Purpose::SignIn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_stored_under_okta_s_word_and_read_back() {
        let (factor, kind) = (FactorId::new("ost1"), FactorKind::TotpOkta);
        let unlock = RecoveryKind::Unlock;
        for state in [
            State::Unauthenticated,
            State::Success,
            State::Recovery { kind: unlock },
            State::RecoveryChallenge { kind: unlock, channel: PhoneChannel::Sms },
            State::MfaChallenge { factor, kind },
        ] {
            let stored = serde_json::to_value(&state).unwrap();
            assert_eq!(stored["status"], state.status());
            assert_eq!(serde_json::from_value::<State>(stored).unwrap(), state);
        }
    }

    #[test]
    fn a_factor_that_is_proved_again_counts_once_and_anew() {
        use time::OffsetDateTime;
        let mut position = Position::default();
        let later = OffsetDateTime::UNIX_EPOCH + time::Duration::HOUR;
        position.prove(VerifiedFactor::password(OffsetDateTime::UNIX_EPOCH));
        position.prove(VerifiedFactor::password(later));
        assert_eq!(position.proven, [VerifiedFactor::password(later)]);
    }
}
