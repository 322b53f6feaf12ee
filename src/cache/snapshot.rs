//! One value that is read as a whole and remembered until configuration changes.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use arc_swap::ArcSwapOption;

use crate::fault::Fault;

/// A remembered value.
pub struct Snapshot<T> {
    known: ArcSwapOption<T>,
    /// Clearing wins over a load that began before it.
    cleared: AtomicU64,
}

impl<T> Default for Snapshot<T> {
    fn default() -> Self {
        Self { known: ArcSwapOption::empty(), cleared: AtomicU64::new(0) }
    }
}

impl<T> Snapshot<T> {
    /// The current value, read when it is not remembered.
    ///
    /// # Errors
    /// It could not be read.
    pub async fn load(&self, read: impl AsyncFnOnce() -> Result<T, Fault>) -> Result<Arc<T>, Fault> {
        if let Some(value) = self.known.load_full() {
            return Ok(value);
        }
        let before = self.cleared.load(Ordering::SeqCst);
        let value = Arc::new(read().await?);
        if self.cleared.load(Ordering::SeqCst) == before {
            self.known.store(Some(Arc::clone(&value)));
        }
        Ok(value)
    }

    /// Forgets it.
    pub fn clear(&self) {
        self.cleared.fetch_add(1, Ordering::SeqCst);
        self.known.store(None);
    }
}
