//! Writes a document in one transaction. Passwords are hashed before it begins.

mod client;
mod factor_profile;
mod reference;
mod server;
mod sign_on_policy;
mod user;
mod yubikey_token;

use time::OffsetDateTime;

use super::{
    Applied, SeedError,
    read::{self, Document},
};
use crate::{
    app::App,
    id::{GroupId, TrustedOriginId},
    setup,
    store::{self, db::Tx, trusted_origin::TrustedOrigin},
    syslog::{Caller, Event, EventType},
    user::api_token::{self, NewApiTokenError},
};

struct Apply<'a> {
    app: &'a App,
    tx: Tx,
    now: OffsetDateTime,
}

pub(super) async fn apply(app: &App, document: Document) -> Result<Applied, SeedError> {
    let applied = Applied {
        groups: document.groups.len(),
        users: document.users.len(),
        clients: document.clients.len(),
        authorization_servers: document.servers.len(),
        trusted_origins: document.origins.len(),
        network_zones: document.policies.zones.len(),
        policies: document.policies.count(),
        factor_profiles: document.factor_profiles.len(),
        yubikey_tokens: document.yubikey_tokens.len(),
        api_tokens: document.api_tokens.len(),
    };
    let hashes = user::hash_passwords(app, &document.users).await?;
    // Groups before users, users and clients before the policies that name them.
    let run = Apply { app, tx: app.db.begin_write().await?, now: app.now() };
    for group in &document.groups {
        run.group(group).await?;
    }
    for (user, hash) in document.users.iter().zip(hashes) {
        run.user(user, hash).await?;
    }
    for client in &document.clients {
        run.client(client).await?;
    }
    for server in &document.servers {
        run.server(server).await?;
    }
    for origin in &document.origins {
        run.origin(origin).await?;
    }
    run.policies(&document.policies).await?;
    for profile in &document.factor_profiles {
        run.factor_profile(profile).await?;
    }
    for token in &document.yubikey_tokens {
        run.yubikey_token(token).await?;
    }
    for token in &document.api_tokens {
        run.api_token(token).await?;
    }
    run.log(&applied).await?;
    run.tx.commit().await?;
    app.forget_configuration();
    setup::maintain_keys(app).await?;
    Ok(applied)
}

impl Apply<'_> {
    async fn log(&self, applied: &Applied) -> Result<(), SeedError> {
        let event = Event::new(EventType::ConfigurationApply).with("applied", applied.to_string());
        let caller = Caller::system("apply");
        Ok(event.insert(&self.tx, &caller, self.app.random.as_ref(), self.now).await?)
    }

    async fn group(&self, group: &read::Group) -> Result<(), SeedError> {
        let description = group.description.as_deref();
        match store::group::find_by_name_in(&self.tx, &group.name).await? {
            Some(id) if description.is_some() => {
                store::group::describe(&self.tx, &id, description, self.now).await?;
            }
            Some(_) => {}
            None => {
                let id = GroupId::generate(self.app.random.as_ref());
                store::group::insert(&self.tx, &id, &group.name, description, self.now).await?;
            }
        }
        Ok(())
    }

    async fn origin(&self, wanted: &read::Origin) -> Result<(), SeedError> {
        let origin = TrustedOrigin {
            id: TrustedOriginId::generate(self.app.random.as_ref()),
            name: wanted.name.clone(),
            origin: wanted.origin.clone(),
            scopes: wanted.scopes.clone(),
            status: wanted.status,
        };
        Ok(store::trusted_origin::upsert(&self.tx, &origin).await?)
    }

    /// A token is known by its owner and its name; its value is set when it is made, later only by force.
    async fn api_token(&self, wanted: &read::ApiToken) -> Result<(), SeedError> {
        let users = self.user_ids(std::slice::from_ref(&wanted.user)).await?;
        let Some(id) = users.first() else { return Ok(()) };
        let owner = store::user::find_in(&self.tx, id).await?;
        let owner = owner.ok_or_else(|| wanted.user.spot.error("there is no such user"))?;
        let caller = Caller::system("apply");
        match store::api_token::find_by_name_in(&self.tx, id, &wanted.name).await? {
            Some(known) if !wanted.force && known.access == wanted.access => return Ok(()),
            Some(known) => {
                api_token::revoke(self.app, &self.tx, &known, &caller).await?;
            }
            None => {}
        }
        let (value, spot) = &wanted.value;
        let what = (wanted.name.as_str(), wanted.access, value);
        match api_token::create(self.app, &self.tx, &owner, what, &caller).await {
            Ok(_) => Ok(()),
            Err(NewApiTokenError::Fault(fault)) => Err(fault.into()),
            Err(NewApiTokenError::NoAdministrator) => {
                Err(wanted.user.spot.error("must be an administrator who may sign in"))
            }
            Err(error @ (NewApiTokenError::Name | NewApiTokenError::NameTaken | NewApiTokenError::Value)) => {
                Err(spot.error(error.to_string()))
            }
        }
    }
}
