//! Global session policies (`OKTA_SIGN_ON`): whether, with what and for how long somebody signs in.

use time::Duration;

use super::condition::deciding;
use crate::model::{
    policy::GlobalSession,
    policy_set::{GlobalSessionPolicy, Subject},
    zone::Zone,
};

/// Decides for a user.
pub fn decide(policies: &[GlobalSessionPolicy], zones: &[Zone], subject: &Subject<'_>) -> GlobalSession {
    let Some((policy, rule)) = deciding(policies, zones, subject) else { return GlobalSession::default() };
    let updated = policy.updated_at.unix_timestamp_nanos() / 1_000_000;
    let rule_id = rule.map_or("default", |rule| rule.id.as_str());
    // Whatever changes the policy or the rule that matches changes the version.
    let version = format!("{}.{rule_id}.{updated}", policy.id);
    let Some(rule) = rule else { return GlobalSession { version, ..GlobalSession::default() } };
    let action = &rule.action;
    let minutes = |minutes: u32| Duration::minutes(minutes.into());
    GlobalSession {
        access: action.access,
        require_factor: action.require_factor,
        factor_prompt: action.factor_prompt_mode,
        factor_lifetime: minutes(action.factor_lifetime),
        remember_device_by_default: action.remember_device_by_default,
        session_idle: action.max_session_idle_minutes.map(minutes),
        session_lifetime: action.max_session_lifetime_minutes.map(minutes),
        persistent_cookie: action.use_persistent_cookie,
        primary_factor: action.primary_factor,
        version,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{
            policy::{Access, FactorPrompt, PrimaryFactor},
            policy_set::{Conditions, SignOnAction},
        },
        policy::condition::tests::{policy, rule, user},
    };

    fn decided(policies: &[GlobalSessionPolicy]) -> GlobalSession {
        decide(policies, &[], &Subject { user: &user("u1"), groups: &[], ip: None })
    }

    #[test]
    fn the_action_of_the_rule_is_the_decision() {
        let action = SignOnAction {
            access: Access::Deny,
            require_factor: true,
            factor_prompt_mode: FactorPrompt::Device,
            factor_lifetime: 30,
            max_session_idle_minutes: Some(5),
            max_session_lifetime_minutes: Some(60),
            use_persistent_cookie: true,
            ..SignOnAction::default()
        };
        let policies = [policy("p", 1, &[], vec![rule("r", 1, Conditions::default(), action)])];
        let decision = decided(&policies);
        assert_eq!(
            decision,
            GlobalSession {
                access: Access::Deny,
                require_factor: true,
                factor_prompt: FactorPrompt::Device,
                factor_lifetime: Duration::minutes(30),
                remember_device_by_default: false,
                session_idle: Some(Duration::minutes(5)),
                session_lifetime: Some(Duration::hours(1)),
                persistent_cookie: true,
                primary_factor: PrimaryFactor::PasswordIdp,
                version: "p.r.0".to_owned(),
            }
        );
        assert!(decision.allows_remembering());
    }

    #[test]
    fn without_a_policy_or_a_rule_the_default_decides() {
        assert_eq!(decided(&[]), GlobalSession::default());
        let version = "p.default.0".to_owned();
        assert_eq!(
            decided(&[policy("p", 1, &[], vec![])]),
            GlobalSession { version, ..GlobalSession::default() }
        );
    }

    #[test]
    fn the_version_changes_with_the_policy() {
        let mut changed =
            policy("p", 1, &[], vec![rule("r", 1, Conditions::default(), SignOnAction::default())]);
        let before = decided(std::slice::from_ref(&changed)).version;
        changed.updated_at += Duration::milliseconds(1);
        assert_ne!(decided(&[changed]).version, before);
    }
}
