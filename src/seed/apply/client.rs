//! Writes clients, their secrets and who may use them.

use super::Apply;
use crate::{
    client::secret,
    id::ClientId,
    model::client::{Assignment, Client, RegisteredBy},
    protocol::client_auth::AuthMethod,
    seed::{
        SeedError,
        read::{self, People},
    },
    store,
};

impl Apply<'_> {
    pub(super) async fn client(&self, wanted: &read::Client) -> Result<(), SeedError> {
        let id = ClientId::new(wanted.id.as_str());
        let known = store::client::find_in(&self.tx, &id).await?;
        let is_new = known.is_none();
        let mut client = known.unwrap_or_else(|| {
            Client::new(id, wanted.metadata.clone(), RegisteredBy::Administrator, self.now)
        });
        let assignment = match &wanted.assignment {
            Some(people) => Some(self.assignment(people).await?),
            None => client.assignment.clone(),
        };
        let status = wanted.status.unwrap_or(client.status);
        let changed =
            client.metadata != wanted.metadata || client.status != status || client.assignment != assignment;
        client.metadata = wanted.metadata.clone();
        client.assignment = assignment;
        client.status = status;
        if is_new {
            store::client::insert(&self.tx, &client).await?;
        } else if changed {
            client.updated_at = self.now;
            store::client::update(&self.tx, &client).await?;
        }
        if is_new || wanted.force { self.secret(&client, wanted, is_new).await } else { Ok(()) }
    }

    async fn secret(&self, client: &Client, wanted: &read::Client, is_new: bool) -> Result<(), SeedError> {
        let method = client.metadata.auth_method();
        let needed = match method {
            AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost | AuthMethod::ClientSecretJwt => {
                true
            }
            AuthMethod::PrivateKeyJwt
            | AuthMethod::TlsClientAuth
            | AuthMethod::SelfSignedTlsClientAuth
            | AuthMethod::None => false,
        };
        match &wanted.secret {
            Some((_, spot)) if !needed => {
                Err(spot.error(format!("is not used: the client authenticates by {method}")))
            }
            None if needed && is_new => Err(wanted
                .spot
                .error(format!("`client_secret` is missing: the client authenticates by {method}"))),
            None => Ok(()),
            Some((secret, spot)) => {
                secret::check(secret, method).map_err(|error| spot.error(error.to_string()))?;
                let stored = secret::store(self.app, &client.id, method, secret, self.now)?;
                store::client::delete_secrets_except(&self.tx, &client.id, &[]).await?;
                Ok(store::client::insert_secret(&self.tx, &client.id, &stored).await?)
            }
        }
    }

    async fn assignment(&self, people: &People) -> Result<Assignment, SeedError> {
        Ok(Assignment {
            users: self.user_ids(&people.users).await?,
            groups: self.group_ids(&people.groups).await?,
        })
    }
}
