//! Facts that move an authentication transaction; they were established before they are stated here.

use time::OffsetDateTime;

use super::state::{PhoneChannel, RecoveryKind};
use crate::{
    id::{FactorId, UserId},
    model::{factor::FactorKind, session::VerifiedFactor},
};

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
    /// A passkey alone said who it is.
    PasskeyAccepted {
        /// Who.
        user_id: UserId,
        /// Which, how and when.
        proof: VerifiedFactor,
    },
    /// A live session of this user is to be raised: what it proved counts, as long as it is fresh enough.
    SessionFound {
        /// Whose.
        user_id: UserId,
        /// What was proved for it.
        proven: Vec<VerifiedFactor>,
    },
    /// A link that only the owner of the account got was followed for the first time.
    ActivationAccepted {
        /// Whose account.
        user_id: UserId,
    },
    /// A factor was chosen, and what it needs was sent; or sent again.
    FactorChosen {
        /// Which.
        factor: FactorId,
        /// What it is.
        kind: FactorKind,
    },
    /// A factor was proved.
    FactorVerified {
        /// Which, how and when.
        proof: VerifiedFactor,
    },
    /// A code that stands in for a factor was right.
    BackupCodeAccepted {
        /// How and when.
        proof: VerifiedFactor,
    },
    /// A factor waits to be proved for the first time; or its code was sent again.
    EnrolmentBegun {
        /// Which.
        factor: FactorId,
        /// What it is.
        kind: FactorKind,
    },
    /// A factor was enrolled, and proved thereby.
    FactorEnrolled {
        /// What it is.
        kind: FactorKind,
        /// Which, how and when.
        proof: VerifiedFactor,
    },
    /// The password was changed by somebody who gave the old one.
    PasswordChanged,
    /// What was offered is put off.
    Skipped,
    /// The user went back to choose again.
    WentBack,
    /// Somebody who may not even exist asked for a code to recover.
    RecoveryStarted {
        /// Whose account; absent: nobody's, which nobody outside learns.
        user_id: Option<UserId>,
        /// What is recovered.
        kind: RecoveryKind,
        /// How the code was sent.
        channel: PhoneChannel,
    },
    /// The link or the code of a recovery was right.
    RecoveryProved {
        /// Whose account.
        user_id: UserId,
        /// What is recovered.
        kind: RecoveryKind,
    },
    /// The recovery question was answered.
    RecoveryAnswered,
    /// A new password was set without the old one.
    PasswordWasReset {
        /// When.
        at: OffsetDateTime,
    },
}

impl Event {
    /// Whether what was known of the user before is out of date after it.
    pub fn changes_user(&self) -> bool {
        match self {
            Self::EnrolmentBegun { .. }
            | Self::FactorEnrolled { .. }
            | Self::PasswordChanged
            | Self::PasswordWasReset { .. } => true,
            Self::PasswordAccepted { .. }
            | Self::PasskeyAccepted { .. }
            | Self::SessionFound { .. }
            | Self::ActivationAccepted { .. }
            | Self::FactorChosen { .. }
            | Self::FactorVerified { .. }
            | Self::BackupCodeAccepted { .. }
            | Self::Skipped
            | Self::WentBack
            | Self::RecoveryStarted { .. }
            | Self::RecoveryProved { .. }
            | Self::RecoveryAnswered => false,
        }
    }

    /// The factor that it is a proof of: whatever establishes it claims that this factor can be used.
    pub fn proves(&self) -> Option<&FactorId> {
        match self {
            Self::PasskeyAccepted { proof, .. }
            | Self::FactorVerified { proof }
            | Self::FactorEnrolled { proof, .. } => proof.factor_id.as_ref(),
            Self::PasswordAccepted { .. }
            | Self::SessionFound { .. }
            | Self::ActivationAccepted { .. }
            | Self::FactorChosen { .. }
            | Self::BackupCodeAccepted { .. }
            | Self::EnrolmentBegun { .. }
            | Self::PasswordChanged
            | Self::Skipped
            | Self::WentBack
            | Self::RecoveryStarted { .. }
            | Self::RecoveryProved { .. }
            | Self::RecoveryAnswered
            | Self::PasswordWasReset { .. } => None,
        }
    }

    /// The name of the fact.
    pub fn name(&self) -> &'static str {
        match self {
            Self::PasswordAccepted { .. } => "PasswordAccepted",
            Self::PasskeyAccepted { .. } => "PasskeyAccepted",
            Self::SessionFound { .. } => "SessionFound",
            Self::ActivationAccepted { .. } => "ActivationAccepted",
            Self::FactorChosen { .. } => "FactorChosen",
            Self::FactorVerified { .. } => "FactorVerified",
            Self::BackupCodeAccepted { .. } => "BackupCodeAccepted",
            Self::EnrolmentBegun { .. } => "EnrolmentBegun",
            Self::FactorEnrolled { .. } => "FactorEnrolled",
            Self::PasswordChanged => "PasswordChanged",
            Self::Skipped => "Skipped",
            Self::WentBack => "WentBack",
            Self::RecoveryStarted { .. } => "RecoveryStarted",
            Self::RecoveryProved { .. } => "RecoveryProved",
            Self::RecoveryAnswered => "RecoveryAnswered",
            Self::PasswordWasReset { .. } => "PasswordWasReset",
        }
    }
}
