//! What two logins must share to be the same login (RFC 8265 §3.3, `UsernameCaseMapped`).
//!
//! A login looks like an e-mail address. `@` is an ordinary character to PRECIS, but its rule for right-to-left
//! text (RFC 5893 §2) speaks of one label, so the parts around `@` are mapped one by one: a Hebrew local part
//! may stand before a Latin domain. Spaces, also at either end, are refused as `UsernameCaseMapped` wants it;
//! whoever reads a login from a form trims it before.

use precis_profiles::{UsernameCaseMapped, precis_core::profile::PrecisFastInvocation};
use unicode_normalization::UnicodeNormalization;

/// A login in the only form that is compared and that the database keeps unique.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct LoginKey(String);

impl LoginKey {
    /// The longest login, in characters.
    pub const MAX_CHARS: usize = 100;

    /// Maps a login as it was typed: NFC, width, case, NFC again (RFC 8265 §3.3.3). The result maps to itself.
    ///
    /// # Errors
    /// The login is empty, too long, or holds characters that no login may have.
    pub fn normalize(login: &str) -> Result<Self, LoginError> {
        if login.is_empty() {
            return Err(LoginError::Empty);
        }
        // No work on input that could never fit: a character has at most four bytes, and composing joins few.
        if login.len() > 16 * Self::MAX_CHARS {
            return Err(LoginError::TooLong);
        }
        if login.chars().any(is_invisible) {
            return Err(LoginError::Invisible);
        }
        let mut key: String = login.nfc().collect();
        // RFC 8264 §7: one pass may not be stable; apply the rules again, and refuse what does not settle.
        for _ in 0..3 {
            let mapped = map(&key)?;
            if mapped == key {
                return Self::sized(key);
            }
            key = mapped;
        }
        Err(LoginError::Disallowed)
    }

    /// The mapped login.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn sized(key: String) -> Result<Self, LoginError> {
        if key.chars().count() > Self::MAX_CHARS { Err(LoginError::TooLong) } else { Ok(Self(key)) }
    }
}

impl AsRef<str> for LoginKey {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Why a text can't be a login.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LoginError {
    /// Nothing was given.
    #[error("the login is empty")]
    Empty,
    /// More than [`LoginKey::MAX_CHARS`] characters.
    #[error("the login is longer than 100 characters")]
    TooLong,
    /// A control, zero-width or text-direction character, which a reader would not see.
    #[error("the login holds an invisible character")]
    Invisible,
    /// A character outside of PRECIS `IdentifierClass`, mixed text direction, or nothing beside an `@`.
    #[error("the login holds a character that is not allowed there")]
    Disallowed,
}

fn map(login: &str) -> Result<String, LoginError> {
    let mut mapped = String::with_capacity(login.len());
    for (index, part) in login.split('@').enumerate() {
        if index > 0 {
            mapped.push('@');
        }
        let part = UsernameCaseMapped::enforce(part).map_err(|_| LoginError::Disallowed)?;
        mapped.push_str(&part);
    }
    Ok(mapped)
}

/// PRECIS allows the joiners U+200C and U+200D in some scripts; a login must not differ by what nobody sees.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(login: &str) -> Result<String, LoginError> {
        LoginKey::normalize(login).map(|key| key.as_str().to_owned())
    }

    #[test]
    fn logins_compare_without_regard_to_case_and_composition() {
        assert_eq!(key("Alice.Smith+x@Example.COM").unwrap(), "alice.smith+x@example.com");
        assert_eq!(key("Zoe\u{308}@example.com"), key("zo\u{eb}@example.com"));
        assert_eq!(key("plain").unwrap(), "plain");
    }

    #[test]
    fn sec_x09_lookalikes_of_unicode_are_mapped_or_refused() {
        // Turkish İ lowers to i with a dot above, which is not the login with a plain i; nor is ı.
        assert_eq!(key("\u{130}stanbul@example.com").unwrap(), "i\u{307}stanbul@example.com");
        assert_ne!(key("\u{130}stanbul@example.com"), key("istanbul@example.com"));
        assert_ne!(key("\u{131}stanbul@example.com"), key("istanbul@example.com"));
        // A ligature has a compatibility decomposition: outside of IdentifierClass (RFC 8264 §9.17).
        assert_eq!(key("\u{fb01}nn@example.com"), Err(LoginError::Disallowed));
        // Full-width letters and the full-width @ become the usual ones (RFC 8265 §3.3.1).
        assert_eq!(key("\u{ff21}\u{ff4c}ice\u{ff20}example.com").unwrap(), "alice@example.com");
        // ß is a letter of its own; its capital lowers to it.
        assert_eq!(key("STRA\u{1e9e}E@example.com").unwrap(), "stra\u{df}e@example.com");
    }

    #[test]
    fn sec_x09_what_nobody_sees_is_refused() {
        for login in
            ["a\u{200b}b", "a\u{200d}b", "\u{feff}a", "a\u{202e}b", "a\u{2066}b", "a\0b", "a\nb", "a\u{ad}b"]
        {
            assert_eq!(key(login), Err(LoginError::Invisible), "{login:?}");
        }
    }

    #[test]
    fn spaces_and_empty_parts_are_refused() {
        for login in ["a b@example.com", " a", "a ", "a\u{a0}b", "@example.com", "a@", "a@@b", "@"] {
            assert_eq!(key(login), Err(LoginError::Disallowed), "{login:?}");
        }
        assert_eq!(key(""), Err(LoginError::Empty));
    }

    #[test]
    fn text_directions_mix_only_across_the_at_sign() {
        assert!(key("\u{5de}\u{5e9}\u{5d4}@example.com").is_ok());
        assert_eq!(key("\u{5de}abc@example.com"), Err(LoginError::Disallowed));
    }

    #[test]
    fn a_login_has_one_to_a_hundred_characters() {
        assert!(key(&"a".repeat(100)).is_ok());
        assert_eq!(key(&"a".repeat(101)), Err(LoginError::TooLong));
        assert_eq!(key(&"a".repeat(100_000)), Err(LoginError::TooLong));
        // What grows by mapping is measured afterwards.
        assert_eq!(key(&"\u{130}".repeat(60)), Err(LoginError::TooLong));
        // What shrinks by composing may be longer as it was typed.
        assert!(key(&"e\u{301}".repeat(100)).is_ok());
    }

    proptest! {
        #[test]
        fn normalizing_twice_changes_nothing(login in "\\PC{0,60}") {
            if let Ok(once) = LoginKey::normalize(&login) {
                prop_assert_eq!(LoginKey::normalize(once.as_str()), Ok(once));
            }
        }

        #[test]
        fn letters_of_many_scripts_settle(login in "[\\p{Latin}\\p{Greek}\\p{Cyrillic}\\p{Mn}ａ-ｚＡ-Ｚ@.+_-]{1,40}") {
            if let Ok(once) = LoginKey::normalize(&login) {
                prop_assert_eq!(LoginKey::normalize(once.as_str()), Ok(once));
            }
        }
    }
}
