//! The device authorization request and response (RFC 8628 §3.1, §3.2) and the code that a person types (§6.1).

use std::fmt;

use serde::Serialize;

use crate::protocol::params::Params;
use crate::protocol::scope::{ScopeError, ScopeSet};

/// A device authorization request (RFC 8628 §3.1).
#[derive(Clone, Debug)]
pub struct DeviceAuthorizationRequest {
    /// The scope asked for.
    pub scope: Option<ScopeSet>,
}

impl DeviceAuthorizationRequest {
    /// Reads a request; parameters it does not know are ignored.
    ///
    /// # Errors
    /// The scope is malformed.
    pub fn from_params(params: &Params) -> Result<Self, ScopeError> {
        Ok(Self { scope: params.one("scope").map(ScopeSet::parse).transpose()? })
    }
}

/// A device authorization response (RFC 8628 §3.2).
#[derive(Clone, Serialize)]
pub struct DeviceAuthorizationResponse {
    /// What the device polls with.
    pub device_code: String,
    /// What the person types.
    pub user_code: String,
    /// Where they type it.
    pub verification_uri: String,
    /// The same with the code in it.
    pub verification_uri_complete: String,
    /// The life of both codes, in seconds.
    pub expires_in: i64,
    /// The least time between two polls, in seconds.
    pub interval: i64,
}

/// Everything but the codes.
impl fmt::Debug for DeviceAuthorizationResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceAuthorizationResponse")
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

/// A user code (RFC 8628 §6.1): eight of twenty consonants, so that no word comes up and nothing looks alike. Five
/// guesses hit one of 2³⁴·⁵ codes with a chance below 2⁻³².
#[derive(Clone, PartialEq, Eq)]
pub struct UserCode(String);

/// The letters of a user code.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// How many a code has.
const LENGTH: usize = 8;
/// The longest input that is looked at, in bytes.
const MAX_TYPED: usize = 64;

impl UserCode {
    /// Makes a code of random bytes; those that would favour some letters are skipped.
    pub fn draw(mut byte: impl FnMut() -> u8) -> Self {
        let mut code = String::with_capacity(LENGTH);
        while code.len() < LENGTH {
            let byte = byte();
            if let Some(&letter) = LETTERS.get(usize::from(byte % 20)).filter(|_| byte < 240) {
                code.push(char::from(letter));
            }
        }
        Self(code)
    }

    /// Reads what was typed (RFC 8628 §6.1): in either case, with spaces and dashes anywhere; absent when it is no code.
    pub fn parse(typed: &str) -> Option<Self> {
        if typed.len() > MAX_TYPED {
            return None;
        }
        let skipped = |c: char| c.is_whitespace() || matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}');
        let code: String = typed.chars().filter(|&c| !skipped(c)).map(|c| c.to_ascii_uppercase()).collect();
        let good = code.len() == LENGTH && code.bytes().all(|byte| LETTERS.contains(&byte));
        good.then_some(Self(code))
    }

    /// The bare letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// As it is shown: `WDJB-MJHT`.
impl fmt::Display for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_at_checked(LENGTH / 2) {
            Some((first, second)) => write!(f, "{first}-{second}"),
            None => f.write_str(&self.0),
        }
    }
}

/// A code is a secret for as long as it lives.
impl fmt::Debug for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_j03_a_typed_code_is_normalised() {
        let code = UserCode::parse("WDJB-MJHT").unwrap();
        for typed in
            ["WDJBMJHT", "wdjb-mjht", " wdjb mjht ", "W-D-J-B-M-J-H-T", "wDjB\u{2013}MjHt", "\twdjbmjht\n"]
        {
            assert_eq!(UserCode::parse(typed), Some(code.clone()), "{typed}");
        }
        assert_eq!(code.to_string(), "WDJB-MJHT");
        assert_eq!(UserCode::parse(&code.to_string()), Some(code));
    }

    #[test]
    fn sec_j03_what_is_no_code_is_refused() {
        for typed in [
            "",
            "WDJBMJH",
            "WDJBMJHTT",
            "WDJBMJHA",
            "WDJBMJH1",
            "ＷDJBMJHT",
            "WDJB_MJHT",
            "WDJBMJH\0",
            "ẞDJBMJHT",
            &"W".repeat(65),
        ] {
            assert_eq!(UserCode::parse(typed), None, "{typed}");
        }
    }

    #[test]
    fn sec_j03_a_code_has_more_than_34_bits_and_five_guesses_stay_below_2_to_the_minus_32() {
        let mut byte = 0_u8;
        let mut drawn = std::collections::BTreeMap::new();
        for _ in 0..300 {
            let code = UserCode::draw(|| {
                byte = byte.wrapping_add(1);
                byte
            });
            code.as_str().chars().for_each(|letter| *drawn.entry(letter).or_insert(0) += 1);
            assert_eq!(UserCode::parse(code.as_str()), Some(code));
        }
        // Every letter as often as any other: 2400 letters of 20.
        assert_eq!(drawn.len(), 20);
        assert!(drawn.values().all(|&times| times == 120), "{drawn:?}");
        assert!(5.0 / 20_f64.powi(8) < 2_f64.powi(-32));
    }
}
