//! Time-based one-time passwords (RFC 6238): `token:software:totp` of Okta and Google, and custom tokens with a clock.

use totp_rs::{Algorithm, Builder, Totp};

use super::{FactorError, code};
use crate::{
    model::factor_profile::{HmacAlgorithm, TokenSettings},
    ports::random::Random,
    secret::Secret,
};

/// Bytes of a new seed: 160 bits (RFC 4226 §4 R6).
const SEED: usize = 20;
/// A code of one of so many steps before the window is told apart from a wrong one (`TIME_WINDOW_EXCEEDED`). None after it
/// is: whoever guesses would learn which code to wait for.
const NEAR: u64 = 10;

/// A fresh seed.
pub fn seed(random: &dyn Random) -> Secret<Vec<u8>> {
    let mut seed = vec![0_u8; SEED];
    random.fill(&mut seed);
    Secret::new(seed)
}

/// A seed as people type it (RFC 4648 §6), without padding.
pub fn base32(seed: &Secret<Vec<u8>>) -> Secret<String> {
    Secret::new(totp_rs::Secret::from(seed.expose().clone()).to_base32())
}

/// What a token computes with.
pub(super) fn token(seed: &Secret<Vec<u8>>, settings: &TokenSettings, step: u32) -> Totp {
    let algorithm = match settings.algorithm {
        HmacAlgorithm::Sha1 => Algorithm::SHA1,
        HmacAlgorithm::Sha256 => Algorithm::SHA256,
        HmacAlgorithm::Sha512 => Algorithm::SHA512,
    };
    // The numbers were validated with the profile, and imported seeds may be shorter than RFC 4226 wants them.
    Builder::new()
        .with_algorithm(algorithm)
        .with_digits(settings.digits.clamp(6, 8))
        .with_secret(seed.expose().clone())
        .with_skew(0)
        .with_step_duration(u64::from(step.max(1)))
        .build_noncompliant()
}

/// Where a token's clock stands, and how far it may be off.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Seconds since the epoch.
    pub unix: u64,
    /// Seconds a code lives.
    pub time_step: u32,
    /// Steps either way.
    pub drift: u32,
    /// The last step that was accepted.
    pub last: Option<u64>,
}

/// The step that a code is of (RFC 6238 §5.2): within the window, and behind the last one that was accepted.
///
/// # Errors
/// It is of no step that is looked at, of one that was used, of one before it, or of one before the window.
pub fn verify(
    seed: &Secret<Vec<u8>>,
    settings: &TokenSettings,
    clock: Clock,
    pass_code: &str,
) -> Result<u64, FactorError> {
    let typed = code::digits(pass_code, settings.digits).ok_or(FactorError::Wrong)?;
    let token = token(seed, settings, clock.time_step);
    let step_length = u64::from(clock.time_step.max(1));
    let now = clock.unix / step_length;
    // Every step is looked at whatever is found, so that the time tells nothing about the clock.
    let (mut fresh, mut used, mut near) = (None, false, false);
    let drift = u64::from(clock.drift);
    for step in now.saturating_sub(drift.max(NEAR))..=now.saturating_add(drift) {
        if token.check(typed, step.saturating_mul(step_length)).is_none() {
            continue;
        }
        let within = step.abs_diff(now) <= drift;
        match clock.last {
            Some(last) if step <= last => used |= within,
            Some(_) | None if within => fresh = fresh.or(Some(step)),
            Some(_) | None => near = true,
        }
    }
    match fresh {
        Some(step) => Ok(step),
        None if used => Err(FactorError::Replayed),
        None if near => Err(FactorError::OutsideWindow),
        None => Err(FactorError::Wrong),
    }
}

/// The address that a QR code carries to an authenticator application (`otpauth`, as Google's wiki describes it).
pub fn otpauth(
    issuer: &str,
    login: &str,
    seed: &Secret<Vec<u8>>,
    settings: &TokenSettings,
) -> Secret<String> {
    let (issuer, login) = (percent_encoded(issuer), percent_encoded(login));
    let secret = base32(seed);
    Secret::new(format!(
        "otpauth://totp/{issuer}:{login}?secret={}&issuer={issuer}&digits={}",
        secret.expose(),
        settings.digits
    ))
}

/// RFC 3986 §2.3: what is not unreserved is escaped; `+` for a blank is not understood by all applications.
fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::factor_profile::{Moving, SecretEncoding};

    fn settings(algorithm: HmacAlgorithm, digits: u8) -> TokenSettings {
        let moving = Moving::Time { time_step: 30, drift: 1 };
        TokenSettings { algorithm, digits, encoding: SecretEncoding::Base32, moving }
    }

    fn at(unix: u64, last: Option<u64>) -> Clock {
        Clock { unix, time_step: 30, drift: 1, last }
    }

    fn rfc_seed(length: usize) -> Secret<Vec<u8>> {
        Secret::new(b"1234567890".iter().copied().cycle().take(length).collect())
    }

    /// The test vectors of RFC 6238 appendix B.
    #[test]
    fn the_vectors_of_rfc_6238_are_accepted() {
        for (unix, sha1, sha256, sha512) in [
            (59, "94287082", "46119246", "90693936"),
            (1_111_111_109, "07081804", "68084774", "25091201"),
            (1_111_111_111, "14050471", "67062674", "99943326"),
            (1_234_567_890, "89005924", "91819424", "93441116"),
            (2_000_000_000, "69279037", "90698825", "38618901"),
            (20_000_000_000, "65353130", "77737706", "47863826"),
        ] {
            for (algorithm, length, expected) in [
                (HmacAlgorithm::Sha1, 20, sha1),
                (HmacAlgorithm::Sha256, 32, sha256),
                (HmacAlgorithm::Sha512, 64, sha512),
            ] {
                let found = verify(&rfc_seed(length), &settings(algorithm, 8), at(unix, None), expected);
                assert_eq!(found.unwrap(), unix / 30, "{algorithm} {unix}");
            }
        }
    }

    fn code(unix: u64) -> String {
        token(&rfc_seed(20), &TokenSettings::AUTHENTICATOR, 30).generate(unix).to_string()
    }

    fn judged(clock: Clock, code: &str) -> Result<u64, FactorError> {
        verify(&rfc_seed(20), &TokenSettings::AUTHENTICATOR, clock, code)
    }

    /// RFC 6238 §5.2: one step either way; codes that are over are outside, and those to come are wrong like any other.
    #[test]
    fn sec_o03_the_window_is_one_step_either_way() {
        let now = 1_800_000_000_u64;
        for off in [-30_i64, 0, 30] {
            let code = code(now.saturating_add_signed(off));
            assert_eq!(judged(at(now, None), &code).unwrap(), now.saturating_add_signed(off) / 30);
        }
        for off in [-300_i64, -90, -60] {
            let code = code(now.saturating_add_signed(off));
            assert!(matches!(judged(at(now, None), &code), Err(FactorError::OutsideWindow)), "{off}");
        }
        for off in [-3600_i64, 60, 90, 300, 3600] {
            let code = code(now.saturating_add_signed(off));
            assert!(matches!(judged(at(now, None), &code), Err(FactorError::Wrong)), "{off}");
        }
    }

    /// RFC 6238 §5.2: a step counts once, and none counts after a later one.
    #[test]
    fn sec_o01_a_step_counts_once_and_none_after_a_later_one() {
        let now = 1_800_000_000;
        let step = now / 30;
        assert!(matches!(judged(at(now, Some(step)), &code(now)), Err(FactorError::Replayed)));
        assert!(matches!(judged(at(now, Some(step)), &code(now - 30)), Err(FactorError::Replayed)));
        assert_eq!(judged(at(now, Some(step)), &code(now + 30)).unwrap(), step + 1);
        assert_eq!(judged(at(now, Some(step - 1)), &code(now)).unwrap(), step);
    }

    #[test]
    fn the_address_escapes_what_is_not_plain() {
        let address =
            otpauth("id.example.com", "al ice:x@example.com", &rfc_seed(20), &TokenSettings::AUTHENTICATOR);
        assert_eq!(
            address.expose(),
            "otpauth://totp/id.example.com:al%20ice%3Ax%40example.com\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=id.example.com&digits=6"
        );
    }
}
