//! Writes policies about signing in. One that says what it said before is left as it is: what remembered browsers are bound
//! to does not change by applying a file again.

use serde::{Serialize, de::DeserializeOwned};

use super::Apply;
use crate::{
    id::{PolicyId, RuleId, ZoneId},
    model::{
        policy_set::{Conditions, NetworkCondition, Policy, PolicyKind, Rule},
        zone::Zone,
    },
    seed::{
        SeedError,
        document::Reference,
        read::sign_on_policy::{self as policy, Policies},
    },
    store,
};

impl Apply<'_> {
    pub(super) async fn policies(&self, wanted: &Policies) -> Result<(), SeedError> {
        for zone in &wanted.zones {
            self.zone(zone).await?;
        }
        for policy in &wanted.global_session {
            self.sign_on_policy(PolicyKind::OktaSignOn, policy).await?;
        }
        for policy in &wanted.authentication {
            let id = self.sign_on_policy(PolicyKind::AccessPolicy, policy).await?;
            let clients = self.client_ids(&policy.clients).await?;
            store::policy::set_mappings(&self.tx, &id, &clients).await?;
        }
        for policy in &wanted.mfa_enroll {
            self.sign_on_policy(PolicyKind::MfaEnroll, policy).await?;
        }
        for policy in &wanted.password {
            self.sign_on_policy(PolicyKind::Password, policy).await?;
        }
        Ok(())
    }

    async fn zone(&self, wanted: &policy::Zone) -> Result<(), SeedError> {
        let known = store::zone::find_by_name_in(&self.tx, &wanted.name).await?;
        let zone = Zone {
            id: known.map_or_else(|| ZoneId::generate(self.app.random.as_ref()), |known| known.id),
            name: wanted.name.clone(),
            status: wanted.status,
            gateways: wanted.gateways.clone(),
        };
        Ok(store::zone::upsert(&self.tx, &zone).await?)
    }

    async fn sign_on_policy<S, A>(
        &self,
        kind: PolicyKind,
        wanted: &policy::Policy<S, A>,
    ) -> Result<PolicyId, SeedError>
    where
        S: Clone + PartialEq + Serialize + DeserializeOwned,
        A: Copy + PartialEq + Serialize + DeserializeOwned,
    {
        let random = self.app.random.as_ref();
        let known: Option<Policy<S, A>> =
            store::policy::find_by_name_in(&self.tx, kind, &wanted.name).await?;
        let known_rules = known.as_ref().map(|known| known.rules.as_slice()).unwrap_or_default();
        let mut rules = Vec::with_capacity(wanted.rules.len());
        for rule in &wanted.rules {
            let known = known_rules.iter().find(|known| known.name == rule.name);
            rules.push(Rule {
                id: known.map_or_else(|| RuleId::generate(random), |known| known.id.clone()),
                name: rule.name.clone(),
                priority: rule.priority,
                status: rule.status,
                conditions: Conditions {
                    people: self.people(&rule.people).await?,
                    network: NetworkCondition {
                        include: self.zone_ids(&rule.include).await?,
                        exclude: self.zone_ids(&rule.exclude).await?,
                    },
                },
                action: rule.action,
            });
        }
        rules.sort_by(|a, b| (a.priority, &a.name).cmp(&(b.priority, &b.name)));
        let mut new = Policy {
            id: known.as_ref().map_or_else(|| PolicyId::generate(random), |known| known.id.clone()),
            name: wanted.name.clone(),
            description: wanted.description.clone(),
            priority: wanted.priority,
            status: wanted.status,
            groups: self.group_ids(&wanted.groups).await?,
            settings: wanted.settings.clone(),
            rules,
            updated_at: known.as_ref().map_or(self.now, |known| known.updated_at),
        };
        if known.as_ref() != Some(&new) {
            new.updated_at = self.now;
            store::policy::upsert(&self.tx, kind, &new).await?;
        }
        Ok(new.id)
    }

    async fn zone_ids(&self, names: &[Reference]) -> Result<Vec<ZoneId>, SeedError> {
        let mut ids = Vec::with_capacity(names.len());
        for name in names {
            let zone = store::zone::find_by_name_in(&self.tx, &name.name).await?;
            let unknown = || name.spot.error(format!("there is no network zone \"{}\"", name.name));
            ids.push(zone.ok_or_else(unknown)?.id);
        }
        Ok(ids)
    }
}
