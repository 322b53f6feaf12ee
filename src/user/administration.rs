//! What administrators do to users, from the command line and through the API alike. Each is one transaction: the user is
//! read and locked, the rules are asked, the change and its event are written. Whatever takes rights away ends the user's
//! sessions and revokes the grants in the same transaction.

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::{
    lifecycle::{self, Change, ChangeNotAllowed, Creation, Deletion, PasswordPresence},
    login::{LoginError, LoginKey},
    profile, unlock,
};
use crate::{
    app::App,
    factor,
    fault::Fault,
    id::{GroupId, UserId},
    model::{
        policy::PasswordRules,
        policy_set::Subject,
        user::{Profile, User, UserStatus},
    },
    session::farewell,
    store::{
        self,
        db::Tx,
        unit::{self, Unit},
        user::Inserted,
    },
    syslog::{Actor, Caller, Event, EventType},
};

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AdministrationError {
    /// There is no such user.
    #[error("there is no such user")]
    UnknownUser,
    /// There is no such group.
    #[error("there is no group {0}")]
    UnknownGroup(GroupId),
    /// The login belongs to somebody else.
    #[error("the login is taken")]
    LoginTaken,
    /// The text can be no login.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// Attributes are wrong; a text for each, in the form of Okta's causes.
    #[error("the profile is refused: {}", .0.join("; "))]
    Profile(Vec<String>),
    /// The status does not permit the change.
    #[error(transparent)]
    Status(#[from] ChangeNotAllowed),
    /// A machine is no administrator: it may not change one, or it could become one.
    #[error("a machine may not change an administrator")]
    Administrator,
    /// The user was changed since the caller looked.
    #[error("the user was changed meanwhile")]
    Changed,
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A user that is to be.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The login as it was written.
    pub login: String,
    /// The attributes.
    pub profile: Map<String, Value>,
    /// Whether there will be a password.
    pub password: PasswordPresence,
    /// How the user begins.
    pub begins: Begins,
    /// Whether the user administers this installation.
    pub rank: Rank,
    /// The groups.
    pub groups: Vec<GroupId>,
}

/// How a user begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Begins {
    /// Without being activated.
    Staged,
    /// Activated.
    Activated,
    /// Activated, with a password that must be changed at the first sign-in.
    MustChangePassword,
}

/// Whether a user administers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Rank {
    /// A user like others.
    #[default]
    User,
    /// An administrator; only the command line and configuration files make one.
    Administrator,
}

/// A user who is not written yet: what is expensive, like hashing, happens before the transaction.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The user; a hash of the password is still to be added.
    pub user: User,
    groups: Vec<GroupId>,
}

impl Draft {
    /// What policy asks of the user's password.
    ///
    /// # Errors
    /// The database failed.
    pub async fn password_rules(&self, app: &App) -> Result<PasswordRules, Fault> {
        let set = app.policies.load(&app.db).await?;
        Ok(set.for_user(&Subject { user: &self.user.id, groups: &self.groups, ip: None }).password)
    }
}

/// Prepares a new user.
pub fn draft(app: &App, new: NewUser) -> Draft {
    let now = app.now();
    let status = lifecycle::initial(match new.begins {
        Begins::Staged => Creation::Staged,
        Begins::Activated => Creation::Activated(new.password),
        Begins::MustChangePassword => Creation::ChangePassword,
    });
    let mut attributes = new.profile;
    attributes.retain(|name, value| name != "login" && !value.is_null());
    let user = User {
        status,
        password_changed_at: (new.password == PasswordPresence::Set).then_some(now),
        admin: new.rank == Rank::Administrator,
        activated_at: (status != UserStatus::Staged).then_some(now),
        ..User::new(UserId::generate(app.random.as_ref()), &new.login, Profile(attributes), now)
    };
    Draft { user, groups: new.groups }
}

/// Writes a new user.
///
/// # Errors
/// The login is taken or none, or a group does not exist.
pub async fn create(app: &App, tx: &Tx, draft: Draft, caller: &Caller) -> Result<User, AdministrationError> {
    let Draft { user, groups } = draft;
    let key = LoginKey::normalize(&user.login)?;
    if store::user::find_by_login_in(tx, key.as_str()).await?.is_some() {
        return Err(AdministrationError::LoginTaken);
    }
    if store::user::insert_unless_taken(tx, &user, key.as_str()).await? == Inserted::LoginTaken {
        return Err(AdministrationError::LoginTaken);
    }
    for group in &groups {
        if !store::group::exists_in(tx, group).await? {
            return Err(AdministrationError::UnknownGroup(group.clone()));
        }
    }
    store::group::set_memberships(tx, &user.id, &groups).await?;
    let event = Event::new(EventType::UserCreate)
        .user(&user.id)
        .with("admin", user.admin)
        .with("login", user.login.as_str());
    event.insert(tx, caller, app.random.as_ref(), user.created_at).await?;
    if user.status != UserStatus::Staged {
        let event = Event::new(EventType::UserActivate).user(&user.id);
        event.insert(tx, caller, app.random.as_ref(), user.created_at).await?;
    }
    Ok(user)
}

/// How a profile is changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProfileChange {
    /// What is named is replaced, null removes, the rest stays.
    Partial,
    /// What is not named goes.
    Replace,
}

/// A user inside of a transaction, locked until it ends.
pub struct Edit<'a> {
    app: &'a App,
    tx: Tx,
    caller: &'a Caller,
    key: LoginKey,
    now: OffsetDateTime,
    /// The user, as it will be saved.
    pub user: User,
}

impl<'a> Edit<'a> {
    /// Begins with a user who is known by the login.
    ///
    /// # Errors
    /// There is no such user, or it is not the caller's to change.
    pub async fn begin(app: &'a App, login: &str, caller: &'a Caller) -> Result<Self, AdministrationError> {
        let key = LoginKey::normalize(login)?;
        let tx = app.db.begin_write().await?;
        let user = store::user::find_by_login_in(&tx, key.as_str()).await?;
        Self::of(app, tx, user, caller)
    }

    /// Begins with a user who is known by the id.
    ///
    /// # Errors
    /// There is no such user, or it is not the caller's to change.
    pub async fn begin_by_id(
        app: &'a App,
        id: &UserId,
        caller: &'a Caller,
    ) -> Result<Self, AdministrationError> {
        let tx = app.db.begin_write().await?;
        let user = store::user::find_in(&tx, id).await?;
        Self::of(app, tx, user, caller)
    }

    fn of(app: &'a App, tx: Tx, user: Option<User>, caller: &'a Caller) -> Result<Self, AdministrationError> {
        let user = user.ok_or(AdministrationError::UnknownUser)?;
        if user.admin && matches!(caller.actor, Some(Actor::Client(_))) {
            return Err(AdministrationError::Administrator);
        }
        let key = LoginKey::normalize(&user.login)?;
        Ok(Self { app, tx, caller, key, now: app.now(), user })
    }

    /// When it happens.
    pub fn now(&self) -> OffsetDateTime {
        self.now
    }

    /// Changes the status.
    ///
    /// # Errors
    /// The status that the user has does not permit it.
    pub fn change(&mut self, change: Change) -> Result<(), ChangeNotAllowed> {
        let next = lifecycle::next(self.user.status, change)?;
        if next != self.user.status {
            self.user.status = next;
            self.user.status_changed_at = self.now;
        }
        Ok(())
    }

    /// Tokens and sessions made before now are dead.
    ///
    /// # Errors
    /// The database failed.
    pub async fn end_everything(&mut self, reason: &str) -> Result<(), Fault> {
        self.user.not_before = self.now;
        farewell::end_everything(self.app, &self.tx, &self.user.id, reason, self.now).await
    }

    /// Logs something that was done to the user.
    ///
    /// # Errors
    /// The database failed.
    pub async fn log(&self, event: EventType) -> Result<(), Fault> {
        self.log_event(Event::new(event).user(&self.user.id)).await
    }

    async fn log_event(&self, event: Event) -> Result<(), Fault> {
        event.insert(&self.tx, self.caller, self.app.random.as_ref(), self.now).await
    }

    /// Writes the user and commits.
    ///
    /// # Errors
    /// The database failed: nothing was changed.
    pub async fn save(mut self, event: EventType) -> Result<User, AdministrationError> {
        self.write(event).await?;
        self.tx.commit().await?;
        Ok(self.user)
    }

    /// Writes the user; what goes with it follows before [`Self::finish`].
    async fn write(&mut self, event: EventType) -> Result<(), Fault> {
        self.log(event).await?;
        store::user::update(&self.tx, &self.user, self.key.as_str()).await
    }

    /// Runs a unit of another part that is about this user, and reads the user again.
    ///
    /// # Errors
    /// The unit was lost: the user was changed meanwhile. Or the database failed.
    pub async fn run(&mut self, unit: Unit) -> Result<(), AdministrationError> {
        if unit::run_in(&self.tx, unit).await? != unit::Outcome::Won {
            return Err(AdministrationError::Changed);
        }
        let user = store::user::find_in(&self.tx, &self.user.id).await?;
        self.user = user.ok_or(AdministrationError::UnknownUser)?;
        Ok(())
    }

    /// Runs a unit of another part that is about this user, and commits.
    ///
    /// # Errors
    /// The unit was lost: the user was changed meanwhile. Or the database failed.
    pub async fn finish(mut self, unit: Unit) -> Result<User, AdministrationError> {
        self.run(unit).await?;
        self.tx.commit().await?;
        Ok(self.user)
    }

    /// `lifecycle/activate`; to be [finished](Self::finish) with the invitation of a user without a password.
    ///
    /// # Errors
    /// The user is active already.
    pub async fn activate(&mut self) -> Result<(), AdministrationError> {
        let presence = match self.user.password_hash {
            Some(_) => PasswordPresence::Set,
            None => PasswordPresence::Unset,
        };
        self.change(Change::Activate(presence))?;
        self.user.activated_at = Some(self.now);
        Ok(self.write(EventType::UserActivate).await?)
    }

    /// `lifecycle/reactivate`: the activation starts anew; to be [finished](Self::finish) with another invitation.
    ///
    /// # Errors
    /// The user is not waiting for it.
    pub async fn reactivate(&mut self) -> Result<(), AdministrationError> {
        self.change(Change::Reactivate)?;
        Ok(self.write(EventType::UserReactivate).await?)
    }

    /// `lifecycle/deactivate`. The password goes: who comes back is activated anew.
    ///
    /// # Errors
    /// The user is deactivated already.
    pub async fn deactivate(mut self) -> Result<User, AdministrationError> {
        self.change(Change::Deactivate)?;
        self.user.password_hash = None;
        self.user.password_changed_at = None;
        self.end_everything("user_deactivated").await?;
        self.save(EventType::UserDeactivate).await
    }

    /// `lifecycle/suspend`.
    ///
    /// # Errors
    /// The user is not active.
    pub async fn suspend(mut self) -> Result<User, AdministrationError> {
        self.change(Change::Suspend)?;
        self.end_everything("user_suspended").await?;
        self.save(EventType::UserSuspend).await
    }

    /// `lifecycle/unsuspend`.
    ///
    /// # Errors
    /// The user is not suspended.
    pub async fn unsuspend(mut self) -> Result<User, AdministrationError> {
        self.change(Change::Unsuspend)?;
        self.save(EventType::UserUnsuspend).await
    }

    /// Lifts any lock; unlocking somebody who is not locked changes nothing.
    ///
    /// # Errors
    /// The database failed.
    pub async fn unlock(mut self) -> Result<User, AdministrationError> {
        let unit = unlock::by_administrator(self.app, &self.user, self.caller);
        let factors = factor::service::unsuspend(self.app, &self.user.id, self.caller).await?;
        if let Some(unit) = factors {
            self.run(unit).await?;
        }
        self.finish(unit).await
    }

    /// Removes the user with everything that belongs to it, whatever the status.
    ///
    /// # Errors
    /// The database failed.
    pub async fn delete(mut self) -> Result<User, AdministrationError> {
        // Only a deactivated user can be removed; both steps happen in this one transaction.
        if lifecycle::deletion(self.user.status) == Deletion::Deactivate {
            self.change(Change::Deactivate)?;
        }
        self.end_everything("user_deleted").await?;
        let event =
            Event::new(EventType::UserDelete).user(&self.user.id).with("login", self.user.login.as_str());
        self.log_event(event).await?;
        store::user::delete(&self.tx, &self.user.id).await?;
        self.tx.commit().await?;
        Ok(self.user)
    }

    /// Ends all sessions and revokes all tokens.
    ///
    /// # Errors
    /// The database failed.
    pub async fn revoke_sessions(mut self) -> Result<User, AdministrationError> {
        self.end_everything("sessions_revoked").await?;
        self.save(EventType::SessionClear).await
    }

    /// Changes the profile, and with it perhaps the login. A mail address or number that is another one is no longer
    /// verified.
    ///
    /// # Errors
    /// The login is taken or none, or attributes are wrong.
    pub async fn update_profile(
        mut self,
        wanted: &Map<String, Value>,
        how: ProfileChange,
    ) -> Result<User, AdministrationError> {
        self.apply_profile(wanted, how).await?;
        self.save(EventType::UserUpdateProfile).await
    }

    async fn apply_profile(
        &mut self,
        wanted: &Map<String, Value>,
        how: ProfileChange,
    ) -> Result<(), AdministrationError> {
        let before = self.user.profile.clone();
        let mut next = match how {
            ProfileChange::Partial => before.0.clone(),
            ProfileChange::Replace => Map::new(),
        };
        next.retain(|name, _| !profile::VERIFIED.contains(&name.as_str()));
        for (name, value) in wanted {
            if value.is_null() {
                next.remove(name);
            } else {
                next.insert(name.clone(), value.clone());
            }
        }
        let login = match next.remove("login") {
            None => self.user.login.clone(),
            Some(Value::String(login)) => login,
            Some(_) => return Err(AdministrationError::Profile(vec!["login: must be a string".to_owned()])),
        };
        let mut wrong = profile::check(&next);
        if login != self.user.login {
            wrong.extend(profile::check_login(&login));
        }
        if !wrong.is_empty() {
            return Err(AdministrationError::Profile(wrong));
        }
        // What was verified stays verified as long as it stays the same.
        for (verified, of) in [("emailVerified", "email"), ("phoneNumberVerified", "primaryPhone")] {
            if let (Some(value), true) = (before.0.get(verified), before.0.get(of) == next.get(of)) {
                next.insert(verified.to_owned(), value.clone());
            }
        }
        self.rename(login).await?;
        self.user.profile = Profile(next);
        self.user.updated_at = self.now;
        Ok(())
    }

    async fn rename(&mut self, login: String) -> Result<(), AdministrationError> {
        let key = LoginKey::normalize(&login)?;
        if key != self.key && store::user::find_by_login_in(&self.tx, key.as_str()).await?.is_some() {
            return Err(AdministrationError::LoginTaken);
        }
        self.key = key;
        self.user.login = login;
        Ok(())
    }
}
