//! Policies about signing in, each kind with its own settings and actions.

use std::collections::HashMap;

use entity::{policy, policy_mapping, policy_rule};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Database,
    db::Tx,
    instant, millis,
    server::{to_word, word},
    zone,
};
use crate::{
    fault::Fault,
    id::{ClientId, GroupId, PolicyId, RuleId},
    model::policy_set::{Policy, PolicyKind, PolicySet, Rule},
};

fn rule_model<A: DeserializeOwned>(row: &policy_rule::Model) -> Result<Rule<A>, Fault> {
    Ok(Rule {
        id: RuleId::new(row.id.as_str()),
        name: row.name.clone(),
        priority: row.priority,
        status: word(&row.status)?,
        conditions: serde_json::from_str(&row.conditions)?,
        action: serde_json::from_str(&row.actions)?,
    })
}

fn policy_model<S: DeserializeOwned, A: DeserializeOwned>(
    row: &policy::Model,
    rules: &[policy_rule::Model],
) -> Result<Policy<S, A>, Fault> {
    let groups: Vec<String> = serde_json::from_str(&row.group_ids)?;
    let rules =
        rules.iter().filter(|rule| rule.policy_id == row.id).map(rule_model).collect::<Result<_, _>>()?;
    Ok(Policy {
        id: PolicyId::new(row.id.as_str()),
        name: row.name.clone(),
        description: row.description.clone(),
        priority: row.priority,
        status: word(&row.status)?,
        groups: groups.into_iter().map(GroupId::new).collect(),
        settings: serde_json::from_str(&row.settings)?,
        rules,
        updated_at: instant(row.updated_at)?,
    })
}

/// Everything that policies about signing in are made of. Of equal priorities the name decides.
///
/// # Errors
/// The database failed.
pub async fn load(db: &Database) -> Result<PolicySet, Fault> {
    let connection = db.reader();
    let policies = policy::Entity::find()
        .order_by_asc(policy::Column::Priority)
        .order_by_asc(policy::Column::Name)
        .all(connection)
        .await?;
    let zones = zone::list(db).await?;
    if policies.is_empty() {
        return Ok(PolicySet { zones, ..PolicySet::default() });
    }
    let rules = policy_rule::Entity::find()
        .order_by_asc(policy_rule::Column::Priority)
        .order_by_asc(policy_rule::Column::Name)
        .all(connection)
        .await?;
    let mappings = policy_mapping::Entity::find().all(connection).await?;
    Ok(PolicySet {
        zones,
        global_session: of_kind(PolicyKind::OktaSignOn, &policies, &rules)?,
        authentication: of_kind(PolicyKind::AccessPolicy, &policies, &rules)?,
        mappings: mappings
            .into_iter()
            .map(|row| (ClientId::new(row.client_id), PolicyId::new(row.policy_id)))
            .collect::<HashMap<_, _>>(),
        mfa_enroll: of_kind(PolicyKind::MfaEnroll, &policies, &rules)?,
        password: of_kind(PolicyKind::Password, &policies, &rules)?,
    })
}

fn of_kind<S: DeserializeOwned, A: DeserializeOwned>(
    kind: PolicyKind,
    policies: &[policy::Model],
    rules: &[policy_rule::Model],
) -> Result<Vec<Policy<S, A>>, Fault> {
    policies.iter().filter(|row| row.kind == kind.as_str()).map(|row| policy_model(row, rules)).collect()
}

/// Finds a policy of a kind by its name, inside a transaction.
///
/// # Errors
/// The database failed.
pub async fn find_by_name_in<S: DeserializeOwned, A: DeserializeOwned>(
    tx: &Tx,
    kind: PolicyKind,
    name: &str,
) -> Result<Option<Policy<S, A>>, Fault> {
    let row = policy::Entity::find()
        .filter(policy::Column::Kind.eq(kind.as_str()))
        .filter(policy::Column::Name.eq(name))
        .one(&tx.0)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let rules = policy_rule::Entity::find()
        .filter(policy_rule::Column::PolicyId.eq(&row.id))
        .order_by_asc(policy_rule::Column::Priority)
        .order_by_asc(policy_rule::Column::Name)
        .all(&tx.0)
        .await?;
    policy_model(&row, &rules).map(Some)
}

/// Inserts a policy with its rules, or replaces the one of that id with all its rules.
///
/// # Errors
/// The name is another policy's, or the database failed.
pub async fn upsert<S: Serialize, A: Serialize>(
    tx: &Tx,
    kind: PolicyKind,
    new: &Policy<S, A>,
) -> Result<(), Fault> {
    let known = policy::Entity::find_by_id(new.id.as_str()).one(&tx.0).await?;
    let updated_at = millis(new.updated_at);
    let row = policy::Model {
        id: new.id.to_string(),
        kind: kind.as_str().to_owned(),
        name: new.name.clone(),
        description: new.description.clone(),
        priority: new.priority,
        status: to_word(&new.status)?,
        group_ids: serde_json::to_string(&new.groups)?,
        settings: serde_json::to_string(&new.settings)?,
        created_at: known.as_ref().map_or(updated_at, |known| known.created_at),
        updated_at,
    }
    .into_active_model();
    if known.is_some() {
        row.reset_all().update(&tx.0).await?;
    } else {
        row.insert(&tx.0).await?;
    }
    replace_rules(&tx.0, new).await
}

async fn replace_rules<S, A: Serialize>(
    connection: &impl ConnectionTrait,
    policy: &Policy<S, A>,
) -> Result<(), Fault> {
    policy_rule::Entity::delete_many()
        .filter(policy_rule::Column::PolicyId.eq(policy.id.as_str()))
        .exec(connection)
        .await?;
    for rule in &policy.rules {
        policy_rule::Model {
            id: rule.id.to_string(),
            policy_id: policy.id.to_string(),
            name: rule.name.clone(),
            priority: rule.priority,
            status: to_word(&rule.status)?,
            conditions: serde_json::to_string(&rule.conditions)?,
            actions: serde_json::to_string(&rule.action)?,
        }
        .into_active_model()
        .insert(connection)
        .await?;
    }
    Ok(())
}

/// Maps exactly these applications to an authentication policy; each has one.
///
/// # Errors
/// The database failed.
pub async fn set_mappings(tx: &Tx, policy: &PolicyId, clients: &[ClientId]) -> Result<(), Fault> {
    policy_mapping::Entity::delete_many()
        .filter(policy_mapping::Column::PolicyId.eq(policy.as_str()))
        .exec(&tx.0)
        .await?;
    for client in clients {
        policy_mapping::Entity::delete_by_id(client.as_str()).exec(&tx.0).await?;
        policy_mapping::Model { client_id: client.to_string(), policy_id: policy.to_string() }
            .into_active_model()
            .insert(&tx.0)
            .await?;
    }
    Ok(())
}
