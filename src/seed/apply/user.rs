//! Writes users and their memberships.

use super::Apply;
use crate::{
    app::App,
    fault::Fault,
    id::UserId,
    model::user::{PasswordLock, Profile, User, UserStatus},
    secret::Secret,
    seed::{
        SeedError,
        read::{self, Password},
    },
    session::farewell,
    store,
    user::lifecycle::{self, Creation, PasswordPresence},
};

/// The hashes that will be stored; absent where the password of an existing user stays.
pub(super) async fn hash_passwords(
    app: &App,
    users: &[read::User],
) -> Result<Vec<Option<Secret<String>>>, SeedError> {
    let mut hashes = Vec::with_capacity(users.len());
    for user in users {
        let known = store::user::find_by_login(&app.db, user.key.as_str()).await?.is_some();
        hashes.push(match &user.password {
            _ if known && !user.force => None,
            None => None,
            Some(Password::Hash(hash)) => Some(hash.clone()),
            Some(Password::Clear(password)) => Some(
                app.passwords
                    .hash(password.clone())
                    .await
                    .map_err(|error| Fault::Crypto(format!("password of {}: {error}", user.login)))?,
            ),
        });
    }
    Ok(hashes)
}

impl Apply<'_> {
    pub(super) async fn user(
        &self,
        wanted: &read::User,
        hash: Option<Secret<String>>,
    ) -> Result<(), SeedError> {
        let known = store::user::find_by_login_in(&self.tx, wanted.key.as_str()).await?;
        let id = match known {
            Some(user) => self.update_user(user, wanted, hash).await?,
            None => self.insert_user(wanted, hash).await?,
        };
        if let Some(names) = &wanted.groups {
            let mut groups = Vec::with_capacity(names.len());
            for name in names {
                let group = self.group_id(name).await?;
                if !groups.contains(&group) {
                    groups.push(group);
                }
            }
            store::group::set_memberships(&self.tx, &id, &groups).await?;
        }
        Ok(())
    }

    async fn insert_user(
        &self,
        wanted: &read::User,
        hash: Option<Secret<String>>,
    ) -> Result<UserId, SeedError> {
        let presence = if hash.is_some() { PasswordPresence::Set } else { PasswordPresence::Unset };
        let status = wanted.status.unwrap_or_else(|| lifecycle::initial(Creation::Activated(presence)));
        let mut profile = wanted.profile.clone();
        profile.retain(|_, value| !value.is_null());
        let user = User {
            status,
            password_changed_at: hash.is_some().then_some(self.now),
            password_hash: hash,
            admin: wanted.admin.unwrap_or(false),
            activated_at: (status != UserStatus::Staged).then_some(self.now),
            ..User::new(UserId::generate(self.app.random.as_ref()), &wanted.login, Profile(profile), self.now)
        };
        store::user::insert(&self.tx, &user, wanted.key.as_str()).await?;
        Ok(user.id)
    }

    async fn update_user(
        &self,
        mut user: User,
        wanted: &read::User,
        hash: Option<Secret<String>>,
    ) -> Result<UserId, SeedError> {
        let before = (user.profile.clone(), user.status, user.admin, user.login.clone());
        for (name, value) in &wanted.profile {
            if value.is_null() {
                user.profile.0.remove(name);
            } else {
                user.profile.0.insert(name.clone(), value.clone());
            }
        }
        user.login.clone_from(&wanted.login);
        user.admin = wanted.admin.unwrap_or(user.admin);
        user.status = wanted.status.unwrap_or(user.status);
        let new_password = hash.is_some();
        if user.profile != before.0 || user.login != before.3 {
            user.updated_at = self.now;
        } else if before.1 == user.status && before.2 == user.admin && !new_password {
            return Ok(user.id);
        }
        if let Some(hash) = hash {
            user.password_hash = Some(hash);
            user.password_changed_at = Some(self.now);
            user.lock = PasswordLock::default();
        }
        if before.1 != user.status {
            user.status_changed_at = self.now;
        }
        if new_password || (before.1 == UserStatus::Active && user.status != UserStatus::Active) {
            user.not_before = self.now;
            farewell::end_everything(self.app, &self.tx, &user.id, "configuration_applied", self.now).await?;
        }
        store::user::update(&self.tx, &user, wanted.key.as_str()).await?;
        Ok(user.id)
    }
}
