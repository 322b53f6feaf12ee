//! Policies about signing in, read once and remembered until configuration changes.

use std::sync::Arc;

use super::snapshot::Snapshot;
use crate::{fault::Fault, store};

pub use crate::model::policy_set::{PolicySet, Subject};

/// The cache of policies.
#[derive(Default)]
pub struct Policies(Snapshot<PolicySet>);

impl Policies {
    /// The current set.
    ///
    /// # Errors
    /// The database failed.
    pub async fn load(&self, db: &store::Database) -> Result<Arc<PolicySet>, Fault> {
        self.0.load(async || store::policy::load(db).await).await
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.0.clear();
    }
}
