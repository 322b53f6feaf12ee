//! Enrolment policies (`MFA_ENROLL`): which factors users may and must have, and when they are asked.

use super::condition::deciding;
use crate::model::{
    policy::{EnrollPrompt, MfaEnroll},
    policy_set::{MfaEnrollPolicy, Subject},
    zone::Zone,
};

/// Decides for a user.
pub fn decide(policies: &[MfaEnrollPolicy], zones: &[Zone], subject: &Subject<'_>) -> MfaEnroll {
    let Some((policy, rule)) = deciding(policies, zones, subject) else { return MfaEnroll::default() };
    MfaEnroll {
        factors: policy.settings.factors.clone(),
        webauthn: policy.settings.webauthn.clone(),
        push: policy.settings.push,
        prompt: rule.map_or(EnrollPrompt::default(), |rule| rule.action.prompt),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        model::{
            factor::FactorKind,
            policy::Requirement,
            policy_set::{Conditions, EnrollAction, MfaEnrollSettings},
        },
        policy::condition::tests::{policy, rule, user},
    };

    #[test]
    fn the_policy_names_the_factors_and_its_rule_the_time() {
        let action = EnrollAction { prompt: EnrollPrompt::Login };
        let mut sms: MfaEnrollPolicy = policy("p", 1, &[], vec![rule("r", 1, Conditions::default(), action)]);
        let factors = BTreeMap::from([(FactorKind::Sms, Requirement::Required)]);
        sms.settings = MfaEnrollSettings { factors, ..MfaEnrollSettings::default() };
        let decided = |policies: &[MfaEnrollPolicy]| {
            decide(policies, &[], &Subject { user: &user("u1"), groups: &[], ip: None })
        };
        let enroll = decided(std::slice::from_ref(&sms));
        assert_eq!(enroll.prompt, EnrollPrompt::Login);
        assert_eq!(enroll.requirement(FactorKind::Sms), Requirement::Required);
        assert_eq!(enroll.requirement(FactorKind::TotpOkta), Requirement::NotAllowed);
        sms.rules.clear();
        assert_eq!(decided(&[sms]).prompt, EnrollPrompt::Challenge);
        assert_eq!(decided(&[]), MfaEnroll::default());
    }
}
