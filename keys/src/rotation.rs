//! Key rotation, as a pure function of a ring and the time (OpenID Connect Core §10.1.1).
//!
//! Two promises hold however late the changes are carried out, as long as nothing is revoked or forced:
//!
//! - A key starts to sign only when every cached copy of the JWK Set contains it: it was published at least
//!   as long as a copy may be cached.
//! - A key stays published until the last token it signed has expired.
//!
//! Carry out the changes of one call in one transaction that fails if the ring has changed meanwhile.

use time::{Duration, OffsetDateTime};

use crate::{
    Algorithm,
    ring::{self, KeyRecord, KeyState},
};

/// The longest time a JWK Set may be cached.
pub const LONGEST_CACHE: Duration = Duration::HOUR;

/// When the keys of a ring change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotationPolicy {
    /// How long after an activation the next key is published.
    pub publish_next_after: Duration,
    /// How long a key signs.
    pub activate_after: Duration,
    /// How long a retired key stays published: the longest lifetime any token in circulation was given, plus the clock skew.
    pub retain: Duration,
    /// How long a JWK Set may be cached: a key is published at least this long before it signs.
    pub jwks_cache: Duration,
}

/// A due change of a ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Make a key; if it becomes active at once, the key it replaces retires.
    Create {
        /// [`KeyState::Next`] or [`KeyState::Active`].
        state: KeyState,
        /// When a next key is to become active, if ordered ahead of the plan.
        activate_at: Option<OffsetDateTime>,
        /// The active key that retires.
        retires: Option<String>,
    },
    /// Set when the next key becomes active.
    Schedule {
        /// The next key.
        kid: String,
        /// When it is to become active.
        activate_at: OffsetDateTime,
    },
    /// The next key signs from now on.
    Activate {
        /// The next key.
        kid: String,
        /// The active key that retires.
        retires: Option<String>,
    },
    /// The active key signs no more, and none follows it.
    Retire {
        /// The active key.
        kid: String,
    },
    /// The key leaves the JWK Set.
    Remove {
        /// The retired, or revoked, key.
        kid: String,
    },
}

/// When a rotation on demand takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// As soon as every cached copy of the JWK Set contains the new key.
    AfterPublication,
    /// At once: verifiers that cached the JWK Set must fetch it again.
    Now,
}

impl RotationPolicy {
    /// The usual rhythm: a key signs for 90 days, its successor is published after 45, a JWK Set is cached for an hour.
    pub fn new(longest_token_lifetime: Duration, skew: Duration) -> Self {
        Self {
            publish_next_after: Duration::days(45),
            activate_after: Duration::days(90),
            retain: longest_token_lifetime.saturating_add(skew),
            jwks_cache: LONGEST_CACHE,
        }
    }

    // A cached copy lives at least the second that `max-age` cannot go below.
    fn cache(&self) -> Duration {
        self.jwks_cache.max(Duration::SECOND)
    }

    fn retain(&self) -> Duration {
        self.retain.max(Duration::SECOND)
    }

    fn publish_next_at(&self, signing_since: OffsetDateTime) -> OffsetDateTime {
        signing_since.saturating_add(self.publish_next_after)
    }

    /// When every copy of the JWK Set that may still be cached contains the key.
    fn known_everywhere_at(&self, key: &KeyRecord) -> OffsetDateTime {
        key.published_at.saturating_add(self.cache())
    }

    fn activate_at(&self, active: &KeyRecord, next: &KeyRecord) -> OffsetDateTime {
        let planned = signing_since(active).saturating_add(self.activate_after);
        let wanted = next.activate_at.map_or(planned, |ordered| ordered.min(planned));
        wanted.max(self.known_everywhere_at(next))
    }

    fn remove_at(&self, retired: &KeyRecord) -> OffsetDateTime {
        retired.remove_at.unwrap_or_else(|| {
            retired.retired_at.unwrap_or_else(|| signing_since(retired)).saturating_add(self.retain())
        })
    }
}

fn signing_since(key: &KeyRecord) -> OffsetDateTime {
    key.activated_at.unwrap_or(key.created_at)
}

/// The changes due now. Once they are carried out, the plan for the same moment is empty.
pub fn plan(ring: &[KeyRecord], now: OffsetDateTime, policy: &RotationPolicy) -> Vec<Change> {
    let mut changes: Vec<_> = ring
        .iter()
        .filter(|record| record.state == KeyState::Retired && now >= policy.remove_at(record))
        .map(|record| Change::Remove { kid: record.kid.clone() })
        .collect();

    let next = ring::next(ring);
    let (signing_since, has_next) = match (ring::active(ring), next) {
        (Some(active), Some(next)) if now >= policy.activate_at(active, next) => {
            changes.push(activate(next, Some(active)));
            (now, false)
        }
        (Some(active), next) => (signing_since(active), next.is_some()),
        // Without an active key nothing can be signed: whatever is at hand must do.
        (None, Some(next)) => {
            changes.push(activate(next, None));
            (now, false)
        }
        (None, None) => {
            changes.push(create_active(None));
            (now, false)
        }
    };
    if !has_next && now >= policy.publish_next_at(signing_since) {
        changes.push(Change::Create { state: KeyState::Next, activate_at: None, retires: None });
    }
    changes
}

/// The changes due now on a ring whose algorithm is used no more: the active key retires without a successor, a next key
/// leaves before it signed anything, and the retired ones leave in their time, when the last token they signed is dead.
/// Once they are carried out, there are none for the same moment.
pub fn phase_out(ring: &[KeyRecord], now: OffsetDateTime, policy: &RotationPolicy) -> Vec<Change> {
    let due = |record: &KeyRecord| match record.state {
        KeyState::Active => Some(Change::Retire { kid: record.kid.clone() }),
        KeyState::Retired if now < policy.remove_at(record) => None,
        KeyState::Next | KeyState::Retired => Some(Change::Remove { kid: record.kid.clone() }),
        KeyState::Gone => None,
    };
    ring.iter().filter_map(due).collect()
}

/// The changes that rotate ahead of the plan. Ordered again before it took effect, it changes nothing more.
pub fn rotate_on_demand(
    ring: &[KeyRecord],
    now: OffsetDateTime,
    policy: &RotationPolicy,
    timing: Timing,
) -> Vec<Change> {
    let change = match (ring::active(ring), ring::next(ring), timing) {
        (None, None, Timing::AfterPublication | Timing::Now) => create_active(None),
        (None, Some(next), Timing::AfterPublication | Timing::Now) => activate(next, None),
        (Some(active), Some(next), Timing::Now) => activate(next, Some(active)),
        (Some(active), None, Timing::Now) => create_active(Some(active)),
        (Some(active), Some(next), Timing::AfterPublication) => {
            let known_everywhere_at = policy.known_everywhere_at(next);
            if now >= known_everywhere_at {
                activate(next, Some(active))
            } else if policy.activate_at(active, next) > known_everywhere_at {
                Change::Schedule { kid: next.kid.clone(), activate_at: known_everywhere_at }
            } else {
                return Vec::new();
            }
        }
        (Some(_), None, Timing::AfterPublication) => Change::Create {
            state: KeyState::Next,
            activate_at: Some(now.saturating_add(policy.cache())),
            retires: None,
        },
    };
    vec![change]
}

/// The changes of an emergency: the key is gone at once, and if it was the active one a fresh key replaces it.
///
/// Tokens signed by the key verify no more, except with verifiers whose cached JWK Set has not expired.
pub fn revoke(ring: &[KeyRecord], kid: &str) -> Vec<Change> {
    let Some(record) = ring.iter().find(|record| record.kid == kid) else { return Vec::new() };
    let remove = Change::Remove { kid: kid.to_owned() };
    match record.state {
        KeyState::Gone => Vec::new(),
        KeyState::Next | KeyState::Retired => vec![remove],
        KeyState::Active => vec![remove, create_active(None)],
    }
}

/// When [`plan`] has something to do next; not before now.
pub fn next_change(ring: &[KeyRecord], now: OffsetDateTime, policy: &RotationPolicy) -> OffsetDateTime {
    let Some(active) = ring::active(ring) else { return now };
    let succession = match ring::next(ring) {
        Some(next) => policy.activate_at(active, next),
        None => policy.publish_next_at(signing_since(active)),
    };
    ring.iter()
        .filter(|record| record.state == KeyState::Retired)
        .map(|record| policy.remove_at(record))
        .fold(succession, OffsetDateTime::min)
        .max(now)
}

/// The `max-age` of the JWK Set in seconds: until the next change, at most the policy's and an hour, at least 1.
pub fn cache_max_age(ring: &[KeyRecord], now: OffsetDateTime, policy: &RotationPolicy) -> u64 {
    let until_change = next_change(ring, now, policy) - now;
    let seconds = until_change.min(policy.cache()).min(LONGEST_CACHE).whole_seconds();
    u64::try_from(seconds).unwrap_or_default().max(1)
}

/// Carries out changes on a ring; `make` gives the identifier and algorithm of each key that is created.
pub fn apply(
    ring: &mut Vec<KeyRecord>,
    changes: &[Change],
    now: OffsetDateTime,
    policy: &RotationPolicy,
    mut make: impl FnMut() -> (String, Algorithm),
) {
    for change in changes {
        match change {
            Change::Create { state, activate_at, retires } => {
                retire(ring, retires.as_deref(), now, policy);
                let (kid, algorithm) = make();
                ring.push(match state {
                    KeyState::Active => KeyRecord::active(kid, algorithm, now),
                    KeyState::Next | KeyState::Retired | KeyState::Gone => {
                        KeyRecord::next(kid, algorithm, *activate_at, now)
                    }
                });
            }
            Change::Schedule { kid, activate_at } => {
                if let Some(record) = find(ring, kid) {
                    record.activate_at = Some(*activate_at);
                }
            }
            Change::Activate { kid, retires } => {
                retire(ring, retires.as_deref(), now, policy);
                if let Some(record) = find(ring, kid) {
                    record.activate(now);
                }
            }
            Change::Retire { kid } => retire(ring, Some(kid), now, policy),
            Change::Remove { kid } => {
                if let Some(record) = find(ring, kid) {
                    record.remove(now);
                }
            }
        }
    }
}

fn find<'a>(ring: &'a mut [KeyRecord], kid: &str) -> Option<&'a mut KeyRecord> {
    ring.iter_mut().find(|record| record.kid == kid)
}

fn retire(ring: &mut [KeyRecord], kid: Option<&str>, now: OffsetDateTime, policy: &RotationPolicy) {
    if let Some(record) = kid.and_then(|kid| find(ring, kid)) {
        record.retire(now, policy.retain());
    }
}

fn activate(next: &KeyRecord, active: Option<&KeyRecord>) -> Change {
    Change::Activate { kid: next.kid.clone(), retires: active.map(|active| active.kid.clone()) }
}

fn create_active(replaced: Option<&KeyRecord>) -> Change {
    Change::Create {
        state: KeyState::Active,
        activate_at: None,
        retires: replaced.map(|active| active.kid.clone()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn usual() -> RotationPolicy {
        RotationPolicy::new(Duration::HOUR, Duration::MINUTE)
    }

    /// A ring under test with the time that passes for it.
    struct Stage {
        ring: Vec<KeyRecord>,
        now: OffsetDateTime,
        policy: RotationPolicy,
        made: usize,
    }

    impl Stage {
        fn new(policy: RotationPolicy) -> Self {
            let mut stage = Self { ring: Vec::new(), now: START, policy, made: 0 };
            stage.run_plan();
            stage
        }

        fn carry_out(&mut self, changes: &[Change]) {
            let made = &mut self.made;
            apply(&mut self.ring, changes, self.now, &self.policy, || {
                *made += 1;
                (format!("k{made}"), Algorithm::Es256)
            });
        }

        fn run_plan(&mut self) -> Vec<Change> {
            let changes = plan(&self.ring, self.now, &self.policy);
            self.carry_out(&changes);
            changes
        }

        fn rotate(&mut self, timing: Timing) -> Vec<Change> {
            let changes = rotate_on_demand(&self.ring, self.now, &self.policy, timing);
            self.carry_out(&changes);
            changes
        }

        fn at(&mut self, now: OffsetDateTime) -> Vec<Change> {
            self.now = now;
            self.run_plan()
        }

        fn active(&self) -> &str {
            &ring::active(&self.ring).unwrap().kid
        }

        fn published(&self) -> Vec<String> {
            ring::published(&self.ring).into_iter().map(|record| record.kid.clone()).collect()
        }
    }

    #[test]
    fn an_empty_ring_gets_an_active_key() {
        let stage = Stage::new(usual());
        assert_eq!(stage.active(), "k1");
        assert_eq!(stage.published(), ["k1"]);
        assert!(plan(&stage.ring, START, &stage.policy).is_empty());
    }

    #[test]
    fn a_key_is_published_at_day_45_signs_at_day_90_and_leaves_after_the_last_token() {
        let mut stage = Stage::new(usual());
        assert!(stage.at(START + Duration::days(45) - Duration::SECOND).is_empty());
        stage.at(START + Duration::days(45));
        assert_eq!(stage.published(), ["k1", "k2"]);
        assert!(stage.at(START + Duration::days(90) - Duration::SECOND).is_empty());
        stage.at(START + Duration::days(90));
        assert_eq!((stage.active(), stage.published()), ("k2", vec!["k2".to_owned(), "k1".to_owned()]));
        let removal = START + Duration::days(90) + Duration::HOUR + Duration::MINUTE;
        assert_eq!(next_change(&stage.ring, stage.now, &stage.policy), removal);
        assert!(stage.at(removal - Duration::SECOND).is_empty());
        assert_eq!(stage.at(removal), [Change::Remove { kid: "k1".to_owned() }]);
        assert_eq!(stage.published(), ["k2"]);
    }

    #[test]
    fn sec_v1_a_late_plan_still_publishes_before_it_activates() {
        let mut stage = Stage::new(usual());
        stage.at(START + Duration::days(400));
        assert_eq!(stage.active(), "k1");
        assert!(stage.at(stage.now + Duration::HOUR - Duration::SECOND).is_empty());
        stage.at(stage.now + Duration::SECOND);
        assert_eq!(stage.active(), "k2");
    }

    #[test]
    fn rotation_on_demand_publishes_first_and_is_ordered_once() {
        let mut stage = Stage::new(usual());
        assert_eq!(stage.rotate(Timing::AfterPublication).len(), 1);
        assert_eq!(stage.published(), ["k1", "k2"]);
        assert!(stage.rotate(Timing::AfterPublication).is_empty());
        assert_eq!(next_change(&stage.ring, stage.now, &stage.policy), START + Duration::HOUR);
        assert!(stage.at(START + Duration::HOUR - Duration::SECOND).is_empty());
        stage.at(START + Duration::HOUR);
        assert_eq!(stage.active(), "k2");
    }

    #[test]
    fn rotation_on_demand_uses_the_key_that_is_already_published() {
        let mut stage = Stage::new(usual());
        stage.at(START + Duration::days(45));
        let known = stage.now + Duration::HOUR;
        assert_eq!(
            stage.rotate(Timing::AfterPublication),
            [Change::Schedule { kid: "k2".to_owned(), activate_at: known }]
        );
        assert!(stage.rotate(Timing::AfterPublication).is_empty());
        stage.at(known);
        assert_eq!(stage.active(), "k2");

        let mut long_known = Stage::new(usual());
        long_known.at(START + Duration::days(45));
        long_known.now += Duration::days(1);
        long_known.rotate(Timing::AfterPublication);
        assert_eq!(long_known.active(), "k2");
    }

    #[test]
    fn rotation_now_takes_effect_at_once_and_keeps_the_old_key_published() {
        let mut stage = Stage::new(usual());
        stage.rotate(Timing::Now);
        assert_eq!((stage.active(), stage.published()), ("k2", vec!["k2".to_owned(), "k1".to_owned()]));
    }

    #[test]
    fn sec_v4_a_revoked_key_is_gone_at_once() {
        let mut stage = Stage::new(usual());
        stage.at(START + Duration::days(45));
        stage.carry_out(&revoke(&stage.ring, "k1"));
        assert_eq!((stage.active(), stage.published()), ("k3", vec!["k3".to_owned(), "k2".to_owned()]));
        stage.carry_out(&revoke(&stage.ring, "k2"));
        assert_eq!(stage.published(), ["k3"]);
        assert!(revoke(&stage.ring, "k1").is_empty() && revoke(&stage.ring, "unknown").is_empty());
    }

    #[test]
    fn sec_v1_a_ring_that_is_used_no_more_is_published_for_its_last_tokens_and_then_gone() {
        let mut stage = Stage::new(usual());
        stage.rotate(Timing::Now);
        stage.at(START + Duration::minutes(30));
        stage.rotate(Timing::AfterPublication);
        assert_eq!(stage.published(), ["k2", "k3", "k1"]);
        let phase_out = |stage: &mut Stage, at: OffsetDateTime| {
            stage.now = at;
            let changes = phase_out(&stage.ring, at, &stage.policy);
            stage.carry_out(&changes);
            assert!(phase_out(&stage.ring, at, &stage.policy).is_empty());
            changes.len()
        };
        let stopped = stage.now;
        // The one that signed retires; the one that never did leaves; the one that had retired before waits.
        assert_eq!(phase_out(&mut stage, stopped), 2);
        assert!(ring::active(&stage.ring).is_none());
        assert_eq!(stage.published(), ["k2", "k1"]);
        let retain = Duration::HOUR + Duration::MINUTE;
        assert_eq!(phase_out(&mut stage, START + retain), 1);
        assert_eq!(stage.published(), ["k2"]);
        assert_eq!(phase_out(&mut stage, stopped + retain - Duration::SECOND), 0);
        assert_eq!(phase_out(&mut stage, stopped + retain), 1);
        assert!(stage.published().is_empty());
        // Taken into use again it begins anew.
        stage.run_plan();
        assert_eq!((stage.active(), stage.published()), ("k4", vec!["k4".to_owned()]));
    }

    #[test]
    fn the_cache_ends_with_the_next_change() {
        let mut stage = Stage::new(usual());
        let max_age = |stage: &Stage| cache_max_age(&stage.ring, stage.now, &stage.policy);
        assert_eq!(max_age(&stage), 3600);
        stage.now = START + Duration::days(45) - Duration::seconds(90);
        assert_eq!(max_age(&stage), 90);
        stage.now = START + Duration::days(45) - Duration::milliseconds(10);
        assert_eq!(max_age(&stage), 1);
        stage.now = START + Duration::days(60);
        assert_eq!(max_age(&stage), 1, "an overdue change");
        assert_eq!(cache_max_age(&[], START, &stage.policy), 1);
        stage.policy.jwks_cache = Duration::minutes(5);
        stage.run_plan();
        assert_eq!(max_age(&stage), 300);
    }

    #[derive(Debug, Clone)]
    enum Event {
        Pass(Duration),
        UntilNextChange,
        RunPlan,
        Rotate,
        RotateNow,
        Revoke(prop::sample::Index),
        Issue { lifetime_percent: u8 },
        Serve,
    }

    fn planned_event() -> impl Strategy<Value = Event> {
        prop_oneof![
            3 => (0_i64..4000).prop_map(|seconds| Event::Pass(Duration::seconds(seconds))),
            1 => (0_i64..5000).prop_map(|milliseconds| Event::Pass(Duration::milliseconds(milliseconds))),
            1 => (0_i64..60).prop_map(|days| Event::Pass(Duration::days(days))),
            4 => Just(Event::UntilNextChange),
            5 => Just(Event::RunPlan),
            1 => Just(Event::Rotate),
            4 => (0_u8..=100).prop_map(|lifetime_percent| Event::Issue { lifetime_percent }),
            4 => Just(Event::Serve),
        ]
    }

    fn any_event() -> impl Strategy<Value = Event> {
        prop_oneof![
            12 => planned_event(),
            1 => Just(Event::RotateNow),
            1 => any::<prop::sample::Index>().prop_map(Event::Revoke),
        ]
    }

    fn any_policy() -> impl Strategy<Value = RotationPolicy> {
        let days = || prop_oneof![Just(0), 0..=7200_i64, Just(45 * 86_400), Just(90 * 86_400)];
        (days(), days(), 0..=90_000_i64, 0..=7200_i64).prop_map(|(publish, activate, retain, cache)| {
            RotationPolicy {
                publish_next_after: Duration::seconds(publish),
                activate_after: Duration::seconds(activate),
                retain: Duration::seconds(retain),
                jwks_cache: Duration::seconds(cache),
            }
        })
    }

    struct Token {
        kid: String,
        exp: OffsetDateTime,
    }

    struct CachedCopy {
        kids: Vec<String>,
        fresh_until: OffsetDateTime,
    }

    /// Plays the events; checks after each that one key is active, that the plan is idempotent, and that every live token
    /// verifies with the JWK Set of the moment and, unless something was forced, with every fresh cached copy.
    fn play(policy: RotationPolicy, events: Vec<Event>) -> Result<(), TestCaseError> {
        let mut stage = Stage::new(policy);
        let (mut tokens, mut copies) = (Vec::<Token>::new(), Vec::<CachedCopy>::new());
        for event in events {
            let now = stage.now;
            match event {
                Event::Pass(duration) => stage.now += duration,
                Event::UntilNextChange => stage.now = next_change(&stage.ring, now, &policy),
                Event::RunPlan => {
                    let changes = stage.run_plan();
                    prop_assert_eq!(plan(&stage.ring, now, &policy), Vec::new(), "after {:?}", changes);
                    prop_assert!(next_change(&stage.ring, now, &policy) > now);
                }
                Event::Rotate => {
                    stage.rotate(Timing::AfterPublication);
                }
                // A copy cached before a forced change does not know the new key: verifiers fetch again.
                Event::RotateNow => {
                    stage.rotate(Timing::Now);
                    copies.clear();
                }
                Event::Revoke(index) => {
                    let kid = index.get(&stage.ring).kid.clone();
                    stage.carry_out(&revoke(&stage.ring, &kid));
                    tokens.retain(|token| token.kid != kid);
                    copies.clear();
                }
                Event::Issue { lifetime_percent } => {
                    let lifetime = policy.retain * f64::from(lifetime_percent) / 100.0;
                    tokens.push(Token { kid: stage.active().to_owned(), exp: now + lifetime });
                }
                Event::Serve => {
                    let max_age = cache_max_age(&stage.ring, now, &policy);
                    prop_assert!((1..=3600).contains(&max_age));
                    let fresh_until = now + std::time::Duration::from_secs(max_age);
                    copies.push(CachedCopy { kids: stage.published(), fresh_until });
                }
            }
            let now = stage.now;
            tokens.retain(|token| now < token.exp);
            copies.retain(|copy| now < copy.fresh_until);
            let active = stage.ring.iter().filter(|record| record.state == KeyState::Active).count();
            prop_assert_eq!(active, 1);
            prop_assert!(next_change(&stage.ring, now, &policy) >= now);
            prop_assert_eq!(
                plan(&stage.ring, now, &policy).is_empty(),
                next_change(&stage.ring, now, &policy) > now
            );
            let served = stage.published();
            for token in &tokens {
                prop_assert!(served.contains(&token.kid), "{} is not served", token.kid);
                for copy in &copies {
                    prop_assert!(copy.kids.contains(&token.kid), "{} is not in a cached copy", token.kid);
                }
            }
            // Whatever signs next does so from now on: a token issued this very moment must verify, too.
            for copy in &copies {
                prop_assert!(
                    copy.kids.iter().any(|kid| kid == stage.active()),
                    "the active key is not cached"
                );
            }
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn sec_v2_every_token_verifies_until_it_expires(
            policy in any_policy(),
            events in prop::collection::vec(planned_event(), 1..120),
        ) {
            play(policy, events)?;
        }

        #[test]
        fn sec_v2_forced_changes_leave_one_active_key_and_live_tokens_served(
            policy in any_policy(),
            events in prop::collection::vec(any_event(), 1..120),
        ) {
            play(policy, events)?;
        }
    }
}
