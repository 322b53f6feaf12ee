//! What policies decide about a user: the facts are loaded here, the decisions are made in [`crate::policy`].

use std::{net::IpAddr, sync::Arc};

use crate::{
    app::App,
    fault::Fault,
    id::{GroupId, UserId},
    model::{
        policy::UserPolicies,
        policy_set::{PolicySet, Subject},
        user::User,
    },
    store,
};

/// All policies, and what they need to know about a user.
#[derive(Clone, Debug)]
pub struct PolicyFacts {
    /// The policies.
    pub set: Arc<PolicySet>,
    /// The user's groups.
    pub groups: Vec<GroupId>,
}

impl PolicyFacts {
    /// Loads them.
    ///
    /// # Errors
    /// The database failed.
    pub async fn load(app: &App, user: &UserId) -> Result<Self, Fault> {
        let set = app.policies.load(&app.db).await?;
        let groups = if set.is_empty() { Vec::new() } else { store::group::of_user(&app.db, user).await? };
        Ok(Self { set, groups: groups.into_iter().map(|group| group.id).collect() })
    }

    /// The user as policies are asked about.
    pub fn subject<'a>(&'a self, user: &'a UserId, ip: Option<IpAddr>) -> Subject<'a> {
        Subject { user, groups: &self.groups, ip }
    }
}

/// What global session, enrolment and password policies decide for a user who is at this address.
///
/// # Errors
/// The database failed.
pub async fn of_user(app: &App, user: &User, ip: Option<IpAddr>) -> Result<UserPolicies, Fault> {
    let facts = PolicyFacts::load(app, &user.id).await?;
    Ok(facts.set.for_user(&facts.subject(&user.id, ip)))
}
