//! Durations in settings: a whole number and a unit, like `500ms`, `10s`, `15m`, `12h` or `90d`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer, de};

/// Units in milliseconds, the largest first.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

pub(super) fn parse(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (amount, unit) = text.split_at_checked(digits)?;
    let (_, milliseconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
    Some(Duration::from_millis(amount.parse::<u64>().ok()?.checked_mul(*milliseconds)?))
}

pub(super) fn format(duration: Duration) -> String {
    let total = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (unit, milliseconds) = UNITS
        .iter()
        .find(|(_, milliseconds)| total >= *milliseconds && total % milliseconds == 0)
        .unwrap_or(&("ms", 1));
    format!("{}{unit}", total / milliseconds)
}

pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*duration))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| {
        de::Error::custom(format!(
            "\"{text}\" is no duration: write a number and ms, s, m, h or d, like \"30s\""
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_in_the_largest_whole_unit() {
        for text in ["500ms", "10s", "15m", "12h", "90d", "0ms", "90s"] {
            assert_eq!(format(parse(text).unwrap()), text);
        }
        for bad in ["", "10", "s", "-1s", "1.5h", "1w", "99999999999999999999s", "18446744073709551615d", "é"]
        {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
