//! `email`: a code, or a link, by mail to an address of the user.

use serde_json::{Map, Value};

use super::FactorError;
use crate::{
    message::Destination,
    model::{factor::Factor, user::User},
};

/// The longest address (Okta).
const MAX_ADDRESS: usize = 100;

/// The profile of a new factor: the primary address, or one of the user's two that the caller names.
///
/// # Errors
/// It is not an address of the user, or one that is known not to be verified.
pub fn profile(given: &Map<String, Value>, user: &User) -> Result<Map<String, Value>, FactorError> {
    let refuse = |problem: &str| Err(FactorError::Invalid { member: "email", problem: problem.to_owned() });
    let primary = user.profile.text("email");
    let own = [primary, user.profile.text("secondEmail")];
    let asked = match given.get("email") {
        Some(Value::String(email)) => Some(email.trim()),
        Some(Value::Null) | None => primary,
        Some(_) => return refuse("must be text"),
    };
    let Some(asked) = asked.filter(|asked| (3..=MAX_ADDRESS).contains(&asked.len())) else {
        return refuse("must be an address of 100 characters at most");
    };
    let Some(address) = own.into_iter().flatten().find(|address| address.eq_ignore_ascii_case(asked)) else {
        return refuse("must be the user's verified primary or secondary address");
    };
    let unverified = user.profile.value("emailVerified") == Some(&Value::Bool(false));
    if unverified && primary == Some(address) {
        return refuse("must be the user's verified primary or secondary address");
    }
    Ok(Map::from_iter([("email".to_owned(), Value::from(address))]))
}

/// Where its codes go.
pub fn destination(factor: &Factor) -> Option<Destination> {
    Some(Destination::Email(factor.profile_text("email")?.to_owned()))
}
