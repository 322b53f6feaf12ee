//! Whom a policy speaks about, and which of its rules matches.

use super::zone::lies_in;
use crate::{
    id::{GroupId, UserId},
    model::{
        Status,
        authorization_server::PeopleCondition,
        policy_set::{Policy, Rule, Subject},
        zone::Zone,
    },
};

/// A policy, and its rule that matches, if one does.
pub type Deciding<'a, S, A> = (&'a Policy<S, A>, Option<&'a Rule<A>>);

/// What decides for a user: the first active policy by priority that speaks about the user's groups, with its first active
/// rule that matches, if one does. A later policy is not asked, even if no rule of this one matches.
pub fn deciding<'a, S, A>(
    policies: &'a [Policy<S, A>],
    zones: &[Zone],
    subject: &Subject<'_>,
) -> Option<Deciding<'a, S, A>> {
    let policy = policies
        .iter()
        .filter(|policy| policy.status == Status::Active && speaks_about(&policy.groups, subject.groups))
        .min_by_key(|policy| policy.priority)?;
    Some((policy, matching(&policy.rules, zones, subject)))
}

/// The first active rule by priority that matches.
pub(super) fn matching<'a, A>(
    rules: &'a [Rule<A>],
    zones: &[Zone],
    subject: &Subject<'_>,
) -> Option<&'a Rule<A>> {
    let matches = |rule: &Rule<A>| {
        includes(&rule.conditions.people, subject.user, subject.groups)
            && lies_in(&rule.conditions.network, zones, subject.ip)
    };
    rules
        .iter()
        .filter(|rule| rule.status == Status::Active && matches(rule))
        .min_by_key(|rule| rule.priority)
}

fn speaks_about(groups: &[GroupId], of_user: &[GroupId]) -> bool {
    groups.is_empty() || any_of(groups, of_user)
}

/// Whether a condition on people holds: nothing included means everyone, and whoever is excluded is out.
pub(super) fn includes(people: &PeopleCondition, user: &UserId, groups: &[GroupId]) -> bool {
    let excluded = people.exclude_users.contains(user) || any_of(&people.exclude_groups, groups);
    let everyone = people.users.is_empty() && people.groups.is_empty();
    !excluded && (everyone || people.users.contains(user) || any_of(&people.groups, groups))
}

fn any_of(listed: &[GroupId], of_user: &[GroupId]) -> bool {
    listed.iter().any(|listed| listed.as_str() == EVERYONE || of_user.contains(listed))
}

/// Okta's word for all users in a group condition.
const EVERYONE: &str = "EVERYONE";

#[cfg(test)]
pub(super) mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;
    use time::OffsetDateTime;

    use super::*;
    use crate::{
        id::{PolicyId, RuleId, ZoneId},
        model::policy_set::{Conditions, NetworkCondition, NoSettings},
    };

    pub(in crate::policy) fn user(id: &str) -> UserId {
        UserId::new(id)
    }

    pub(in crate::policy) fn rule<A>(id: &str, priority: i32, conditions: Conditions, action: A) -> Rule<A> {
        let (id, name) = (RuleId::new(id), id.to_owned());
        Rule { id, name, priority, status: Status::Active, conditions, action }
    }

    pub(in crate::policy) fn policy<S: Default, A>(
        id: &str,
        priority: i32,
        groups: &[&str],
        rules: Vec<Rule<A>>,
    ) -> Policy<S, A> {
        Policy {
            id: PolicyId::new(id),
            name: id.to_owned(),
            description: String::new(),
            priority,
            status: Status::Active,
            groups: groups.iter().copied().map(GroupId::new).collect(),
            settings: S::default(),
            rules,
            updated_at: OffsetDateTime::UNIX_EPOCH,
        }
    }

    fn office() -> Zone {
        Zone {
            id: ZoneId::new("office"),
            name: "Office".to_owned(),
            status: Status::Active,
            gateways: vec!["10.0.0.0/8".parse().unwrap()],
        }
    }

    /// The policy and the rule that decide for user `u1` of group `g1` who comes from this address.
    fn decided(policies: &[Policy<NoSettings, ()>], ip: &str) -> Option<(String, Option<String>)> {
        let (user, groups) = (user("u1"), [GroupId::new("g1")]);
        let ip: Option<IpAddr> = ip.parse().ok();
        let (policy, rule) = deciding(policies, &[office()], &Subject { user: &user, groups: &groups, ip })?;
        Some((policy.id.to_string(), rule.map(|rule| rule.id.to_string())))
    }

    fn by(policy: &str, rule: &str) -> Option<(String, Option<String>)> {
        Some((policy.to_owned(), (!rule.is_empty()).then(|| rule.to_owned())))
    }

    #[test]
    fn the_first_policy_that_speaks_about_the_user_decides_alone() {
        let any = Conditions::default;
        let people = |user: &str| Conditions {
            people: PeopleCondition { users: vec![UserId::new(user)], ..PeopleCondition::default() },
            ..any()
        };
        let others = policy("p0", 0, &["g2"], vec![rule("r0", 1, any(), ())]);
        let mine = policy("p1", 1, &["g2", "g1"], vec![rule("r1", 1, people("u2"), ())]);
        let all = policy("p2", 2, &[], vec![rule("r3", 2, any(), ()), rule("r2", 1, any(), ())]);
        assert_eq!(decided(&[], ""), None);
        assert_eq!(decided(std::slice::from_ref(&others), ""), None);
        // No rule matches: the policy decides all the same.
        assert_eq!(decided(&[all.clone(), mine.clone(), others.clone()], ""), by("p1", ""));
        assert_eq!(decided(&[all.clone(), others], ""), by("p2", "r2"));
        let off = Policy { status: Status::Inactive, ..mine };
        assert_eq!(decided(&[off, all.clone()], ""), by("p2", "r2"));
        let mut all = all;
        all.rules[1].status = Status::Inactive;
        assert_eq!(decided(&[all], ""), by("p2", "r3"));
        assert_eq!(decided(&[policy("p", 1, &["EVERYONE"], vec![])], ""), by("p", ""));
    }

    #[test]
    fn a_rule_matches_networks() {
        let network = |include: &[&str], exclude: &[&str]| {
            let zones = |ids: &[&str]| ids.iter().copied().map(ZoneId::new).collect();
            let network = NetworkCondition { include: zones(include), exclude: zones(exclude) };
            policy("p", 1, &[], vec![rule("r", 1, Conditions { network, ..Conditions::default() }, ())])
        };
        for (policy, ip, matches) in [
            (network(&["office"], &[]), "10.1.2.3", true),
            (network(&["office"], &[]), "::ffff:10.1.2.3", true),
            (network(&["office"], &[]), "11.0.0.0", false),
            (network(&["office"], &[]), "", false),
            (network(&["gone"], &[]), "10.1.2.3", false),
            (network(&[], &["office"]), "10.1.2.3", false),
            (network(&[], &["office"]), "11.0.0.0", true),
            (network(&[], &["office"]), "", true),
            (network(&["office"], &["office"]), "10.1.2.3", false),
        ] {
            let expected = by("p", if matches { "r" } else { "" });
            assert_eq!(decided(std::slice::from_ref(&policy), ip), expected, "{policy:?} {ip}");
        }
    }

    /// A priority and what has it.
    type Ranked = Option<(i32, String)>;

    proptest! {
        /// Whatever is configured: the decision is that of the least priority among what applies, in any order of rows.
        #[test]
        fn order_is_priority_and_nothing_else(
            wanted in prop::collection::vec((0_i32..50, any::<bool>(), any::<bool>(), prop::collection::vec((0_i32..50, any::<bool>(), any::<bool>()), 0..5)), 0..6),
            turn in 0_usize..6,
        ) {
            let mut policies: Vec<Policy<NoSettings, ()>> = Vec::new();
            let mut best: Option<(i32, String, Ranked)> = None;
            for (index, (priority, active, mine, rules)) in wanted.iter().enumerate() {
                // No two share a priority.
                let priority = priority * 10 + i32::try_from(index).unwrap();
                let mut first: Ranked = None;
                let rules = rules.iter().enumerate().map(|(rank, (rule_priority, on, matches))| {
                    let rank_priority = rule_priority * 10 + i32::try_from(rank).unwrap();
                    let id = format!("r{index}.{rank}");
                    if *on && *matches && first.as_ref().is_none_or(|(known, _)| *known > rank_priority) {
                        first = Some((rank_priority, id.clone()));
                    }
                    let people = PeopleCondition {
                        users: vec![UserId::new(if *matches { "u1" } else { "u2" })],
                        ..PeopleCondition::default()
                    };
                    let mut rule = rule(&id, rank_priority, Conditions { people, ..Conditions::default() }, ());
                    rule.status = if *on { Status::Active } else { Status::Inactive };
                    rule
                }).collect();
                let id = format!("p{index}");
                let mut policy = policy(&id, priority, &[if *mine { "g1" } else { "g2" }], rules);
                policy.status = if *active { Status::Active } else { Status::Inactive };
                policies.push(policy);
                if *active && *mine && best.as_ref().is_none_or(|(known, ..)| *known > priority) {
                    best = Some((priority, id, first));
                }
            }
            let turn = turn.min(policies.len());
            policies.rotate_left(turn);
            let expected = best.map(|(_, policy, rule)| (policy, rule.map(|(_, id)| id)));
            prop_assert_eq!(decided(&policies, ""), expected);
        }
    }
}
