//! JSON objects as JOSE wants them: a repeated member is an error, not a choice (RFC 7515 §4, RFC 7519 §4),
//! and nesting is bounded.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::KeyError;

/// Parses an object in which no object at any depth repeats a member and nesting is at most `max_depth`
/// levels, the object itself being the first.
///
/// # Errors
/// [`KeyError::Malformed`] when it is not such an object or something follows it.
pub fn object(text: &[u8], max_depth: usize) -> Result<Map<String, Value>, KeyError> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = Strict { levels_left: max_depth }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|_| KeyError::Malformed("JSON syntax, a repeated member or too deep nesting"))?;
    match value {
        Value::Object(members) => Ok(members),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(KeyError::Malformed("not a JSON object"))
        }
    }
}

#[derive(Clone, Copy)]
struct Strict {
    levels_left: usize,
}

impl Strict {
    fn inner<E: Error>(self) -> Result<Self, E> {
        let levels_left = self.levels_left.checked_sub(1).ok_or_else(|| E::custom("nested too deeply"))?;
        Ok(Self { levels_left })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(inner)? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom("repeated member"));
            }
            let value = members.next_value_seed(inner)?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_object_is_read_as_it_stands() {
        let text = r#"{"a":[1,-2,2.5,true,null,"x\u0041"],"b":{"a":{}}}"#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(Value::Object(object(text.as_bytes(), 32).unwrap()), expected);
    }

    #[test]
    fn a_member_repeated_at_any_depth_is_refused() {
        for text in [
            r#"{"sub":"a","sub":"b"}"#,
            r#"{"a":{"b":1,"b":1}}"#,
            r#"{"a":[0,{"b":1,"b":2}]}"#,
            r#"{"sub":"a","s\u0075b":"b"}"#,
        ] {
            assert!(object(text.as_bytes(), 32).is_err(), "{text}");
        }
    }

    #[test]
    fn nesting_is_counted_from_the_object_itself() {
        let nested = |levels: usize| {
            let inner = levels - 1;
            format!("{{\"a\":{}{}}}", "[".repeat(inner), "]".repeat(inner))
        };
        assert!(object(nested(2).as_bytes(), 32).is_ok());
        assert!(object(nested(32).as_bytes(), 32).is_ok());
        assert!(object(nested(33).as_bytes(), 32).is_err());
        assert!(object(nested(100_000).as_bytes(), 32).is_err());
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        for text in
            ["", "[]", "1", "null", "{} {}", "{}x", "{", r#"{"a":1e999}"#, r#"{"a":NaN}"#, "\u{feff}{}"]
        {
            assert!(object(text.as_bytes(), 32).is_err(), "{text}");
        }
        assert!(object(b"{\"a\":\"\xff\"}", 32).is_err());
    }
}
