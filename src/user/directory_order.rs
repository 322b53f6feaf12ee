//! The order of a sorted list (Okta `sortBy`, `sortOrder`): by one attribute, then by id, so that pages never overlap however
//! many have the same value. Whoever has no value comes last, up or down.

use std::cmp::Ordering;

use serde_json::Value;

/// The characters of a text that are compared.
const COMPARED: usize = 100;

/// Up or down.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SortOrder {
    /// The least value first.
    #[default]
    Ascending,
    /// The greatest value first.
    Descending,
}

/// By which attribute, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sort {
    /// The attribute, as in a search.
    pub by: String,
    /// Up or down.
    pub order: SortOrder,
}

/// Where somebody stands in a sorted list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The value as a text whose order is the value's; absent: there is none.
    key: Option<String>,
    id: String,
}

impl Place {
    /// The place of somebody with this value.
    pub fn new(value: &Value, id: &str) -> Self {
        let key = match value {
            Value::Bool(value) => Some(format!("b{}", u8::from(*value))),
            Value::Number(number) => number.as_f64().map(|number| format!("n{:016x}", rank(number))),
            Value::String(text) if !text.is_empty() => {
                Some(format!("t{}", text.to_lowercase().chars().take(COMPARED).collect::<String>()))
            }
            Value::String(_) | Value::Null | Value::Array(_) | Value::Object(_) => None,
        };
        Self { key, id: id.to_owned() }
    }

    /// Who it is.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// As a cursor holds it.
    pub fn written(&self) -> String {
        format!("{}\n{}", self.id, self.key.as_deref().unwrap_or_default())
    }

    /// From what a cursor held.
    pub fn read(text: &str) -> Option<Self> {
        let (id, key) = text.split_once('\n')?;
        Some(Self { key: Some(key.to_owned()).filter(|key| !key.is_empty()), id: id.to_owned() })
    }

    /// Which of two comes first.
    pub fn compare(&self, other: &Self, order: SortOrder) -> Ordering {
        let by_value = match (&self.key, &other.key) {
            (Some(one), Some(other)) => match order {
                SortOrder::Ascending => one.cmp(other),
                SortOrder::Descending => other.cmp(one),
            },
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        by_value.then_with(|| self.id.cmp(&other.id))
    }
}

/// Bits whose order is that of the numbers (IEEE 754 §5.10).
fn rank(number: f64) -> u64 {
    // Zero has two signs and is one number.
    let bits = (number + 0.0).to_bits();
    if bits >> 63 == 0 { bits | (1 << 63) } else { !bits }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_come_in_their_order_and_those_without_one_last() {
        let sorted = |order| {
            let values = [
                json!("Brock"),
                json!("adams"),
                json!(null),
                json!("\u{e9}mile"),
                json!(""),
                json!("adams"),
                json!("Zoe"),
            ];
            let mut places: Vec<Place> =
                values.iter().enumerate().map(|(n, value)| Place::new(value, &n.to_string())).collect();
            places.sort_by(|one, other| one.compare(other, order));
            places.into_iter().map(|place| place.id).collect::<String>()
        };
        assert_eq!(sorted(SortOrder::Ascending), "1506324");
        assert_eq!(sorted(SortOrder::Descending), "3601524");
        let mut numbers = [7.0, -1.5, 0.0, 100.0, -20.0];
        numbers.sort_by(|one, other| {
            Place::new(&json!(one), "").compare(&Place::new(&json!(other), ""), SortOrder::Ascending)
        });
        assert_eq!(numbers, [-20.0, -1.5, 0.0, 7.0, 100.0]);
    }

    #[test]
    fn a_place_is_read_back() {
        for value in [json!("a\nb"), json!(null), json!(-3), json!("x".repeat(500))] {
            let place = Place::new(&value, "00u1");
            assert_eq!(Place::read(&place.written()), Some(place));
        }
        assert_eq!(Place::read("00u1"), None);
    }
}
