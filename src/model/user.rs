//! A user: Okta's statuses and profile attributes, and the facts that decide whether a password counts.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::{id::UserId, secret::Secret};

/// Okta's user status.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UserStatus {
    /// Created, not yet activated.
    Staged,
    /// Activated, without a password yet.
    Provisioned,
    /// May sign in.
    Active,
    /// Is recovering the password.
    Recovery,
    /// Must change the password.
    PasswordExpired,
    /// Locked until an administrator or the user unlocks.
    LockedOut,
    /// Suspended by an administrator; may come back.
    Suspended,
    /// Deactivated.
    Deprovisioned,
}

impl UserStatus {
    /// All statuses.
    pub const ALL: [Self; 8] = [
        Self::Staged,
        Self::Provisioned,
        Self::Active,
        Self::Recovery,
        Self::PasswordExpired,
        Self::LockedOut,
        Self::Suspended,
        Self::Deprovisioned,
    ];

    /// Okta's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Staged => "STAGED",
            Self::Provisioned => "PROVISIONED",
            Self::Active => "ACTIVE",
            Self::Recovery => "RECOVERY",
            Self::PasswordExpired => "PASSWORD_EXPIRED",
            Self::LockedOut => "LOCKED_OUT",
            Self::Suspended => "SUSPENDED",
            Self::Deprovisioned => "DEPROVISIONED",
        }
    }

    /// Reads Okta's word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// Profile attributes under Okta's names (`firstName`, `mobilePhone` …) beside custom ones. `login` is not in
/// here: it lives in [`User::login`].
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Profile(pub Map<String, Value>);

impl Profile {
    /// An attribute as text without blanks around it. Blank text and the word `null`, which imports leave
    /// behind, count as absent.
    pub fn text(&self, name: &str) -> Option<&str> {
        let text = self.0.get(name).and_then(Value::as_str).map(str::trim);
        text.filter(|text| !text.is_empty() && *text != "null")
    }

    /// An attribute as it is stored; null counts as absent.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// What people call the user: `displayName`, or first and last name.
    pub fn full_name(&self) -> Option<String> {
        if let Some(name) = self.text("displayName") {
            return Some(name.to_owned());
        }
        let parts: Vec<&str> =
            [self.text("firstName"), self.text("lastName")].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }

    /// What people call the user with this login.
    pub fn display_name(&self, login: &str) -> String {
        self.full_name().unwrap_or_else(|| login.to_owned())
    }
}

/// How often the password was given wrongly, and the lock that followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PasswordLock {
    /// Consecutive wrong passwords since the last success or lock.
    pub failures: u32,
    /// Wrong passwords since the last success, reset or unlock by an administrator.
    pub failures_total: u32,
    /// How many locks followed one another without a success; each doubles the next.
    pub lockouts: u32,
    /// When the lock ends.
    pub locked_until: Option<OffsetDateTime>,
}

/// A user.
#[derive(Clone, Debug)]
pub struct User {
    /// `00u…`, the `sub` of ID tokens.
    pub id: UserId,
    /// The status an administrator sees; a temporary lock is in [`User::lock`].
    pub status: UserStatus,
    /// The login as it was written.
    pub login: String,
    /// The attributes.
    pub profile: Profile,
    /// PHC string of the password; absent: no password sign-in.
    pub password_hash: Option<Secret<String>>,
    /// When the password was set.
    pub password_changed_at: Option<OffsetDateTime>,
    /// Failures and lock of the password.
    pub lock: PasswordLock,
    /// Whether the user administers this installation.
    pub admin: bool,
    /// Tokens issued before this moment are dead.
    pub not_before: OffsetDateTime,
    /// When the user was created.
    pub created_at: OffsetDateTime,
    /// When the user was activated.
    pub activated_at: Option<OffsetDateTime>,
    /// When the status last changed.
    pub status_changed_at: OffsetDateTime,
    /// The last successful sign-in.
    pub last_login_at: Option<OffsetDateTime>,
    /// When the profile last changed (`updated_at`, OpenID Connect Core §5.1).
    pub updated_at: OffsetDateTime,
}

/// A user as sessions and tokens need one: without the password and what became of it.
#[derive(Clone, Debug)]
pub struct Holder {
    /// See [`User::id`].
    pub id: UserId,
    /// See [`User::status`].
    pub status: UserStatus,
    /// See [`User::login`].
    pub login: String,
    /// See [`User::profile`].
    pub profile: Profile,
    /// See [`PasswordLock::locked_until`].
    pub locked_until: Option<OffsetDateTime>,
    /// See [`User::not_before`].
    pub not_before: OffsetDateTime,
    /// See [`User::updated_at`].
    pub updated_at: OffsetDateTime,
}

impl Holder {
    /// See [`User::is_active`].
    pub fn is_active(&self) -> bool {
        self.status == UserStatus::Active
    }
}

impl From<User> for Holder {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            status: user.status,
            login: user.login,
            profile: user.profile,
            locked_until: user.lock.locked_until,
            not_before: user.not_before,
            updated_at: user.updated_at,
        }
    }
}

impl User {
    /// An active user without a password.
    pub fn new(id: UserId, login: &str, profile: Profile, now: OffsetDateTime) -> Self {
        Self {
            id,
            status: UserStatus::Active,
            login: login.to_owned(),
            profile,
            password_hash: None,
            password_changed_at: None,
            lock: PasswordLock::default(),
            admin: false,
            not_before: OffsetDateTime::UNIX_EPOCH,
            created_at: now,
            activated_at: Some(now),
            status_changed_at: now,
            last_login_at: None,
            updated_at: now,
        }
    }

    /// The status as callers see it: a temporary lock shows as `LOCKED_OUT`.
    pub fn status_at(&self, now: OffsetDateTime) -> UserStatus {
        if self.status == UserStatus::Active && self.lock.locked_until.is_some_and(|until| until > now) {
            UserStatus::LockedOut
        } else {
            self.status
        }
    }

    /// Whether an administrator lets the user use sessions and receive tokens at all. A temporary lock of the
    /// password does not count: guessing somebody's password must not end that person's sessions.
    pub fn is_active(&self) -> bool {
        self.status == UserStatus::Active
    }
}
