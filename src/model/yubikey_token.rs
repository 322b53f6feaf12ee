//! YubiKeys of the installation: those whose secrets an administrator imported, whoever enrolled them.

use time::OffsetDateTime;

use super::factor::FactorStatus;
use crate::id::{FactorId, UserId, YubikeyTokenId};

/// A YubiKey, without its secrets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct YubikeyToken {
    /// `ykk…`
    pub id: YubikeyTokenId,
    /// The serial number: 12 digits.
    pub serial: String,
    /// What its passwords begin with: 12 letters of modhex.
    pub public_id: String,
    /// The factor that it is; absent: nobody's.
    pub assignment: Option<Assignment>,
    /// When its secrets were imported first.
    pub created_at: OffsetDateTime,
    /// When it was imported, enrolled or used last to change something of it.
    pub updated_at: OffsetDateTime,
    /// When it was enrolled.
    pub activated_at: Option<OffsetDateTime>,
    /// When a password of it was accepted last.
    pub last_verified_at: Option<OffsetDateTime>,
}

/// Whose YubiKey it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assignment {
    /// The user.
    pub user_id: UserId,
    /// The factor of the user.
    pub factor_id: FactorId,
    /// Whether the factor can be used.
    pub factor_status: FactorStatus,
}

/// Okta's status of a YubiKey. It follows from whose it is: of Okta's other words, `BLOCKED` and `DELETED`, nothing here is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum YubikeyStatus {
    /// Nobody has enrolled it.
    Unassigned,
    /// Somebody uses it.
    Active,
    /// The factor that it is takes no answers.
    Inactive,
    /// Somebody used it, and does no more: it can be enrolled again once it is imported again.
    Revoked,
}

impl YubikeyStatus {
    /// Okta's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unassigned => "UNASSIGNED",
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
            Self::Revoked => "REVOKED",
        }
    }
}

impl YubikeyToken {
    /// Its status.
    pub fn status(&self) -> YubikeyStatus {
        match (&self.assignment, self.activated_at) {
            (Some(Assignment { factor_status: FactorStatus::Active, .. }), _) => YubikeyStatus::Active,
            (Some(_), _) => YubikeyStatus::Inactive,
            (None, Some(_)) => YubikeyStatus::Revoked,
            (None, None) => YubikeyStatus::Unassigned,
        }
    }
}
