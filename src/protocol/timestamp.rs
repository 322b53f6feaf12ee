//! Times in Okta's documents: ISO 8601 in UTC with milliseconds.

use time::{
    OffsetDateTime, UtcOffset,
    format_description::{BorrowedFormatItem, well_known::Rfc3339},
    macros::format_description,
};

const FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

const HTTP_DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// A time as Okta writes it, like `2013-06-24T16:39:18.000Z`.
pub fn timestamp(at: OffsetDateTime) -> String {
    at.to_offset(UtcOffset::UTC).format(FORMAT).unwrap_or_default()
}

/// A time as HTTP has it, like `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
pub fn http_date(at: OffsetDateTime) -> String {
    at.to_offset(UtcOffset::UTC).format(HTTP_DATE).unwrap_or_default()
}

/// Reads a time as clients write it: RFC 3339, with or without a fraction; a date alone is its midnight in UTC.
pub fn parse(text: &str) -> Option<OffsetDateTime> {
    if text.len() > 40 {
        return None;
    }
    if text.len() == 10 {
        return OffsetDateTime::parse(&format!("{text}T00:00:00Z"), &Rfc3339).ok();
    }
    OffsetDateTime::parse(text, &Rfc3339).ok().map(|at| at.to_offset(UtcOffset::UTC))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn times_have_milliseconds_and_end_in_z() {
        let at = datetime!(2026-01-02 03:04:05.006 +01:00);
        assert_eq!(timestamp(at), "2026-01-02T02:04:05.006Z");
        assert_eq!(parse("2026-01-02T02:04:05.006Z"), Some(at.to_offset(UtcOffset::UTC)));
    }

    #[test]
    fn times_of_clients_are_read_and_refused() {
        assert_eq!(parse("2026-01-02"), Some(datetime!(2026-01-02 00:00 UTC)));
        assert_eq!(parse("2026-01-02T03:00:00+01:00"), Some(datetime!(2026-01-02 02:00 UTC)));
        for bad in ["", "yesterday", "2026-13-01", "2026-01-02 03:00", "2026-01-02T03:00:00", "-1"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
