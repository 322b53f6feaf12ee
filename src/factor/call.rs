//! `call`: a code that a voice reads out.

use serde_json::{Map, Value};

use super::{FactorError, phone, sms};
use crate::{message::Destination, model::factor::Factor};

/// The profile of a new factor. Without a number, the one that is `known` of the user already.
///
/// # Errors
/// There is no usable number, or the extension is none.
pub fn profile(given: &Map<String, Value>, known: Option<&str>) -> Result<Map<String, Value>, FactorError> {
    let mut profile = sms::profile(given, known)?;
    match given.get("phoneExtension") {
        Some(Value::String(extension)) if !extension.is_empty() => {
            profile.insert("phoneExtension".to_owned(), Value::from(phone::parse_extension(extension)?));
        }
        Some(Value::String(_) | Value::Null) | None => {}
        Some(_) => return Err(FactorError::PhoneExtension),
    }
    Ok(profile)
}

/// Where its codes are read out.
pub fn destination(factor: &Factor) -> Option<Destination> {
    Some(Destination::Call {
        number: factor.profile_text("phoneNumber")?.to_owned(),
        extension: factor.profile_text("phoneExtension").map(ToOwned::to_owned),
    })
}
