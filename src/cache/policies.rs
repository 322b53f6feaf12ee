//! Policies about signing in, read once and remembered until configuration changes.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use arc_swap::ArcSwapOption;

use crate::{fault::Fault, store};

pub use crate::model::policy_set::{PolicySet, Subject};

/// The cache of policies.
#[derive(Default)]
pub struct Policies {
    known: ArcSwapOption<PolicySet>,
    /// Clearing wins over a load that began before it.
    cleared: AtomicU64,
}

impl Policies {
    /// The current set.
    ///
    /// # Errors
    /// The database failed.
    pub async fn load(&self, db: &store::Database) -> Result<Arc<PolicySet>, Fault> {
        if let Some(set) = self.known.load_full() {
            return Ok(set);
        }
        let before = self.cleared.load(Ordering::SeqCst);
        let set = Arc::new(store::policy::load(db).await?);
        if self.cleared.load(Ordering::SeqCst) == before {
            self.known.store(Some(Arc::clone(&set)));
        }
        Ok(set)
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.cleared.fetch_add(1, Ordering::SeqCst);
        self.known.store(None);
    }
}
