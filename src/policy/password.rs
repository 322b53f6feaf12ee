//! Password policies (`PASSWORD`): what passwords are like, and what users may do about theirs.

use super::condition::deciding;
use crate::model::{
    Status,
    policy::{Access, PasswordRules},
    policy_set::{Conditions, PasswordAction, PasswordPolicy, Subject},
    zone::Zone,
};

/// Decides for a user.
pub fn decide(policies: &[PasswordPolicy], zones: &[Zone], subject: &Subject<'_>) -> PasswordRules {
    let Some((policy, rule)) = deciding(policies, zones, subject) else { return PasswordRules::default() };
    said(policy, rule.map_or_else(PasswordAction::default, |rule| rule.action))
}

/// Whether there may be somebody of whom the policies say so: all that strangers are told about what users may do.
pub fn any(policies: &[PasswordPolicy], says: impl Fn(&PasswordRules) -> bool) -> bool {
    let mut asked: Vec<&PasswordPolicy> =
        policies.iter().filter(|policy| policy.status == Status::Active).collect();
    asked.sort_by_key(|policy| policy.priority);
    for policy in asked {
        let rules = policy.rules.iter().filter(|rule| rule.status == Status::Active);
        if rules.clone().any(|rule| says(&said(policy, rule.action))) {
            return true;
        }
        let always = rules.clone().any(|rule| rule.conditions == Conditions::default());
        if !always && says(&said(policy, PasswordAction::default())) {
            return true;
        }
        // Nobody is left for those that follow.
        if policy.groups.is_empty() {
            return false;
        }
    }
    says(&PasswordRules::default())
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
        id::GroupId,
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
    #[test]
    fn strangers_are_told_what_somebody_may_do() {
        let action = |unlock| PasswordAction {
            self_service_password_reset: Access::Deny,
            self_service_unlock: unlock,
            ..PasswordAction::default()
        };
        let everyone = |priority, unlock| -> PasswordPolicy {
            policy("e", priority, &[], vec![rule("r", 1, Conditions::default(), action(unlock))])
        };
        let some = |priority, unlock| PasswordPolicy {
            groups: vec![GroupId::new("g")],
            ..everyone(priority, unlock)
        };
        let unlock = |policies: &[PasswordPolicy]| any(policies, |rules| rules.allow_unlock);
        let reset = |policies: &[PasswordPolicy]| any(policies, |rules| rules.allow_reset);
        assert!(reset(&[]) && !unlock(&[]));
        assert!(!reset(&[everyone(1, Access::Deny)]));
        assert!(unlock(&[everyone(1, Access::Allow)]));
        // Others may still do what the default says.
        assert!(reset(&[some(1, Access::Deny)]));
        assert!(unlock(&[some(1, Access::Allow), everyone(2, Access::Deny)]));
        // Nobody is left for the second.
        assert!(!unlock(&[everyone(1, Access::Deny), some(2, Access::Allow)]));
    }
}
