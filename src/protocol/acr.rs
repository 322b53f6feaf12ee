//! Authentication context class references (Core §2, §3.1.2.1): Okta's levels of assurance.

use crate::protocol::amr::Amr;
use crate::protocol::wire_enum::wire_enum;

wire_enum! {
    /// A level of assurance that can be requested by `acr_values` and is reported as `acr`.
    Acr {
        /// Any one factor.
        OneFactorAny = "urn:okta:loa:1fa:any",
        /// A password.
        OneFactorPassword = "urn:okta:loa:1fa:pwd",
        /// Two factors of different classes.
        TwoFactorAny = "urn:okta:loa:2fa:any",
        /// Two factors if the user has them; reported only when two were used.
        TwoFactorAnyIfPossible = "urn:okta:loa:2fa:any:ifpossible",
        /// Phishing-resistant possession.
        PhishingResistant = "phr",
        /// Phishing-resistant, hardware-protected possession.
        PhishingResistantHardware = "phrh",
    }
}

/// What a sign-in here can reach; metadata lists the same.
pub const SUPPORTED: [Acr; 6] = [
    Acr::OneFactorPassword,
    Acr::OneFactorAny,
    Acr::TwoFactorAny,
    Acr::TwoFactorAnyIfPossible,
    Acr::PhishingResistant,
    Acr::PhishingResistantHardware,
];

impl Acr {
    /// Whether the methods used for the session reach this level.
    pub fn satisfied_by(self, earned: &[Amr]) -> bool {
        match self {
            Self::OneFactorAny => !earned.is_empty(),
            Self::OneFactorPassword => earned.contains(&Amr::Pwd),
            Self::TwoFactorAny | Self::TwoFactorAnyIfPossible => earned.contains(&Amr::Mfa),
            Self::PhishingResistant => earned.contains(&Amr::Phr) || earned.contains(&Amr::Phrh),
            Self::PhishingResistantHardware => earned.contains(&Amr::Phrh),
        }
    }
}

/// The first requested value that was earned, as it was requested. Unknown values are never earned.
pub fn first_satisfied<'a>(requested: &[&'a str], earned: &[Amr]) -> Option<&'a str> {
    requested.iter().copied().find(|value| value.parse::<Acr>().is_ok_and(|acr| acr.satisfied_by(earned)))
}

/// The `acr` to report: the first requested value that was earned, else the level that was in fact reached.
///
/// Nothing unearned is ever reported; `None` means that nothing was earned.
pub fn choose(requested: &[&str], earned: &[Amr]) -> Option<String> {
    first_satisfied(requested, earned)
        .or_else(|| {
            [Acr::TwoFactorAny, Acr::OneFactorPassword, Acr::OneFactorAny]
                .into_iter()
                .find(|acr| acr.satisfied_by(earned))
                .map(Acr::as_str)
        })
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &[Amr] = &[Amr::Pwd];
    const TWO_FACTORS: &[Amr] = &[Amr::Mfa, Amr::Otp, Amr::Pwd];

    #[test]
    fn sec_t01_a_password_earns_the_two_one_factor_levels() {
        let earned: Vec<_> = Acr::ALL.iter().filter(|acr| acr.satisfied_by(PASSWORD)).collect();
        assert_eq!(earned, [&Acr::OneFactorAny, &Acr::OneFactorPassword]);
        let earned = Acr::ALL.iter().filter(|acr| acr.satisfied_by(TWO_FACTORS)).count();
        assert_eq!(earned, 4);
    }

    #[test]
    fn the_first_satisfied_value_is_returned_as_requested() {
        let requested = ["phr", "unknown", "urn:okta:loa:1fa:any", "urn:okta:loa:1fa:pwd"];
        assert_eq!(choose(&requested, PASSWORD).as_deref(), Some("urn:okta:loa:1fa:any"));
        assert_eq!(choose(&["urn:okta:loa:2fa:any"], TWO_FACTORS).as_deref(), Some("urn:okta:loa:2fa:any"));
    }

    #[test]
    fn sec_t02_an_unearned_value_is_never_reported() {
        for requested in
            ["urn:okta:loa:2fa:any", "urn:okta:loa:2fa:any:ifpossible", "phr", "phrh", "anything"]
        {
            assert_eq!(
                choose(&[requested], PASSWORD).as_deref(),
                Some("urn:okta:loa:1fa:pwd"),
                "{requested}"
            );
            assert_eq!(first_satisfied(&[requested], PASSWORD), None, "{requested}");
        }
        assert_eq!(choose(&["urn:okta:loa:1fa:any"], &[]), None);
    }

    #[test]
    fn without_a_request_the_level_reached_is_reported() {
        assert_eq!(choose(&[], PASSWORD).as_deref(), Some("urn:okta:loa:1fa:pwd"));
        assert_eq!(choose(&[], TWO_FACTORS).as_deref(), Some("urn:okta:loa:2fa:any"));
        assert_eq!(choose(&[], &[Amr::Fed]).as_deref(), Some("urn:okta:loa:1fa:any"));
    }
}
