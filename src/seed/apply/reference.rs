//! What a document names: it must be there by now.

use super::Apply;
use crate::{
    id::{AuthorizationServerId, ClientId, GroupId, UserId},
    model::authorization_server::PeopleCondition,
    seed::{SeedError, document::Reference, read::People},
    store,
    user::login::LoginKey,
};

impl Apply<'_> {
    pub(super) async fn people(&self, people: &People) -> Result<PeopleCondition, SeedError> {
        Ok(PeopleCondition {
            users: self.user_ids(&people.users).await?,
            groups: self.group_ids(&people.groups).await?,
            exclude_users: self.user_ids(&people.exclude_users).await?,
            exclude_groups: self.group_ids(&people.exclude_groups).await?,
        })
    }

    pub(super) async fn group_id(&self, name: &Reference) -> Result<GroupId, SeedError> {
        store::group::find_by_name_in(&self.tx, &name.name)
            .await?
            .ok_or_else(|| name.spot.error(format!("there is no group \"{}\"", name.name)))
    }

    pub(super) async fn group_ids(&self, names: &[Reference]) -> Result<Vec<GroupId>, SeedError> {
        let mut ids = Vec::with_capacity(names.len());
        for name in names {
            ids.push(self.group_id(name).await?);
        }
        Ok(ids)
    }

    pub(super) async fn user_ids(&self, logins: &[Reference]) -> Result<Vec<UserId>, SeedError> {
        let mut ids = Vec::with_capacity(logins.len());
        for login in logins {
            let unknown = || login.spot.error(format!("there is no user \"{}\"", login.name));
            let key = LoginKey::normalize(&login.name).map_err(|_| unknown())?;
            let user = store::user::find_by_login_in(&self.tx, key.as_str()).await?.ok_or_else(unknown)?;
            ids.push(user.id);
        }
        Ok(ids)
    }

    pub(super) async fn client_ids(&self, names: &[Reference]) -> Result<Vec<ClientId>, SeedError> {
        let mut ids = Vec::with_capacity(names.len());
        for name in names {
            let id = ClientId::new(name.name.as_str());
            if store::client::find_in(&self.tx, &id).await?.is_none() {
                return Err(name.spot.error(format!("there is no client \"{}\"", name.name)));
            }
            ids.push(id);
        }
        Ok(ids)
    }

    pub(super) async fn server_ids(
        &self,
        servers: &[Reference],
    ) -> Result<Vec<AuthorizationServerId>, SeedError> {
        let mut ids = Vec::with_capacity(servers.len());
        for server in servers {
            let id = AuthorizationServerId::new(server.name.as_str());
            if store::server::find_in(&self.tx, &id).await?.is_none() {
                return Err(server.spot.error("there is no such authorization server"));
            }
            ids.push(id);
        }
        Ok(ids)
    }
}
