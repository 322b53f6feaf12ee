//! Authorization servers with their scopes, claims and access policies.

use entity::{access_policy, access_policy_rule, authorization_server, claim, scope};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
};
use serde::{Serialize, de::DeserializeOwned};

use super::{Database, db::Tx, instant, millis};
use crate::{
    fault::Fault,
    id::{AuthorizationServerId, ClaimId, ClientId, PolicyId, RuleId, ScopeId},
    model::{
        Status,
        authorization_server::{
            AccessPolicy, AccessRule, AuthorizationServer, Claim, ClaimValue, PolicyClients, Scope,
            ServerConfig,
        },
    },
};

/// Reads one of our unit enums from the word that serde writes for it.
pub(super) fn word<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    Ok(serde_json::from_value(serde_json::Value::String(text.to_owned()))?)
}

/// The word that serde writes for one of our unit enums.
pub(super) fn to_word<T: Serialize>(value: &T) -> Result<String, Fault> {
    match serde_json::to_value(value)? {
        serde_json::Value::String(text) => Ok(text),
        _ => Err(Fault::stored("an enum that is not one word")),
    }
}

fn server_model(row: authorization_server::Model) -> Result<AuthorizationServer, Fault> {
    Ok(AuthorizationServer {
        id: AuthorizationServerId::new(row.id),
        name: row.name,
        description: row.description,
        audience: row.audience,
        status: word(&row.status)?,
        access_token_profile: word(&row.access_token_profile)?,
        settings: serde_json::from_str(&row.settings)?,
        not_before: instant(row.not_before)?,
        created_at: instant(row.created_at)?,
        updated_at: instant(row.updated_at)?,
    })
}

fn scope_model(row: scope::Model) -> Result<Scope, Fault> {
    Ok(Scope {
        id: ScopeId::new(row.id),
        name: row.name,
        display_name: row.display_name,
        description: row.description,
        consent: word(&row.consent)?,
        optional: row.optional,
        default: row.is_default,
        published: row.metadata_publish == "ALL_CLIENTS",
        system: row.system,
        sensitive: row.sensitive,
    })
}

fn claim_model(row: claim::Model) -> Result<Claim, Fault> {
    Ok(Claim {
        id: ClaimId::new(row.id),
        name: row.name,
        claim_type: word(&row.claim_type)?,
        value: match (row.value_type.as_str(), row.group_filter_type) {
            ("STATIC", None) => ClaimValue::Static(serde_json::from_str(&row.value)?),
            ("ATTRIBUTE", None) => ClaimValue::Attribute(row.value),
            ("GROUPS", Some(filter)) => ClaimValue::Groups { filter: word(&filter)?, value: row.value },
            _ => return Err(Fault::stored("claim.value_type")),
        },
        always_include: row.always_include,
        scopes: serde_json::from_str(&row.scopes)?,
        status: word(&row.status)?,
    })
}

fn rule_model(row: &access_policy_rule::Model) -> Result<AccessRule, Fault> {
    Ok(AccessRule {
        id: RuleId::new(row.id.clone()),
        name: row.name.clone(),
        priority: row.priority,
        status: word(&row.status)?,
        conditions: serde_json::from_str(&row.conditions)?,
        lifetimes: serde_json::from_str(&row.actions)?,
    })
}

const ALL_CLIENTS: &str = "ALL_CLIENTS";

fn policy_model(
    row: access_policy::Model,
    rules: &[access_policy_rule::Model],
) -> Result<AccessPolicy, Fault> {
    let clients: Vec<String> = serde_json::from_str(&row.clients)?;
    Ok(AccessPolicy {
        rules: rules
            .iter()
            .filter(|rule| rule.policy_id == row.id)
            .map(rule_model)
            .collect::<Result<_, _>>()?,
        id: PolicyId::new(row.id),
        name: row.name,
        priority: row.priority,
        status: word(&row.status)?,
        clients: if clients.iter().any(|client| client == ALL_CLIENTS) {
            PolicyClients::All
        } else {
            PolicyClients::Only(clients.into_iter().map(ClientId::new).collect())
        },
    })
}

async fn config_on(
    connection: &impl ConnectionTrait,
    id: &AuthorizationServerId,
) -> Result<Option<ServerConfig>, Fault> {
    let id = id.as_str();
    let Some(server) = authorization_server::Entity::find_by_id(id).one(connection).await? else {
        return Ok(None);
    };
    let scopes = scope::Entity::find()
        .filter(scope::Column::ServerId.eq(id))
        .order_by_asc(scope::Column::Name)
        .all(connection)
        .await?;
    let claims = claim::Entity::find()
        .filter(claim::Column::ServerId.eq(id))
        .order_by_asc(claim::Column::Name)
        .all(connection)
        .await?;
    let policies = access_policy::Entity::find()
        .filter(access_policy::Column::ServerId.eq(id))
        .order_by_asc(access_policy::Column::Priority)
        .all(connection)
        .await?;
    let rules = access_policy_rule::Entity::find()
        .filter(access_policy_rule::Column::PolicyId.is_in(policies.iter().map(|policy| policy.id.as_str())))
        .order_by_asc(access_policy_rule::Column::Priority)
        .all(connection)
        .await?;
    Ok(Some(ServerConfig {
        server: server_model(server)?,
        scopes: scopes.into_iter().map(scope_model).collect::<Result<_, _>>()?,
        claims: claims.into_iter().map(claim_model).collect::<Result<_, _>>()?,
        policies: policies
            .into_iter()
            .map(|policy| policy_model(policy, &rules))
            .collect::<Result<_, _>>()?,
    }))
}

/// Finds an authorization server with everything that is configured under it.
///
/// # Errors
/// The database failed.
pub async fn find(db: &Database, id: &AuthorizationServerId) -> Result<Option<ServerConfig>, Fault> {
    config_on(db.reader(), id).await
}

/// Finds an authorization server inside a transaction.
///
/// # Errors
/// The database failed.
pub async fn find_in(tx: &Tx, id: &AuthorizationServerId) -> Result<Option<ServerConfig>, Fault> {
    config_on(&tx.0, id).await
}

/// All authorization servers, by id.
///
/// # Errors
/// The database failed.
pub async fn list(db: &Database) -> Result<Vec<AuthorizationServer>, Fault> {
    let rows = authorization_server::Entity::find()
        .order_by_asc(authorization_server::Column::Id)
        .all(db.reader())
        .await?;
    rows.into_iter().map(server_model).collect()
}

fn server_row(server: &AuthorizationServer) -> Result<authorization_server::Model, Fault> {
    Ok(authorization_server::Model {
        id: server.id.to_string(),
        name: server.name.clone(),
        description: server.description.clone(),
        audience: server.audience.clone(),
        status: to_word(&server.status)?,
        access_token_profile: to_word(&server.access_token_profile)?,
        settings: serde_json::to_string(&server.settings)?,
        not_before: millis(server.not_before),
        created_at: millis(server.created_at),
        updated_at: millis(server.updated_at),
    })
}

/// Inserts an authorization server alone.
///
/// # Errors
/// The id or name is taken, or the database failed.
pub async fn insert(tx: &Tx, server: &AuthorizationServer) -> Result<(), Fault> {
    server_row(server)?.into_active_model().insert(&tx.0).await?;
    Ok(())
}

/// Replaces what is stored of an authorization server itself.
///
/// # Errors
/// The database failed.
pub async fn update(tx: &Tx, server: &AuthorizationServer) -> Result<(), Fault> {
    server_row(server)?.into_active_model().reset_all().update(&tx.0).await?;
    Ok(())
}

/// Inserts a scope, or replaces the one of that name.
///
/// # Errors
/// The database failed.
pub async fn upsert_scope(tx: &Tx, server: &AuthorizationServerId, new: &Scope) -> Result<(), Fault> {
    let existing = scope::Entity::find()
        .filter(scope::Column::ServerId.eq(server.as_str()))
        .filter(scope::Column::Name.eq(&new.name))
        .one(&tx.0)
        .await?;
    let known = existing.is_some();
    let row = scope::Model {
        id: existing.map_or_else(|| new.id.to_string(), |row| row.id),
        server_id: server.to_string(),
        name: new.name.clone(),
        display_name: new.display_name.clone(),
        description: new.description.clone(),
        consent: to_word(&new.consent)?,
        optional: new.optional,
        is_default: new.default,
        metadata_publish: if new.published { "ALL_CLIENTS" } else { "NO_CLIENTS" }.to_owned(),
        system: new.system,
        sensitive: new.sensitive,
    }
    .into_active_model();
    if known {
        row.reset_all().update(&tx.0).await?;
    } else {
        row.insert(&tx.0).await?;
    }
    Ok(())
}

/// Inserts a claim, or replaces the one of that name and type.
///
/// # Errors
/// The database failed.
pub async fn upsert_claim(tx: &Tx, server: &AuthorizationServerId, new: &Claim) -> Result<(), Fault> {
    let claim_type = to_word(&new.claim_type)?;
    let existing = claim::Entity::find()
        .filter(claim::Column::ServerId.eq(server.as_str()))
        .filter(claim::Column::Name.eq(&new.name))
        .filter(claim::Column::ClaimType.eq(&claim_type))
        .one(&tx.0)
        .await?;
    let known = existing.is_some();
    let (value_type, value, group_filter_type) = match &new.value {
        ClaimValue::Static(value) => ("STATIC", serde_json::to_string(value)?, None),
        ClaimValue::Attribute(name) => ("ATTRIBUTE", name.clone(), None),
        ClaimValue::Groups { filter, value } => ("GROUPS", value.clone(), Some(to_word(filter)?)),
    };
    let row = claim::Model {
        id: existing.map_or_else(|| new.id.to_string(), |row| row.id),
        server_id: server.to_string(),
        name: new.name.clone(),
        claim_type,
        value_type: value_type.to_owned(),
        value,
        group_filter_type,
        always_include: new.always_include,
        scopes: serde_json::to_string(&new.scopes)?,
        status: to_word(&new.status)?,
    }
    .into_active_model();
    if known {
        row.reset_all().update(&tx.0).await?;
    } else {
        row.insert(&tx.0).await?;
    }
    Ok(())
}

/// Inserts a policy with its rules, or replaces the one of that name and all its rules.
///
/// # Errors
/// The database failed.
pub async fn upsert_policy(tx: &Tx, server: &AuthorizationServerId, new: &AccessPolicy) -> Result<(), Fault> {
    access_policy::Entity::delete_many()
        .filter(access_policy::Column::ServerId.eq(server.as_str()))
        .filter(access_policy::Column::Name.eq(&new.name))
        .exec(&tx.0)
        .await?;
    let clients = match &new.clients {
        PolicyClients::All => vec![ALL_CLIENTS],
        PolicyClients::Only(ids) => ids.iter().map(ClientId::as_str).collect(),
    };
    access_policy::Model {
        id: new.id.to_string(),
        server_id: server.to_string(),
        name: new.name.clone(),
        description: String::new(),
        priority: new.priority,
        status: to_word(&new.status)?,
        clients: serde_json::to_string(&clients)?,
    }
    .into_active_model()
    .insert(&tx.0)
    .await?;
    for rule in &new.rules {
        access_policy_rule::Model {
            id: rule.id.to_string(),
            policy_id: new.id.to_string(),
            name: rule.name.clone(),
            priority: rule.priority,
            status: to_word(&rule.status)?,
            conditions: serde_json::to_string(&rule.conditions)?,
            actions: serde_json::to_string(&rule.lifetimes)?,
        }
        .into_active_model()
        .insert(&tx.0)
        .await?;
    }
    Ok(())
}

/// Whether the server is in use.
pub fn is_active(server: &AuthorizationServer) -> bool {
    server.status == Status::Active
}
