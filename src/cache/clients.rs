//! Clients, read through. Whether a user or session may still act is never cached; what an administrator changes of a
//! client is seen within a second.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use moka::future::Cache;

use crate::{fault::Fault, id::ClientId, model::client::Client, store};

/// The cache of clients.
pub struct Clients {
    known: Cache<ClientId, Arc<Client>>,
    /// Clearing wins over a load that began before it.
    cleared: AtomicU64,
}

impl Default for Clients {
    fn default() -> Self {
        let known = Cache::builder().max_capacity(10_000).time_to_live(Duration::from_secs(30)).build();
        Self { known, cleared: AtomicU64::new(0) }
    }
}

impl Clients {
    /// Finds a client.
    ///
    /// # Errors
    /// The database failed.
    pub async fn find(&self, db: &store::Database, id: &ClientId) -> Result<Option<Arc<Client>>, Fault> {
        if let Some(client) = self.known.get(id).await {
            return Ok(Some(client));
        }
        let before = self.cleared.load(Ordering::SeqCst);
        let Some(client) = store::client::find(db, id).await? else { return Ok(None) };
        let client = Arc::new(client);
        if self.cleared.load(Ordering::SeqCst) == before {
            self.known.insert(id.clone(), Arc::clone(&client)).await;
        }
        Ok(Some(client))
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.cleared.fetch_add(1, Ordering::SeqCst);
        self.known.invalidate_all();
    }
}
