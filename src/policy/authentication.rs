//! Authentication policies (`ACCESS_POLICY`): what an application wants to have been proved.

use time::Duration;

use super::condition::matching;
use crate::{
    id::ClientId,
    model::{
        Status,
        policy::AppSignOn,
        policy_set::{Applications, AuthenticationPolicy, FactorMode, PolicySet, Subject},
    },
    protocol::acr::Acr,
};

/// Decides for a user of an application.
pub fn decide(set: &PolicySet, client: &ClientId, subject: &Subject<'_>) -> AppSignOn {
    let rule = policy_of(set, client).and_then(|policy| matching(&policy.rules, &set.zones, subject));
    let Some(rule) = rule else { return AppSignOn::default() };
    AppSignOn {
        access: rule.action.access,
        assurance: match rule.action.factor_mode {
            FactorMode::One => Acr::OneFactorAny,
            FactorMode::Two => Acr::TwoFactorAny,
        },
        reauthenticate_in: rule.action.reauthenticate_in.map(|minutes| Duration::minutes(minutes.into())),
        on_refresh: rule.action.on_refresh,
    }
}

/// The policy that an application is mapped to, else the one for applications that are mapped to none.
fn policy_of<'a>(set: &'a PolicySet, client: &ClientId) -> Option<&'a AuthenticationPolicy> {
    let active = || set.authentication.iter().filter(|policy| policy.status == Status::Active);
    let mapped = set.mappings.get(client).and_then(|id| active().find(|policy| policy.id == *id));
    let default = || {
        active()
            .filter(|policy| policy.settings.applications == Applications::Default)
            .min_by_key(|policy| policy.priority)
    };
    mapped.or_else(default)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::{
        id::PolicyId,
        model::{
            authorization_server::PeopleCondition,
            policy::Access,
            policy_set::{AppSignOnAction, AuthenticationSettings, Conditions},
        },
        policy::condition::tests::{policy, rule, user},
    };

    fn two_factors(minutes: Option<u32>) -> AppSignOnAction {
        AppSignOnAction {
            factor_mode: FactorMode::Two,
            reauthenticate_in: minutes,
            ..AppSignOnAction::default()
        }
    }

    fn decided(set: &PolicySet, client: &str) -> AppSignOn {
        decide(set, &ClientId::new(client), &Subject { user: &user("u1"), groups: &[], ip: None })
    }

    #[test]
    fn an_application_has_its_policy_or_the_default_one() {
        let any = Conditions::default;
        let strict: AuthenticationPolicy =
            policy("p1", 5, &[], vec![rule("r1", 1, any(), two_factors(Some(60)))]);
        let denied = AppSignOnAction { access: Access::Deny, on_refresh: true, ..AppSignOnAction::default() };
        let mut default: AuthenticationPolicy = policy("p2", 9, &[], vec![rule("r2", 1, any(), denied)]);
        default.settings = AuthenticationSettings { applications: Applications::Default };
        let mappings = HashMap::from([(ClientId::new("c1"), PolicyId::new("p1"))]);
        let mut set = PolicySet { authentication: vec![default, strict], mappings, ..PolicySet::default() };
        let one = decided(&set, "c1");
        assert_eq!((one.assurance, one.access), (Acr::TwoFactorAny, Access::Allow));
        assert_eq!(one.reauthenticate_in, Some(Duration::hours(1)));
        let other = decided(&set, "c2");
        assert_eq!((other.access, other.on_refresh), (Access::Deny, true));
        // A policy that is switched off is nobody's.
        set.authentication[1].status = Status::Inactive;
        assert_eq!(decided(&set, "c1").access, Access::Deny);
        set.authentication[0].status = Status::Inactive;
        assert_eq!(decided(&set, "c1"), AppSignOn::default());
    }

    #[test]
    fn where_no_rule_matches_one_factor_does() {
        let people =
            PeopleCondition { users: vec![crate::id::UserId::new("u2")], ..PeopleCondition::default() };
        let conditions = Conditions { people, ..Conditions::default() };
        let strict: AuthenticationPolicy =
            policy("p", 1, &[], vec![rule("r", 1, conditions, two_factors(None))]);
        let mappings = HashMap::from([(ClientId::new("c"), PolicyId::new("p"))]);
        let set = PolicySet { authentication: vec![strict], mappings, ..PolicySet::default() };
        assert_eq!(decided(&set, "c"), AppSignOn::default());
    }
}
