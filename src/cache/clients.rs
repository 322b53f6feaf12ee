//! Clients, read through. Whether a user or session may still act is never cached; what an administrator changes of a
//! client is seen within a second.

use std::{sync::Arc, time::Duration};

use moka::future::Cache;

use crate::{fault::Fault, id::ClientId, model::client::Client, store};

/// The cache of clients.
pub struct Clients(Cache<ClientId, Arc<Client>>);

impl Default for Clients {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(10_000).time_to_live(Duration::from_secs(30)).build())
    }
}

impl Clients {
    /// Finds a client.
    ///
    /// # Errors
    /// The database failed.
    pub async fn find(&self, db: &store::Database, id: &ClientId) -> Result<Option<Arc<Client>>, Fault> {
        if let Some(client) = self.0.get(id).await {
            return Ok(Some(client));
        }
        let Some(client) = store::client::find(db, id).await? else { return Ok(None) };
        let client = Arc::new(client);
        self.0.insert(id.clone(), Arc::clone(&client)).await;
        Ok(Some(client))
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.0.invalidate_all();
    }
}
