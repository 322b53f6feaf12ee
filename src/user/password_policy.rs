//! Which new passwords are accepted (Okta's `PASSWORD` policy; security rule S10).
//!
//! What a policy asks for is counted in the NFC form (RFC 8265 §4.2.2), which is also what is hashed; nothing is ever cut
//! off. Common and breached passwords are found without a network: the estimate of `zxcvbn` knows the 30,000 most common
//! passwords of breaches, names, words, dates, keyboard rows and their usual disguises.

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::credentials::MAX_PASSWORD_BYTES;
use crate::model::{
    policy::PasswordRules,
    user::{Profile, User},
};

/// Parts of the login and names shorter than this may occur in the password.
pub const MIN_PART_CHARS: usize = 4;

/// A password that is found with fewer guesses is common: what `zxcvbn` calls very guessable, and far less than an
/// attacker gets by breaking into the database.
pub const MIN_GUESSES: u64 = 1_000_000;

/// As many characters of a password are estimated. `zxcvbn` finds repetitions with patterns that backtrack: what it is given
/// is bounded here.
const MAX_ESTIMATED_CHARS: usize = 100;

/// What a new password lacks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Shortcoming {
    /// Too few characters.
    #[error("has fewer than {0} character{s}", s = plural(*.0))]
    TooShort(u32),
    /// More than [`MAX_PASSWORD_BYTES`] bytes.
    #[error("has more than {MAX_PASSWORD_BYTES} bytes")]
    TooLong,
    /// Too few uppercase letters.
    #[error("has fewer than {0} uppercase letter{s}", s = plural(*.0))]
    UpperCase(u32),
    /// Too few lowercase letters.
    #[error("has fewer than {0} lowercase letter{s}", s = plural(*.0))]
    LowerCase(u32),
    /// Too few digits.
    #[error("has fewer than {0} digit{s}", s = plural(*.0))]
    Number(u32),
    /// Too few other characters.
    #[error("has fewer than {0} symbol{s}", s = plural(*.0))]
    Symbol(u32),
    /// A part of the login of at least [`MIN_PART_CHARS`] characters.
    #[error("contains a part of the login")]
    ContainsLogin,
    /// A name of the user of at least [`MIN_PART_CHARS`] characters.
    #[error("contains a name of the user")]
    ContainsName,
    /// It is found with fewer than [`MIN_GUESSES`] guesses.
    #[error("is common or easily guessed")]
    Common,
    /// It is the current one or one of the latest.
    #[error("was used before")]
    Reused,
}

fn plural(count: u32) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Whose password it is going to be.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// The login.
    pub login: &'a str,
    /// The profile.
    pub profile: &'a Profile,
}

impl<'a> From<&'a User> for Owner<'a> {
    fn from(user: &'a User) -> Self {
        Self { login: &user.login, profile: &user.profile }
    }
}

/// Everything that a new password lacks, but for the history, which is hashes; nothing: it may be set.
pub fn check<'a>(password: &str, owner: impl Into<Owner<'a>>, rules: &PasswordRules) -> Vec<Shortcoming> {
    if password.len() > MAX_PASSWORD_BYTES {
        return vec![Shortcoming::TooLong];
    }
    let owner = owner.into();
    let password: Zeroizing<String> = Zeroizing::new(password.nfc().collect());
    let mut lacks = counted(&password, rules);
    if rules.exclude_username && contains_part(&password, owner.login) {
        lacks.push(Shortcoming::ContainsLogin);
    }
    if rules.exclude_username && names(owner.profile).any(|name| contains_part(&password, name)) {
        lacks.push(Shortcoming::ContainsName);
    }
    if rules.exclude_common && !password.is_empty() && is_common(&password, owner) {
        lacks.push(Shortcoming::Common);
    }
    lacks
}

fn counted(password: &str, rules: &PasswordRules) -> Vec<Shortcoming> {
    let count =
        |is: fn(char) -> bool| u32::try_from(password.chars().filter(|c| is(*c)).count()).unwrap_or(u32::MAX);
    let wanted = [
        // A password of no characters is none, whatever the policy.
        (count(|_| true), rules.min_length.max(1), Shortcoming::TooShort(rules.min_length.max(1))),
        (count(char::is_uppercase), rules.min_upper_case, Shortcoming::UpperCase(rules.min_upper_case)),
        (count(char::is_lowercase), rules.min_lower_case, Shortcoming::LowerCase(rules.min_lower_case)),
        (count(char::is_numeric), rules.min_number, Shortcoming::Number(rules.min_number)),
        (count(|c| !c.is_alphanumeric()), rules.min_symbol, Shortcoming::Symbol(rules.min_symbol)),
    ];
    wanted.into_iter().filter_map(|(has, wants, lacks)| (has < wants).then_some(lacks)).collect()
}

fn names(profile: &Profile) -> impl Iterator<Item = &str> {
    ["firstName", "lastName", "middleName", "nickName"].into_iter().filter_map(|name| profile.text(name))
}

/// Okta splits the login at `, . - _ # @` (and we at `+` and blanks) and compares without regard to case.
fn contains_part(password: &str, whole: &str) -> bool {
    let folded = |text: &str| -> Zeroizing<String> {
        Zeroizing::new(text.nfc().flat_map(char::to_lowercase).collect())
    };
    let password = folded(password);
    parts(&folded(whole)).any(|part| password.contains(part))
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', '.', '-', '_', '#', '@', '+', ' ']).filter(|part| part.chars().count() >= MIN_PART_CHARS)
}

/// What belongs to the owner counts as the first guesses. Only the first characters are looked at, so that the time is
/// bounded; a longer password can only be harder to guess.
fn is_common(password: &str, owner: Owner<'_>) -> bool {
    let mut known = vec!["stepgate", owner.login];
    known.extend(owner.login.split('@').next());
    known.extend(parts(owner.login));
    known.extend(names(owner.profile));
    let beginning: Zeroizing<String> = Zeroizing::new(password.chars().take(MAX_ESTIMATED_CHARS).collect());
    zxcvbn::zxcvbn(&beginning, &known).guesses() < MIN_GUESSES
}

/// What a policy asks for, point by point, for whoever chooses a password.
pub fn requirements(rules: &PasswordRules) -> Vec<String> {
    let plural = |count: u32, one: &str, many: &str| match count {
        0 => None,
        1 => Some(one.to_owned()),
        count => Some(format!("{count} {many}")),
    };
    let mut wanted = vec![format!("at least {} characters", rules.min_length.max(1))];
    wanted.extend(plural(rules.min_lower_case, "a lowercase letter", "lowercase letters"));
    wanted.extend(plural(rules.min_upper_case, "an uppercase letter", "uppercase letters"));
    wanted.extend(plural(rules.min_number, "a number", "numbers"));
    wanted.extend(plural(rules.min_symbol, "a symbol", "symbols"));
    if rules.exclude_username {
        wanted.push("no parts of your username or name".to_owned());
    }
    if rules.exclude_common {
        wanted.push("nothing that is easily guessed".to_owned());
    }
    if rules.history_count > 0 {
        wanted.push(format!("none of your last {} passwords", rules.history_count));
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::{Shortcoming::*, *};
    use serde_json::json;

    fn profile() -> Profile {
        Profile(
            json!({"firstName": "Alice", "lastName": "O'Hara-Lee", "nickName": "Al"})
                .as_object()
                .unwrap()
                .clone(),
        )
    }

    fn lacks(password: &str, rules: &PasswordRules) -> Vec<Shortcoming> {
        check(password, Owner { login: "ally.cat@example.com", profile: &profile() }, rules)
    }

    /// Okta's default policy.
    #[test]
    fn every_shortcoming_is_named_at_once() {
        let rules = PasswordRules { exclude_common: false, ..PasswordRules::default() };
        let cases: [(&str, &[Shortcoming]); 11] = [
            ("Tr0ubador-and-3", &[]),
            ("", &[TooShort(8), UpperCase(1), LowerCase(1), Number(1)]),
            ("Abcdef1", &[TooShort(8)]),
            ("abcdefg1", &[UpperCase(1)]),
            ("ABCDEFG1", &[LowerCase(1)]),
            ("Abcdefgh", &[Number(1)]),
            ("xALLY1xxx", &[ContainsLogin]),
            ("myExample1", &[ContainsLogin]),
            ("MyALICE123", &[ContainsName]),
            // `com` and `lee` have three characters only.
            ("Becoming1Lee", &[]),
            ("\u{c4}\u{e4}\u{f6}\u{fc}\u{df}123", &[]),
        ];
        for (password, expected) in cases {
            assert_eq!(lacks(password, &rules), expected, "{password}");
        }
    }

    #[test]
    fn a_policy_counts_as_it_says() {
        let rules = PasswordRules {
            min_length: 12,
            min_lower_case: 2,
            min_upper_case: 2,
            min_number: 2,
            min_symbol: 2,
            exclude_username: false,
            exclude_common: false,
            ..PasswordRules::default()
        };
        assert_eq!(lacks("aB1-aB1-aB1-", &rules), []);
        assert_eq!(lacks("Alice1-", &rules), [TooShort(12), UpperCase(2), Number(2), Symbol(2)]);
        let none = PasswordRules {
            min_length: 0,
            min_lower_case: 0,
            min_upper_case: 0,
            min_number: 0,
            exclude_common: false,
            ..rules
        };
        assert_eq!(lacks("x", &PasswordRules { min_symbol: 0, ..none.clone() }), []);
        assert_eq!(lacks("", &PasswordRules { min_symbol: 0, ..none }), [TooShort(1)]);
    }

    /// S10: at most 1024 bytes, far above 64 characters, and never cut off.
    #[test]
    fn sec_s10_a_password_has_at_most_1024_bytes() {
        let rules = PasswordRules { exclude_common: false, ..PasswordRules::default() };
        assert_eq!(lacks(&format!("Aa1{}", "x".repeat(1022)), &rules), [TooLong]);
        assert_eq!(lacks(&format!("Aa1{}", "x".repeat(1021)), &rules), []);
    }

    /// S10: an offline list of common and breached passwords, and what belongs to the owner.
    #[test]
    fn sec_s10_common_passwords_are_refused_and_uncommon_ones_are_not() {
        let rules = PasswordRules {
            min_upper_case: 0,
            min_number: 0,
            exclude_username: false,
            ..PasswordRules::default()
        };
        for password in [
            "password",
            "Password1",
            "P@ssw0rd",
            "Passw0rd!",
            "qwertyuiop",
            "Qwerty123",
            "Summer2024",
            "aaaaaaaaaaaa",
            "abcdefgh",
            "12345678a",
            "iloveyou",
            "trustno1!",
            "letmein123",
            "Stepgate1",
            "1qaz2wsx",
            "ally.cat1",
        ] {
            assert_eq!(lacks(password, &rules), [Common], "{password}");
        }
        for password in [
            "Correct-Horse-1",
            "Third-horse-11",
            "Correct-horse-7",
            "Tr0ubador-and-3",
            "xkq7Lmn2vBt",
            "Sg1-a8Kd02mXpQ",
            "vier f\u{fc}nf sechs Birnen",
        ] {
            assert_eq!(lacks(password, &rules), [], "{password}");
        }
    }

    /// The estimate is bounded in time whatever is typed.
    #[test]
    fn the_longest_password_is_looked_at_in_bounded_time() {
        let rules = PasswordRules::default();
        for text in ["a", "4@8({[<369", "Aa1-", "1qaz2wsx", "p\u{e4}ssw0rd"] {
            let password: String = text.chars().cycle().take(700).collect();
            lacks(&password, &rules);
        }
    }

    #[test]
    fn requirements_are_told_point_by_point() {
        assert_eq!(
            requirements(&PasswordRules::default()),
            [
                "at least 8 characters",
                "a lowercase letter",
                "an uppercase letter",
                "a number",
                "no parts of your username or name",
                "nothing that is easily guessed",
                "none of your last 4 passwords",
            ]
        );
    }
}
