//! Codes that are sent: six random digits, known here by a MAC only, living for minutes (NIST SP 800-63B-4 §3.1.3).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use time::Duration;
use zeroize::Zeroizing;

use crate::{ports::random::Random, secret::Secret, store::factor_challenge::Subject};

/// Digits of a code that is sent.
pub const DIGITS: u8 = 6;
/// How long a code lives unless the caller says otherwise.
pub const LIFETIME: Duration = Duration::minutes(5);
/// The longest that a code lives, whatever the caller says.
pub const MAX_LIFETIME: Duration = Duration::minutes(10);

/// A fresh code; every one is as likely as any other.
pub fn draw(random: &dyn Random) -> Secret<String> {
    const CODES: u32 = 1_000_000;
    // The numbers beyond the last whole million would favour small codes: drop them.
    const WHOLE: u32 = u32::MAX - u32::MAX % CODES;
    loop {
        let mut bytes = Zeroizing::new([0_u8; 4]);
        random.fill(&mut *bytes);
        let number = u32::from_be_bytes(*bytes);
        if number < WHOLE {
            return Secret::new(format!("{:06}", number % CODES));
        }
    }
}

/// All that is kept of a code: it means nothing for another factor or another purpose.
pub fn mac(key: &[u8; 32], subject: Subject<'_>, code: &str) -> String {
    let parts = [subject.factor.as_str().as_bytes(), subject.purpose.as_bytes(), code.as_bytes()];
    URL_SAFE_NO_PAD.encode(keys::hmac_sha256(key, &parts))
}

/// Reads a code of so many digits: ASCII digits and nothing else, blanks around it aside, so that there is one way only to
/// write a code.
pub fn digits(typed: &str, count: u8) -> Option<&str> {
    let code = typed.trim_matches(|c: char| c.is_ascii_whitespace());
    let fits = code.len() == usize::from(count) && code.bytes().all(|byte| byte.is_ascii_digit());
    fits.then_some(code)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{id::FactorId, ports::random::SystemRandom};

    /// Six digits from a cryptographic source.
    #[test]
    fn sec_o06_a_drawn_code_has_six_digits_and_no_favourites() {
        let mut first = [0_u32; 10];
        for _ in 0..5000 {
            let code = draw(&SystemRandom);
            assert_eq!(digits(code.expose(), DIGITS), Some(code.expose().as_str()));
            first[usize::from(code.expose().as_bytes()[0] - b'0')] += 1;
        }
        assert!(first.iter().all(|&count| (350..650).contains(&count)), "{first:?}");
    }

    #[test]
    fn a_code_means_nothing_for_another_factor_purpose_or_key() {
        let (a, b) = (FactorId::new("a"), FactorId::new("b"));
        let of = |factor, purpose| Subject { factor, purpose };
        let mac_of = |subject| mac(&[7; 32], subject, "123456");
        assert_eq!(mac_of(of(&a, "api")), mac_of(of(&a, "api")));
        assert_ne!(mac_of(of(&a, "api")), mac_of(of(&b, "api")));
        assert_ne!(mac_of(of(&a, "api")), mac_of(of(&a, "txn1")));
        assert_ne!(mac_of(of(&a, "api")), mac(&[8; 32], of(&a, "api"), "123456"));
        assert_ne!(mac_of(of(&a, "api")), mac(&[7; 32], of(&a, "api"), "123457"));
    }

    /// One way to write a code: other lengths, other scripts' digits, blanks inside and signs are no code.
    #[test]
    fn sec_o05_only_ascii_digits_are_a_code() {
        assert_eq!(digits(" 123456\n", 6), Some("123456"));
        for typed in [
            "",
            "12345",
            "1234567",
            "123 456",
            "12-3456",
            "１２３４５６",
            "+12345",
            "12345a",
            "\u{a0}123456",
            "٣٣٣٣٣٣",
        ] {
            assert_eq!(digits(typed, 6), None, "{typed}");
        }
    }

    proptest! {
        /// Whatever is typed, what is read is the only spelling of itself.
        #[test]
        fn sec_o05_what_is_read_is_read_again(typed in ".{0,12}", count in 6_u8..=8) {
            if let Some(code) = digits(&typed, count) {
                prop_assert_eq!(code.len(), usize::from(count));
                prop_assert!(code.bytes().all(|byte| byte.is_ascii_digit()));
                prop_assert_eq!(digits(code, count), Some(code));
                prop_assert_eq!(typed.trim(), code);
            }
        }
    }
}
