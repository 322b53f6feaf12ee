//! The value of a custom claim.

use serde_json::Value;

use super::{
    assemble::{ClaimsError, Facts},
    groups,
};
use crate::model::{
    Status,
    authorization_server::{Claim, ClaimValue},
};

/// Whether a claim is in use and one of its scopes was granted; without scopes every request brings it.
pub fn applies(claim: &Claim, facts: &Facts<'_>) -> bool {
    claim.status == Status::Active
        && (claim.scopes.is_empty() || claim.scopes.iter().any(|scope| facts.has_scope(scope)))
}

/// The value of a claim; absent: the claim is left out (no user, no such attribute, no group that passes).
///
/// # Errors
/// The groups are too many or their filter can't be used.
pub fn value(claim: &ClaimValue, facts: &Facts<'_>) -> Result<Option<Value>, ClaimsError> {
    let value = match claim {
        ClaimValue::Static(value) => Some(value.clone()),
        ClaimValue::Attribute(name) => attribute(name, facts),
        ClaimValue::Groups { filter, value } => match facts.user {
            Some(_) => Some(groups::matching(facts.groups, *filter, value)?.into()),
            None => None,
        },
    };
    Ok(value.filter(has_content))
}

fn attribute(name: &str, facts: &Facts<'_>) -> Option<Value> {
    let user = facts.user?;
    if name == "login" { Some(user.login.clone().into()) } else { user.profile.value(name).cloned() }
}

/// Claims are never null and never empty (OpenID Connect Core §5.3.2).
fn has_content(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}
