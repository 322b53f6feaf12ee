//! Which new passwords are accepted: Okta's default password policy.

use unicode_normalization::UnicodeNormalization;

use super::credentials::MAX_PASSWORD_BYTES;

/// The fewest characters of a new password.
pub const MIN_PASSWORD_CHARS: usize = 8;
/// Parts of the login shorter than this may occur in the password.
pub const MIN_LOGIN_PART_CHARS: usize = 4;

/// What a new password lacks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PasswordShortcoming {
    /// Fewer than [`MIN_PASSWORD_CHARS`] characters.
    #[error("has fewer than 8 characters")]
    TooShort,
    /// More than [`MAX_PASSWORD_BYTES`] bytes.
    #[error("has more than 1024 bytes")]
    TooLong,
    /// No uppercase letter.
    #[error("has no uppercase letter")]
    NoUppercase,
    /// No lowercase letter.
    #[error("has no lowercase letter")]
    NoLowercase,
    /// No digit.
    #[error("has no digit")]
    NoDigit,
    /// A part of the login of at least [`MIN_LOGIN_PART_CHARS`] characters.
    #[error("contains a part of the login")]
    ContainsLogin,
}

/// Everything that a new password lacks; nothing: it may be set.
pub fn check(password: &str, login: &str) -> Vec<PasswordShortcoming> {
    if password.len() > MAX_PASSWORD_BYTES {
        return vec![PasswordShortcoming::TooLong];
    }
    let composed = || password.nfc();
    let lacks = [
        (composed().count() < MIN_PASSWORD_CHARS, PasswordShortcoming::TooShort),
        (!composed().any(char::is_uppercase), PasswordShortcoming::NoUppercase),
        (!composed().any(char::is_lowercase), PasswordShortcoming::NoLowercase),
        (!composed().any(char::is_numeric), PasswordShortcoming::NoDigit),
        (contains_login_part(password, login), PasswordShortcoming::ContainsLogin),
    ];
    lacks.into_iter().filter_map(|(lacking, what)| lacking.then_some(what)).collect()
}

/// Okta splits the login at `, . - _ # @` (and we at `+`) and compares without regard to case.
fn contains_login_part(password: &str, login: &str) -> bool {
    let password: String = password.nfc().flat_map(char::to_lowercase).collect();
    let login: String = login.nfc().flat_map(char::to_lowercase).collect();
    login
        .split([',', '.', '-', '_', '#', '@', '+'])
        .filter(|part| part.chars().count() >= MIN_LOGIN_PART_CHARS)
        .any(|part| password.contains(part))
}

#[cfg(test)]
mod tests {
    use super::{PasswordShortcoming::*, *};

    #[test]
    fn every_shortcoming_is_named_at_once() {
        let cases: [(&str, &[PasswordShortcoming]); 10] = [
            ("Tr0ubador-and-3", &[]),
            ("", &[TooShort, NoUppercase, NoLowercase, NoDigit]),
            ("Abcdef1", &[TooShort]),
            ("abcdefg1", &[NoUppercase]),
            ("ABCDEFG1", &[NoLowercase]),
            ("Abcdefgh", &[NoDigit]),
            ("xALICE1x", &[ContainsLogin]),
            ("myExample1", &[ContainsLogin]),
            // `com` has three characters only.
            ("Becoming1", &[]),
            ("\u{c4}\u{e4}\u{f6}\u{fc}\u{df}123", &[]),
        ];
        for (password, expected) in cases {
            assert_eq!(check(password, "Alice@example.com"), expected, "{password}");
        }
    }

    #[test]
    fn a_password_has_at_most_1024_bytes() {
        assert_eq!(check(&format!("Aa1{}", "x".repeat(1022)), "bob"), [TooLong]);
        assert_eq!(check(&format!("Aa1{}", "x".repeat(1021)), "bob"), []);
    }
}
