//! `sms`: a code by text message.

use serde_json::{Map, Value};

use super::{FactorError, phone};
use crate::{message::Destination, model::factor::Factor};

/// The profile of a new factor. Without a number, the one that is `known` of the user already.
///
/// # Errors
/// There is no usable number.
pub fn profile(given: &Map<String, Value>, known: Option<&str>) -> Result<Map<String, Value>, FactorError> {
    let number = match given.get("phoneNumber") {
        Some(Value::String(number)) => phone::parse(number)?,
        Some(Value::Null) | None => phone::parse(known.unwrap_or_default())?,
        Some(_) => return Err(FactorError::PhoneNumber),
    };
    Ok(Map::from_iter([("phoneNumber".to_owned(), Value::from(number))]))
}

/// Where its codes go.
pub fn destination(factor: &Factor) -> Option<Destination> {
    Some(Destination::Sms(factor.profile_text("phoneNumber")?.to_owned()))
}
