//! Phone numbers (ITU-T E.164): written in one way, so that one phone is one phone.

use super::FactorError;

/// The longest text that is read as a number.
const MAX_TEXT: usize = 40;
/// The longest extension (Okta).
const MAX_EXTENSION: usize = 15;

/// Reads an international number; blanks, hyphens, dots and parentheses are left out.
///
/// # Errors
/// It is none: a plus sign and 7 to 15 digits, of which the first is not 0.
pub fn parse(text: &str) -> Result<String, FactorError> {
    let text = text.trim();
    let rest = text.strip_prefix('+').ok_or(FactorError::PhoneNumber)?;
    if text.len() > MAX_TEXT || !rest.bytes().all(|byte| byte.is_ascii_digit() || b" -().".contains(&byte)) {
        return Err(FactorError::PhoneNumber);
    }
    let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
    if !(7..=15).contains(&digits.len()) || digits.starts_with('0') {
        return Err(FactorError::PhoneNumber);
    }
    Ok(format!("+{digits}"))
}

/// Reads an extension: digits, and commas that mean a pause.
///
/// # Errors
/// It is none.
pub fn parse_extension(text: &str) -> Result<String, FactorError> {
    let text = text.trim();
    let fits = (1..=MAX_EXTENSION).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit() || b",*#".contains(&byte));
    if fits { Ok(text.to_owned()) } else { Err(FactorError::PhoneExtension) }
}

/// The country code of a number in E.164, without the plus sign (ITU-T E.164 annex D).
pub fn country(number: &str) -> &str {
    let digits = number.strip_prefix('+').unwrap_or(number);
    let length = match digits.as_bytes() {
        [b'1' | b'7', ..] => 1,
        [b'2', b'0' | b'7', ..]
        | [b'3', b'0'..=b'4' | b'6' | b'9', ..]
        | [b'4', b'0' | b'1' | b'3'..=b'9', ..]
        | [b'5', b'1'..=b'8', ..]
        | [b'6', b'0'..=b'6', ..]
        | [b'8', b'1' | b'2' | b'4' | b'6', ..]
        | [b'9', b'0'..=b'5' | b'8', ..] => 2,
        _ => 3,
    };
    digits.get(..length).unwrap_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_one_way() {
        for text in ["+1-555-415-1337", " +1 (555) 415.1337", "+15554151337"] {
            assert_eq!(parse(text).unwrap(), "+15554151337", "{text}");
        }
        for text in [
            "",
            "555-415-1337",
            "+0555415133",
            "+1555",
            "+1234567890123456",
            "+1555415133x",
            "++15554151337",
            "+１５５５４１５",
        ] {
            assert!(matches!(parse(text), Err(FactorError::PhoneNumber)), "{text}");
        }
    }

    #[test]
    fn extensions_are_short() {
        assert_eq!(parse_extension(" 1234,5 ").unwrap(), "1234,5");
        for text in ["", "1234567890123456", "12a", "１２"] {
            assert!(matches!(parse_extension(text), Err(FactorError::PhoneExtension)), "{text}");
        }
    }

    #[test]
    fn the_country_is_the_prefix_that_the_itu_gave_out() {
        for (number, code) in [
            ("+15554151337", "1"),
            ("+4930123456", "49"),
            ("+35312345678", "353"),
            ("+78121234567", "7"),
            ("+4201234567", "420"),
        ] {
            assert_eq!(country(number), code);
        }
    }
}
