//! Policies about signing in, read once and remembered until configuration changes.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
use std::{net::IpAddr, sync::Arc};

use crate::{
    fault::Fault,
    id::{ClientId, GroupId},
    model::{
        policy::{AppSignOn, PasswordRules, UserPolicies},
        user::User,
    },
    store,
};

use arc_swap::ArcSwapOption;

use crate::{fault::Fault, store};

pub use crate::model::policy_set::{PolicySet, Subject};
impl PolicySet {
    /// What global session, enrolment and password policies decide for a user.
    pub fn for_user(&self, _subject: &Subject<'_>) -> UserPolicies {
        UserPolicies::default()
    }

    /// Whether any password policy says so, whomever it speaks about: what strangers may be told.
    pub fn any_password(&self, says: impl Fn(&PasswordRules) -> bool) -> bool {
        says(&PasswordRules::default())
    }

    /// What the authentication policy of an application decides for a user.
    pub fn for_app(&self, _client: &ClientId, _subject: &Subject<'_>) -> AppSignOn {
        AppSignOn::default()
    }
}

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
