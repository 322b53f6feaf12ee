//! What policies decide. Pure: rows are loaded and facts established before, and come in.
//!
//! [`access`] is about tokens of an authorization server. The others are about signing in (see
//! [`crate::model::policy_set`]): of each kind the first policy by priority that speaks about the user decides alone, by
//! its first rule that matches; where no rule does, the default of the kind is in effect.

pub mod access;
pub mod assurance;
pub mod authentication;
pub mod condition;
pub mod mfa_enroll;
pub mod password;
pub mod sign_on;
pub mod zone;

use crate::{
    id::ClientId,
    model::{
        Status,
        policy::{AppSignOn, PasswordRules, UserPolicies},
        policy_set::{PolicySet, SignOnAction, Subject},
    },
};

impl PolicySet {
    /// What global session, enrolment and password policies decide for a user.
    pub fn for_user(&self, subject: &Subject<'_>) -> UserPolicies {
        UserPolicies {
            session: sign_on::decide(&self.global_session, &self.zones, subject),
            enroll: mfa_enroll::decide(&self.mfa_enroll, &self.zones, subject),
            password: password::decide(&self.password, &self.zones, subject),
        }
    }

    /// Whether there may be somebody of whom the password policies say so.
    pub fn any_password(&self, says: impl Fn(&PasswordRules) -> bool) -> bool {
        password::any(&self.password, says)
    }

    /// Whether there may be somebody of whom the global session policies say so.
    pub fn any_sign_on(&self, says: impl Fn(&SignOnAction) -> bool) -> bool {
        let active = self.global_session.iter().filter(|policy| policy.status == Status::Active);
        active
            .flat_map(|policy| &policy.rules)
            .any(|rule| rule.status == Status::Active && says(&rule.action))
    }

    /// What the authentication policy of an application decides for a user.
    pub fn for_app(&self, client: &ClientId, subject: &Subject<'_>) -> AppSignOn {
        authentication::decide(self, client, subject)
    }
}
