//! Custom tokens (Okta `token:hotp`): counter-based one-time passwords (RFC 4226), or time-based ones with a profile of the
//! installation.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};

use super::{FactorError, code, totp};
use crate::{
    model::factor_profile::{SecretEncoding, TokenSettings},
    secret::Secret,
};

/// How far two codes in a row may be ahead when a token is synchronised anew (RFC 4226 §7.4).
const RESYNCHRONISATION: u64 = 1000;
/// Bytes that an imported seed may have; 128 bits is RFC 4226's least (§4 R6).
const SEED: std::ops::RangeInclusive<usize> = 16..=64;
/// The longest text that is read as a seed.
const MAX_TEXT: usize = 256;

/// Reads a seed as its maker wrote it.
///
/// # Errors
/// It is not written that way, or is too short or too long.
pub fn seed(text: &str, encoding: SecretEncoding) -> Result<Secret<Vec<u8>>, FactorError> {
    let refuse =
        |problem: &str| Err(FactorError::Invalid { member: "sharedSecret", problem: problem.to_owned() });
    if text.len() > MAX_TEXT {
        return refuse("is too long");
    }
    let text = text.trim();
    let bytes = match encoding {
        SecretEncoding::Base32 => totp_rs::Secret::try_from_base32(text.trim_end_matches('=').to_uppercase())
            .ok()
            .map(|secret| secret.as_bytes().to_vec()),
        SecretEncoding::Base64 => STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).ok(),
        SecretEncoding::Hexadecimal => hexadecimal(text),
    };
    match bytes {
        Some(bytes) if SEED.contains(&bytes.len()) => Ok(Secret::new(bytes)),
        Some(_) => refuse("must have 128 to 512 bits"),
        None => refuse("is not written in the encoding of the factor profile"),
    }
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    });
    pairs.collect()
}

/// The counter that a code is of: one of the next `look_ahead` behind the last that was accepted (RFC 4226 §7.4).
///
/// # Errors
/// It is of none of them. Whether it was used before or lies farther ahead is not told apart from a wrong one, but for the
/// last one.
pub fn verify(
    seed: &Secret<Vec<u8>>,
    settings: &TokenSettings,
    (last, look_ahead): (Option<u64>, u32),
    pass_code: &str,
) -> Result<u64, FactorError> {
    let typed = code::digits(pass_code, settings.digits).ok_or(FactorError::Wrong)?;
    let first = next(last);
    let token = totp::token(seed, settings, 1);
    let found = (first..first.saturating_add(u64::from(look_ahead)))
        .fold(None, |found, counter| found.or(token.check(typed, counter)));
    match (found, last) {
        (Some(counter), _) => Ok(counter),
        (None, Some(last)) if token.check(typed, last).is_some() => Err(FactorError::Replayed),
        (None, _) => Err(FactorError::Wrong),
    }
}

/// Synchronises a token anew: two codes in a row, farther ahead than one alone may be (RFC 4226 §7.4, appendix E.4).
///
/// # Errors
/// They are not two codes in a row.
pub fn resynchronize(
    seed: &Secret<Vec<u8>>,
    settings: &TokenSettings,
    last: Option<u64>,
    (pass_code, next_pass_code): (&str, &str),
) -> Result<u64, FactorError> {
    let one = code::digits(pass_code, settings.digits).ok_or(FactorError::Wrong)?;
    let two = code::digits(next_pass_code, settings.digits).ok_or(FactorError::Wrong)?;
    let first = next(last);
    let token = totp::token(seed, settings, 1);
    (first..first.saturating_add(RESYNCHRONISATION))
        .find(|&counter| {
            token.check(one, counter).is_some() && token.check(two, counter.saturating_add(1)).is_some()
        })
        .map(|counter| counter.saturating_add(1))
        .ok_or(FactorError::Wrong)
}

/// The first counter that can still be accepted.
fn next(last: Option<u64>) -> u64 {
    last.map_or(0, |last| last.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::factor_profile::Moving;

    /// The codes of RFC 4226 appendix D.
    const CODES: [&str; 10] =
        ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];

    fn rfc_seed() -> Secret<Vec<u8>> {
        Secret::new(b"12345678901234567890".to_vec())
    }

    fn settings() -> TokenSettings {
        TokenSettings { moving: Moving::Counter { look_ahead: 3 }, ..TokenSettings::AUTHENTICATOR }
    }

    fn judged(last: Option<u64>, code: &str) -> Result<u64, FactorError> {
        verify(&rfc_seed(), &settings(), (last, 3), code)
    }

    #[test]
    fn the_vectors_of_rfc_4226_are_accepted_in_order() {
        let mut last = None;
        for (counter, code) in (0_u64..).zip(CODES) {
            last = Some(judged(last, code).unwrap());
            assert_eq!(last, Some(counter));
        }
    }

    /// RFC 4226 §7.4: a few unused codes are skipped, none is used twice, and none counts behind a later one.
    #[test]
    fn sec_o01_the_window_lies_ahead_only() {
        assert_eq!(judged(None, CODES[2]).unwrap(), 2);
        assert!(matches!(judged(None, CODES[3]), Err(FactorError::Wrong)));
        assert!(matches!(judged(Some(4), CODES[4]), Err(FactorError::Replayed)));
        assert!(matches!(judged(Some(4), CODES[2]), Err(FactorError::Wrong)));
        assert_eq!(judged(Some(4), CODES[5]).unwrap(), 5);
    }

    /// RFC 4226 §7.4: two codes in a row find a token that ran far ahead; resynchronisation is asked for.
    #[test]
    fn sec_o03_two_codes_in_a_row_synchronise() {
        let resync = |last, one, two| resynchronize(&rfc_seed(), &settings(), last, (one, two));
        assert_eq!(resync(None, CODES[7], CODES[8]).unwrap(), 8);
        assert!(matches!(resync(None, CODES[7], CODES[9]), Err(FactorError::Wrong)));
        assert!(matches!(resync(Some(8), CODES[7], CODES[8]), Err(FactorError::Wrong)));
        assert!(matches!(resync(None, CODES[7], CODES[7]), Err(FactorError::Wrong)));
    }

    #[test]
    fn seeds_are_read_in_the_encoding_of_the_profile() {
        let hex = "484f97be3213b117e3a20438e291540a";
        let bytes = seed(hex, SecretEncoding::Hexadecimal).unwrap();
        assert_eq!(bytes.expose().len(), 16);
        let base64 = STANDARD.encode(bytes.expose());
        assert_eq!(seed(&base64, SecretEncoding::Base64).unwrap(), bytes);
        let base32 = totp::base32(&bytes);
        assert_eq!(seed(base32.expose(), SecretEncoding::Base32).unwrap(), bytes);
        assert_eq!(seed(&base32.expose().to_lowercase(), SecretEncoding::Base32).unwrap(), bytes);
        for (bad, encoding) in [
            ("", SecretEncoding::Hexadecimal),
            ("48", SecretEncoding::Hexadecimal),
            ("484f97be3213b117e3a20438e291540", SecretEncoding::Hexadecimal),
            ("zz4f97be3213b117e3a20438e291540a", SecretEncoding::Hexadecimal),
            ("!!!!", SecretEncoding::Base64),
            ("01890189", SecretEncoding::Base32),
        ] {
            assert!(seed(bad, encoding).is_err(), "{bad}");
        }
    }
}
