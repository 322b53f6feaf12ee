//! Which status follows which: Okta's life cycle of a user.

use crate::model::user::UserStatus;

/// Whether the user has a password when the change happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PasswordPresence {
    /// A password is set.
    Set,
    /// No password is set.
    Unset,
}

/// How a new user begins (`POST /api/v1/users`, parameters `activate` and `nextLogin`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Creation {
    /// `activate=false`.
    Staged,
    /// `activate=true`.
    Activated(PasswordPresence),
    /// `nextLogin=changePassword`: the password given must be replaced at the first sign-in.
    ChangePassword,
}

/// The status of a new user.
pub fn initial(creation: Creation) -> UserStatus {
    match creation {
        Creation::Staged => UserStatus::Staged,
        Creation::Activated(PasswordPresence::Unset) => UserStatus::Provisioned,
        Creation::Activated(PasswordPresence::Set) => UserStatus::Active,
        Creation::ChangePassword => UserStatus::PasswordExpired,
    }
}

/// A change of status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// `lifecycle/activate`.
    Activate(PasswordPresence),
    /// `lifecycle/reactivate`: the activation starts anew.
    Reactivate,
    /// `lifecycle/deactivate`.
    Deactivate,
    /// `lifecycle/suspend`.
    Suspend,
    /// `lifecycle/unsuspend`.
    Unsuspend,
    /// `lifecycle/unlock`.
    Unlock,
    /// `lifecycle/expire_password`.
    ExpirePassword,
    /// `lifecycle/reset_password`: recovery begins.
    ResetPassword,
    /// A new password was set, by the user or by an administrator.
    SetPassword,
    /// An administrator or a policy locked the user. A temporary lock after wrong passwords is not a status.
    Lock,
}

impl Change {
    /// Every change, with and without a password where that matters.
    pub const ALL: [Self; 11] = [
        Self::Activate(PasswordPresence::Set),
        Self::Activate(PasswordPresence::Unset),
        Self::Reactivate,
        Self::Deactivate,
        Self::Suspend,
        Self::Unsuspend,
        Self::Unlock,
        Self::ExpirePassword,
        Self::ResetPassword,
        Self::SetPassword,
        Self::Lock,
    ];
}

/// The status does not permit the change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{change:?} is not possible for a user who is {}", status.as_str())]
pub struct ChangeNotAllowed {
    /// The status the user has.
    pub status: UserStatus,
    /// What was wanted.
    pub change: Change,
}

/// The status after a change.
///
/// # Errors
/// The status does not permit the change.
pub fn next(status: UserStatus, change: Change) -> Result<UserStatus, ChangeNotAllowed> {
    use UserStatus::{
        Active, Deprovisioned, LockedOut, PasswordExpired, Provisioned, Recovery, Staged, Suspended,
    };
    let after = match (change, status) {
        (Change::Activate(PasswordPresence::Set), Staged | Deprovisioned) => Active,
        (Change::Activate(PasswordPresence::Unset), Staged | Deprovisioned) => Provisioned,
        (Change::Reactivate, Provisioned | Recovery) => Provisioned,
        (
            Change::Deactivate,
            Staged | Provisioned | Active | Recovery | PasswordExpired | LockedOut | Suspended,
        ) => Deprovisioned,
        (Change::Suspend, Active) => Suspended,
        (Change::Unsuspend, Suspended) => Active,
        (Change::Unlock, LockedOut) => Active,
        (Change::ExpirePassword, Active | Recovery | PasswordExpired) => PasswordExpired,
        (Change::ResetPassword, Active | Recovery | PasswordExpired | LockedOut) => Recovery,
        (Change::SetPassword, Staged) => Staged,
        (Change::SetPassword, Provisioned | Active | Recovery | PasswordExpired | LockedOut) => Active,
        (Change::Lock, Active) => LockedOut,
        (
            Change::Activate(_)
            | Change::Reactivate
            | Change::Deactivate
            | Change::Suspend
            | Change::Unsuspend
            | Change::Unlock
            | Change::ExpirePassword
            | Change::ResetPassword
            | Change::SetPassword
            | Change::Lock,
            _,
        ) => return Err(ChangeNotAllowed { status, change }),
    };
    Ok(after)
}

/// What `DELETE /api/v1/users/{id}` does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deletion {
    /// The first call only deactivates.
    Deactivate,
    /// A deactivated user is removed.
    Remove,
}

/// What deleting means for a user of that status.
pub fn deletion(status: UserStatus) -> Deletion {
    if status == UserStatus::Deprovisioned { Deletion::Remove } else { Deletion::Deactivate }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows: status. Columns: [`Change::ALL`] in order. `-`: not allowed; otherwise the first letters of the
    /// next status.
    const TABLE: [(&str, [&str; 11]); 8] = [
        // act+pwd act   react deact susp unsus unlock expire reset setpwd lock
        ("STAGED", ["ACT", "PRO", "-", "DEP", "-", "-", "-", "-", "-", "STA", "-"]),
        ("PROVISIONED", ["-", "-", "PRO", "DEP", "-", "-", "-", "-", "-", "ACT", "-"]),
        ("ACTIVE", ["-", "-", "-", "DEP", "SUS", "-", "-", "PAS", "REC", "ACT", "LOC"]),
        ("RECOVERY", ["-", "-", "PRO", "DEP", "-", "-", "-", "PAS", "REC", "ACT", "-"]),
        ("PASSWORD_EXPIRED", ["-", "-", "-", "DEP", "-", "-", "-", "PAS", "REC", "ACT", "-"]),
        ("LOCKED_OUT", ["-", "-", "-", "DEP", "-", "-", "ACT", "-", "REC", "ACT", "-"]),
        ("SUSPENDED", ["-", "-", "-", "DEP", "-", "ACT", "-", "-", "-", "-", "-"]),
        ("DEPROVISIONED", ["ACT", "PRO", "-", "-", "-", "-", "-", "-", "-", "-", "-"]),
    ];

    #[test]
    fn every_status_meets_every_change() {
        for (word, row) in TABLE {
            let status = UserStatus::parse(word).unwrap();
            for (change, expected) in Change::ALL.into_iter().zip(row) {
                let actual = next(status, change).map_or("-", |after| &after.as_str()[..3]);
                assert_eq!(actual, expected, "{word} {change:?}");
            }
        }
    }

    #[test]
    fn a_new_user_begins_as_okta_says() {
        assert_eq!(initial(Creation::Staged), UserStatus::Staged);
        assert_eq!(initial(Creation::Activated(PasswordPresence::Unset)), UserStatus::Provisioned);
        assert_eq!(initial(Creation::Activated(PasswordPresence::Set)), UserStatus::Active);
        assert_eq!(initial(Creation::ChangePassword), UserStatus::PasswordExpired);
    }

    #[test]
    fn deleting_takes_two_calls() {
        assert_eq!(deletion(UserStatus::Active), Deletion::Deactivate);
        assert_eq!(deletion(UserStatus::Deprovisioned), Deletion::Remove);
    }
}
