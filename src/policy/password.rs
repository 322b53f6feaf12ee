//! Password policies (`PASSWORD`): what passwords are like, and what users may do about theirs.

use super::condition::deciding;
use crate::model::{
    policy::{Access, PasswordRules},
    policy_set::{PasswordAction, PasswordPolicy, Subject},
    zone::Zone,
};

/// Decides for a user.
pub fn decide(policies: &[PasswordPolicy], zones: &[Zone], subject: &Subject<'_>) -> PasswordRules {
    let Some((policy, rule)) = deciding(policies, zones, subject) else { return PasswordRules::default() };
    said(policy, rule.map_or_else(PasswordAction::default, |rule| rule.action))
}

/// Everything that some policy decides for somebody.
pub fn decisions(policies: &[PasswordPolicy]) -> impl Iterator<Item = PasswordRules> {
    let rules = policies.iter().flat_map(|policy| {
        let actions = policy.rules.iter().map(|rule| rule.action).chain([PasswordAction::default()]);
        actions.map(|action| said(policy, action))
    });
    rules.chain([PasswordRules::default()])
}

fn said(policy: &PasswordPolicy, action: PasswordAction) -> PasswordRules {
    PasswordRules {
        allow_change: action.password_change == Access::Allow,
        allow_reset: action.self_service_password_reset == Access::Allow,
        allow_unlock: action.self_service_unlock == Access::Allow,
        ..policy.settings.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::policy_set::Conditions,
        policy::condition::tests::{policy, rule, user},
    };

    #[test]
    fn the_policy_says_what_passwords_are_like_and_its_rule_what_users_may_do() {
        let action = PasswordAction {
            password_change: Access::Deny,
            self_service_password_reset: Access::Deny,
            self_service_unlock: Access::Allow,
        };
        let mut long: PasswordPolicy = policy("p", 1, &[], vec![rule("r", 1, Conditions::default(), action)]);
        long.settings.min_length = 20;
        let decided = |policies: &[PasswordPolicy]| {
            decide(policies, &[], &Subject { user: &user("u1"), groups: &[], ip: None })
        };
        let rules = decided(std::slice::from_ref(&long));
        assert_eq!(rules.min_length, 20);
        assert_eq!((rules.allow_change, rules.allow_reset, rules.allow_unlock), (false, false, true));
        long.rules.clear();
        let rules = decided(&[long]);
        assert_eq!((rules.allow_change, rules.allow_reset, rules.allow_unlock), (true, true, false));
        assert_eq!(decided(&[]), PasswordRules::default());
    }
}
