//! Policies about signing in, read once and remembered until configuration changes.

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

/// All policies about signing in.
#[derive(Debug, Default)]
pub struct PolicySet {}

/// Whom a policy is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The user.
    pub user: &'a User,
    /// The user's groups.
    pub groups: &'a [GroupId],
    /// Where the request came from.
    pub ip: Option<IpAddr>,
}

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
pub struct Policies {}

impl Policies {
    /// The current set.
    ///
    /// # Errors
    /// The database failed.
    pub async fn load(&self, _db: &store::Database) -> Result<Arc<PolicySet>, Fault> {
        Ok(Arc::new(PolicySet::default()))
    }

    /// Forgets all.
    pub fn clear(&self) {}
}
