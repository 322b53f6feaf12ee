//! Ways back into an account: tokens in links, codes by phone, the recovery question (Okta's `recovery` of the
//! Authentication API; security rules S3–S5, M3).
//!
//! What strangers can begin costs and answers the same whether or not there is such a user: budgets are durable rows that
//! logins without a user have too, and messages are rows that are delivered later. Recovery gives a new password, or lifts a
//! lock; it never opens a session.

pub mod begin;
pub mod code;
pub mod question;
pub mod token;

use super::{credentials::Busy, lifecycle::ChangeNotAllowed, unlock};
use crate::{
    app::App,
    cache::Count,
    fault::Fault,
    model::{
        policy::PasswordRules,
        recovery::{PhoneChannel, RecoveryKind},
        user::{User, UserStatus},
    },
};

/// Why a recovery does not begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// Too many recoveries from one address (E0000047).
    #[error("too many recoveries")]
    Throttled(Count),
    /// No policy lets users do it (E0000034 for a password, E0000032 for a lock).
    #[error("policy does not allow it")]
    NotAllowed,
    /// There is no such user; told to trusted applications only (E0000095).
    #[error("there is no such user")]
    UnknownUser,
    /// The token is none, or a newer one replaced it (E0000011).
    #[error("there is no such token")]
    Unknown,
    /// The token was used, has expired, or became void (E0000105).
    #[error("the token was used or has expired")]
    Spent,
    /// The code is wrong, was used or has expired (E0000068).
    #[error("the code is wrong")]
    WrongCode,
    /// The answer is wrong (E0000087).
    #[error("the answer is wrong")]
    WrongAnswer,
    /// Too many wrong codes or answers (E0000069).
    #[error("nothing is looked at for now")]
    Locked,
    /// A code was sent a moment ago (E0000109 for a text message, E0000133 for a call).
    #[error("a code was sent a moment ago")]
    SentRecently(PhoneChannel),
    /// Too many messages were sent there (E0000047).
    #[error("too many messages were sent")]
    TooManyMessages,
    /// What was to be set is refused: member and reason, as a validation tells it (E0000001).
    #[error("{member}: {problem}")]
    Invalid {
        /// The member.
        member: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The user's status does not permit it (E0000038).
    #[error(transparent)]
    Status(#[from] ChangeNotAllowed),
    /// Too many answers are waiting to be hashed (E0000047).
    #[error("too many answers at once")]
    Busy,
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<Busy> for RecoveryError {
    fn from(_: Busy) -> Self {
        Self::Busy
    }
}

/// Whether a policy lets users begin such a recovery by themselves.
pub fn allows(rules: &PasswordRules, kind: RecoveryKind) -> bool {
    match kind {
        RecoveryKind::Password => rules.allow_reset,
        RecoveryKind::Unlock => rules.allow_unlock,
        RecoveryKind::AccountActivation => false,
    }
}

/// Whether whoever has an account in this state may find back into it. To others the way was never open, or an
/// administrator closed it.
pub fn has_way_back(status: UserStatus) -> bool {
    match status {
        UserStatus::Active | UserStatus::PasswordExpired | UserStatus::Recovery | UserStatus::LockedOut => {
            true
        }
        UserStatus::Staged | UserStatus::Provisioned | UserStatus::Suspended | UserStatus::Deprovisioned => {
            false
        }
    }
}

/// Whether the state of an account permits such a recovery now.
pub fn is_possible(app: &App, user: &User, kind: RecoveryKind) -> bool {
    match kind {
        RecoveryKind::Password => has_way_back(user.status),
        RecoveryKind::AccountActivation => user.status == UserStatus::Provisioned,
        RecoveryKind::Unlock => has_way_back(user.status) && unlock::is_locked(user, app.now()),
    }
}
