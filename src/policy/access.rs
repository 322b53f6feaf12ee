//! Access policies of an authorization server: who gets tokens by which grant, and how long they live.
//!
//! Evaluated once per grant, when it is made; redeeming a code or refreshing does not ask again.

use super::condition::includes;
use crate::{
    id::{ClientId, GroupId, PolicyId, RuleId, UserId},
    model::{
        Status,
        authorization_server::{AccessPolicy, AccessRule, PolicyClients, TokenLifetimes},
    },
};

/// What a decision depends on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The client.
    pub client_id: &'a ClientId,
    /// The grant by its wire name; `implicit` for tokens from the authorization endpoint.
    pub grant_type: &'a str,
    /// The user with the groups, for grants that have one.
    pub user: Option<(&'a UserId, &'a [GroupId])>,
    /// The requested scopes.
    pub scopes: &'a [&'a str],
}

/// The rule that decided, and what it gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Granted {
    /// Policy and rule; absent where the server has no policy at all.
    pub rule: Option<(PolicyId, RuleId)>,
    /// Lifetimes of the tokens.
    pub lifetimes: TokenLifetimes,
}

/// No rule lets the request pass (`access_denied`).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Denied {
    /// No active policy speaks about the client.
    #[error("no access policy is assigned to the client")]
    NoPolicy,
    /// The first policy of the client has no rule that matches.
    #[error("no rule of access policy {0} matches")]
    NoRule(PolicyId),
}

/// Decides by the first active policy of the client and its first active rule that matches. A server without any
/// policy allows everything, with the lifetimes of `unruled`.
///
/// # Errors
/// There is no such policy or no such rule.
pub fn evaluate(
    policies: &[AccessPolicy],
    facts: &Facts<'_>,
    unruled: TokenLifetimes,
) -> Result<Granted, Denied> {
    if policies.is_empty() {
        return Ok(Granted { rule: None, lifetimes: unruled });
    }
    let policy = policies
        .iter()
        .filter(|policy| policy.status == Status::Active && speaks_about(&policy.clients, facts.client_id))
        .min_by_key(|policy| policy.priority)
        .ok_or(Denied::NoPolicy)?;
    // A later policy is not asked, even if no rule of this one matches.
    let rule = policy
        .rules
        .iter()
        .filter(|rule| rule.status == Status::Active && matches(rule, facts))
        .min_by_key(|rule| rule.priority)
        .ok_or_else(|| Denied::NoRule(policy.id.clone()))?;
    Ok(Granted { rule: Some((policy.id.clone(), rule.id.clone())), lifetimes: rule.lifetimes })
}

fn speaks_about(clients: &PolicyClients, client_id: &ClientId) -> bool {
    match clients {
        PolicyClients::All => true,
        PolicyClients::Only(ids) => ids.contains(client_id),
    }
}

fn matches(rule: &AccessRule, facts: &Facts<'_>) -> bool {
    let conditions = &rule.conditions;
    let grant_matches = conditions.grant_types.is_empty()
        || conditions.grant_types.iter().any(|grant_type| grant_type == facts.grant_type);
    let people_match = facts.user.is_none_or(|(user, groups)| includes(&conditions.people, user, groups));
    grant_matches && people_match && covers(&conditions.scopes, facts.scopes)
}

fn covers(allowed: &[String], requested: &[&str]) -> bool {
    let any = allowed.is_empty() || allowed.iter().any(|scope| scope == "*");
    any || requested
        .iter()
        .all(|scope| UNLISTED_SCOPES.contains(scope) || allowed.iter().any(|allowed| allowed == scope))
}

/// OpenID Connect's own scopes (Core §5.4, §11) and `device_sso`: some rule must match, but none need list them.
const UNLISTED_SCOPES: [&str; 7] =
    ["openid", "profile", "email", "address", "phone", "offline_access", "device_sso"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::authorization_server::{PeopleCondition, RuleConditions};

    fn rule(id: &str, priority: i32, conditions: RuleConditions) -> AccessRule {
        let lifetimes = TokenLifetimes { access_token_lifetime_minutes: 5, ..TokenLifetimes::default() };
        let (id, name) = (RuleId::new(id), id.to_owned());
        AccessRule { id, name, priority, status: Status::Active, conditions, lifetimes }
    }

    fn policy(id: &str, priority: i32, clients: PolicyClients, rules: Vec<AccessRule>) -> AccessPolicy {
        let (id, name) = (PolicyId::new(id), id.to_owned());
        AccessPolicy { id, name, priority, status: Status::Active, clients, rules }
    }

    fn texts(items: &[&str]) -> Vec<String> {
        items.iter().map(|&item| item.to_owned()).collect()
    }

    /// The id of the deciding rule for client `c1`, `authorization_code`, user `u1` in group `g1`.
    fn decide(policies: &[AccessPolicy], scopes: &[&str]) -> Result<String, Denied> {
        decide_for(policies, scopes, "authorization_code", true)
    }

    fn decide_for(
        policies: &[AccessPolicy],
        scopes: &[&str],
        grant_type: &str,
        with_user: bool,
    ) -> Result<String, Denied> {
        let (user, groups) = (UserId::new("u1"), [GroupId::new("g1")]);
        let user = with_user.then_some((&user, groups.as_slice()));
        let facts = Facts { client_id: &ClientId::new("c1"), grant_type, user, scopes };
        evaluate(policies, &facts, TokenLifetimes::default())
            .map(|granted| granted.rule.map_or_else(|| "none".to_owned(), |(_, rule)| rule.into_string()))
    }

    #[test]
    fn a_server_without_a_policy_allows_everything_with_the_lifetimes_of_the_installation() {
        let facts = Facts {
            client_id: &ClientId::new("c1"),
            grant_type: "client_credentials",
            user: None,
            scopes: &["anything"],
        };
        let granted = evaluate(&[], &facts, TokenLifetimes::default()).unwrap();
        assert_eq!(granted, Granted { rule: None, lifetimes: TokenLifetimes::default() });
        let short = TokenLifetimes { access_token_lifetime_minutes: 5, ..TokenLifetimes::default() };
        assert_eq!(evaluate(&[], &facts, short).unwrap().lifetimes.access(), time::Duration::minutes(5));
        assert_eq!(granted.lifetimes.access(), time::Duration::hours(1));
        assert_eq!(granted.lifetimes.refresh_absolute(), Some(time::Duration::days(90)));
        assert_eq!(granted.lifetimes.refresh_idle(), time::Duration::days(7));
    }

    #[test]
    fn the_first_policy_of_the_client_decides_alone() {
        let only = |id: &str| PolicyClients::Only(vec![ClientId::new(id)]);
        let any = RuleConditions::default;
        let other = policy("p0", 0, only("c2"), vec![rule("r0", 1, any())]);
        let narrow = RuleConditions { scopes: texts(&["read"]), ..any() };
        let mine = policy("p1", 1, only("c1"), vec![rule("r1", 1, narrow)]);
        let all = policy("p2", 2, PolicyClients::All, vec![rule("r2", 1, any())]);
        let policies = [all.clone(), mine, other];
        assert_eq!(decide(&policies, &["read"]).unwrap(), "r1");
        assert_eq!(decide(&policies, &["write"]), Err(Denied::NoRule(PolicyId::new("p1"))));
        assert_eq!(decide(&policies[2..], &[]), Err(Denied::NoPolicy));
        let off = AccessPolicy { status: Status::Inactive, ..all };
        assert_eq!(decide(&[off], &[]), Err(Denied::NoPolicy));
    }

    #[test]
    fn rules_are_tried_by_priority_and_inactive_ones_are_skipped() {
        let any = RuleConditions::default;
        let mut first = rule("r1", 1, any());
        let rules = |first: AccessRule| vec![rule("r2", 2, any()), first];
        assert_eq!(decide(&[policy("p", 1, PolicyClients::All, rules(first.clone()))], &[]).unwrap(), "r1");
        first.status = Status::Inactive;
        assert_eq!(decide(&[policy("p", 1, PolicyClients::All, rules(first))], &[]).unwrap(), "r2");
        assert_eq!(
            decide(&[policy("p", 1, PolicyClients::All, vec![])], &[]),
            Err(Denied::NoRule(PolicyId::new("p")))
        );
    }

    #[test]
    fn conditions_match_grant_people_and_scopes() {
        let everyone = PeopleCondition::default;
        let groups = |ids: &[&str]| ids.iter().map(|&id| GroupId::new(id)).collect::<Vec<_>>();
        let users = |ids: &[&str]| ids.iter().map(|&id| UserId::new(id)).collect::<Vec<_>>();
        let people = |people| RuleConditions { people, ..RuleConditions::default() };
        let scopes = |list: &[&str]| RuleConditions { scopes: texts(list), ..RuleConditions::default() };
        let grants = |list: &[&str]| RuleConditions { grant_types: texts(list), ..RuleConditions::default() };
        let cases: [(&str, RuleConditions, &[&str], bool); 18] = [
            ("no condition", RuleConditions::default(), &["x"], true),
            ("grant listed", grants(&["implicit", "authorization_code"]), &[], true),
            ("grant not listed", grants(&["client_credentials"]), &[], false),
            ("user included", people(PeopleCondition { users: users(&["u1"]), ..everyone() }), &[], true),
            ("other user", people(PeopleCondition { users: users(&["u2"]), ..everyone() }), &[], false),
            ("group included", people(PeopleCondition { groups: groups(&["g1"]), ..everyone() }), &[], true),
            ("other group", people(PeopleCondition { groups: groups(&["g2"]), ..everyone() }), &[], false),
            ("EVERYONE", people(PeopleCondition { groups: groups(&["EVERYONE"]), ..everyone() }), &[], true),
            (
                "user or group",
                people(PeopleCondition { users: users(&["u1"]), groups: groups(&["g2"]), ..everyone() }),
                &[],
                true,
            ),
            (
                "user excluded",
                people(PeopleCondition { exclude_users: users(&["u1"]), ..everyone() }),
                &[],
                false,
            ),
            (
                "group excluded although user included",
                people(PeopleCondition {
                    users: users(&["u1"]),
                    exclude_groups: groups(&["g1"]),
                    ..everyone()
                }),
                &[],
                false,
            ),
            ("any scope", scopes(&["*"]), &["a", "b"], true),
            ("subset", scopes(&["a", "b"]), &["a"], true),
            ("one too many", scopes(&["a"]), &["a", "b"], false),
            ("OpenID Connect scopes", scopes(&["a"]), &["openid", "profile", "offline_access"], true),
            ("OpenID Connect scopes and another", scopes(&["a"]), &["openid", "b"], false),
            ("groups is a custom scope", scopes(&["a"]), &["groups"], false),
            ("nothing requested", scopes(&["a"]), &[], true),
        ];
        for (name, conditions, requested, expected) in cases {
            let policies = [policy("p", 1, PolicyClients::All, vec![rule("r", 1, conditions)])];
            assert_eq!(decide(&policies, requested).is_ok(), expected, "{name}");
        }
    }

    #[test]
    fn people_are_ignored_without_a_user() {
        let people = PeopleCondition { users: vec![UserId::new("u2")], ..PeopleCondition::default() };
        let conditions = RuleConditions { people, ..RuleConditions::default() };
        let policies = [policy("p", 1, PolicyClients::All, vec![rule("r", 1, conditions)])];
        assert!(decide_for(&policies, &[], "client_credentials", false).is_ok());
        assert!(decide_for(&policies, &[], "client_credentials", true).is_err());
    }
}
