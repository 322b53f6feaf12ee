//! `NumericDate` (RFC 7519 §2): seconds of the Unix epoch in a JWT of somebody else.

use serde_json::Value;
use time::OffsetDateTime;

/// Reads one; some encoders write whole seconds as `1.8e9`.
pub fn numeric_date(value: &Value) -> Option<OffsetDateTime> {
    value
        .as_i64()
        .or_else(|| value.as_f64().filter(|at| at.fract() == 0.0 && at.abs() < 1e15).and_then(whole))
        .and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok())
}

fn whole(at: f64) -> Option<i64> {
    format!("{at:.0}").parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whole_seconds_are_dates_and_nothing_else() {
        for value in [json!(1_800_000_000), json!(1.8e9)] {
            assert_eq!(numeric_date(&value).unwrap().unix_timestamp(), 1_800_000_000);
        }
        for value in [json!("1800000000"), json!(1.5), json!(1e300), json!(null), json!(u64::MAX)] {
            assert_eq!(numeric_date(&value), None, "{value}");
        }
    }
}
