//! Which `acr` and `amr` a sequence of proofs earns, and which of the requested authentication contexts a sign-in goes for.
//!
//! `amr` lists every method of the session once, in order of first use, and `mfa` at its end if they are of more than one
//! class (RFC 8176 §2). `acr` is the first requested value that was earned, else what was in fact reached. Nothing is ever
//! taken from the request.

use crate::protocol::{acr::Acr, amr::Amr};

/// What a sign-in with these methods is worth: the methods in order, by the first value of their `amr`; then `acr` and
/// `amr` of its tokens. Further methods add their `amr`; two classes of evidence, knowledge and possession, make the level.
pub const TRUTH_TABLE: [(&str, &str, &str); 31] = [
    ("password", "urn:okta:loa:1fa:pwd", "pwd"),
    ("question", "urn:okta:loa:1fa:any", "kba"),
    ("sms", "urn:okta:loa:1fa:any", "sms"),
    ("call", "urn:okta:loa:1fa:any", "tel"),
    ("email", "urn:okta:loa:1fa:any", "email"),
    ("token:software:totp OKTA", "urn:okta:loa:1fa:any", "okta_verify otp"),
    ("token:software:totp GOOGLE", "urn:okta:loa:1fa:any", "google_otp"),
    ("token:hotp CUSTOM", "urn:okta:loa:1fa:any", "otp"),
    ("backup code", "urn:okta:loa:1fa:any", "otp"),
    ("webauthn", "urn:okta:loa:1fa:any", "swk pop phr"),
    ("webauthn hardware", "urn:okta:loa:1fa:any", "hwk pop phr phrh"),
    ("webauthn with user verification", "urn:okta:loa:2fa:any", "swk pop phr user mfa"),
    ("u2f", "urn:okta:loa:1fa:any", "hwk pop phr"),
    ("push", "urn:okta:loa:1fa:any", "okta_verify swk"),
    ("token:hardware", "urn:okta:loa:1fa:any", "yubikey otp"),
    ("password, question", "urn:okta:loa:1fa:pwd", "pwd kba"),
    ("password, sms", "urn:okta:loa:2fa:any", "pwd sms mfa"),
    ("password, call", "urn:okta:loa:2fa:any", "pwd tel mfa"),
    ("password, email", "urn:okta:loa:2fa:any", "pwd email mfa"),
    ("password, token:software:totp OKTA", "urn:okta:loa:2fa:any", "pwd okta_verify otp mfa"),
    ("password, token:software:totp GOOGLE", "urn:okta:loa:2fa:any", "pwd google_otp mfa"),
    ("password, token:hotp CUSTOM", "urn:okta:loa:2fa:any", "pwd otp mfa"),
    ("password, webauthn", "urn:okta:loa:2fa:any", "pwd swk pop phr mfa"),
    ("password, webauthn hardware", "urn:okta:loa:2fa:any", "pwd hwk pop phr phrh mfa"),
    ("password, webauthn with user verification", "urn:okta:loa:2fa:any", "pwd swk pop phr user mfa"),
    ("password, u2f", "urn:okta:loa:2fa:any", "pwd hwk pop phr mfa"),
    ("password, push", "urn:okta:loa:2fa:any", "pwd okta_verify swk mfa"),
    ("password, token:hardware", "urn:okta:loa:2fa:any", "pwd yubikey otp mfa"),
    ("password, backup code", "urn:okta:loa:2fa:any", "pwd otp mfa"),
    ("email, sms", "urn:okta:loa:1fa:any", "email sms"),
    ("sms, question", "urn:okta:loa:2fa:any", "sms kba mfa"),
];

/// How a user can come to two factors.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reach {
    /// Not at all.
    Never,
    /// By enrolling one on the way.
    ByEnrolment,
    /// With one that is there.
    Now,
}

/// How a user can come to the levels that take more than one factor, or a special one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reaches {
    /// Two factors.
    pub two_factors: Reach,
    /// Phishing-resistant possession.
    pub phishing_resistant: Reach,
    /// The same in hardware.
    pub hardware: Reach,
}

impl Reaches {
    /// Two factors and nothing special.
    pub fn two_factors(reach: Reach) -> Self {
        Self { two_factors: reach, phishing_resistant: Reach::Never, hardware: Reach::Never }
    }

    /// With what is there, that is without enrolling anything.
    #[must_use]
    pub fn without_enrolment(self) -> Self {
        let there = |reach| if reach == Reach::ByEnrolment { Reach::Never } else { reach };
        Self {
            two_factors: there(self.two_factors),
            phishing_resistant: there(self.phishing_resistant),
            hardware: there(self.hardware),
        }
    }

    fn of(self, acr: Acr) -> Reach {
        match acr {
            Acr::OneFactorAny | Acr::OneFactorPassword => Reach::Now,
            Acr::TwoFactorAny | Acr::TwoFactorAnyIfPossible => self.two_factors,
            Acr::PhishingResistant => self.phishing_resistant,
            Acr::PhishingResistantHardware => self.hardware,
        }
    }
}

/// What to make of requested authentication contexts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// One is reached, or none is understood (Core §3.1.2.1: then none is asked for).
    Satisfied,
    /// This one is gone for.
    StepUp(Acr),
    /// None can be reached.
    Unmet,
}

/// Chooses among requested contexts, in order of preference (Core §3.1.2.1): the first that is reached or can be with the
/// factors that are there; then one for which a factor has to be enrolled.
pub fn choose(requested: &[&str], earned: &[Amr], reaches: Reaches) -> Choice {
    let known = || requested.iter().filter_map(|value| value.parse::<Acr>().ok());
    if known().next().is_none() {
        return Choice::Satisfied;
    }
    for acr in known() {
        match acr {
            _ if acr.satisfied_by(earned) => return Choice::Satisfied,
            Acr::OneFactorAny | Acr::OneFactorPassword => return Choice::StepUp(acr),
            Acr::TwoFactorAny | Acr::TwoFactorAnyIfPossible if reaches.of(acr) == Reach::Now => {
                return Choice::StepUp(Acr::TwoFactorAny);
            }
            Acr::PhishingResistant | Acr::PhishingResistantHardware if reaches.of(acr) == Reach::Now => {
                return Choice::StepUp(acr);
            }
            // Two if the user can, else one.
            Acr::TwoFactorAnyIfPossible if !earned.is_empty() => return Choice::Satisfied,
            Acr::TwoFactorAny
            | Acr::TwoFactorAnyIfPossible
            | Acr::PhishingResistant
            | Acr::PhishingResistantHardware => {}
        }
    }
    let enrolled =
        known().find(|acr| *acr != Acr::TwoFactorAnyIfPossible && reaches.of(*acr) == Reach::ByEnrolment);
    enrolled.map_or(Choice::Unmet, Choice::StepUp)
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::{
        id::{FactorId, UserId},
        model::{
            factor::{Factor, FactorClass, FactorKind, FactorStatus},
            session::{VerifiedFactor, amr_of},
        },
        protocol::acr,
    };

    const ONE: &[Amr] = &[Amr::Pwd];
    const TWO: &[Amr] = &[Amr::Pwd, Amr::Otp, Amr::Mfa];
    const LOA1: &str = "urn:okta:loa:1fa:any";
    const LOA2: &str = "urn:okta:loa:2fa:any";
    const IF_POSSIBLE: &str = "urn:okta:loa:2fa:any:ifpossible";

    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    enum Method {
        Password,
        BackupCode,
        Factor(FactorKind),
        Hardware,
        Verified,
    }

    impl Method {
        fn classes(self) -> Vec<FactorClass> {
            match self {
                Self::Password => vec![FactorClass::Knowledge],
                Self::BackupCode | Self::Hardware => vec![FactorClass::Possession],
                Self::Factor(kind) => vec![kind.class()],
                Self::Verified => vec![FactorClass::Knowledge, FactorClass::Possession],
            }
        }

        /// Its name in the table.
        fn name(self) -> String {
            match self {
                Self::Password => "password".to_owned(),
                Self::BackupCode => "backup code".to_owned(),
                Self::Hardware => "webauthn hardware".to_owned(),
                Self::Verified => "webauthn with user verification".to_owned(),
                Self::Factor(
                    kind @ (FactorKind::TotpOkta | FactorKind::TotpGoogle | FactorKind::HotpCustom),
                ) => format!("{} {}", kind.factor_type(), kind.provider()),
                Self::Factor(kind) => kind.factor_type().to_owned(),
            }
        }

        fn proof(self) -> VerifiedFactor {
            let at = OffsetDateTime::UNIX_EPOCH;
            let kind = match self {
                Self::Password => return VerifiedFactor::password(at),
                Self::BackupCode => return VerifiedFactor::backup_code(at),
                Self::Factor(kind) => kind,
                Self::Hardware | Self::Verified => FactorKind::Webauthn,
            };
            let factor = Factor {
                id: FactorId::new(kind.key()),
                user_id: UserId::new("u"),
                kind,
                status: FactorStatus::Active,
                profile: serde_json::Map::new(),
                name: None,
                factor_profile_id: None,
                created_at: at,
                updated_at: at,
                last_verified_at: None,
            };
            let hardware = [Amr::Hwk, Amr::Pop, Amr::Phr, Amr::Phrh];
            let verified = [Amr::Swk, Amr::Pop, Amr::Phr, Amr::User];
            match self {
                Self::Hardware => VerifiedFactor::shown(&factor, &hardware, at),
                Self::Verified => VerifiedFactor::shown(&factor, &verified, at),
                Self::Password | Self::BackupCode | Self::Factor(_) => VerifiedFactor::factor(&factor, at),
            }
        }
    }

    fn methods() -> Vec<Method> {
        let factors = FactorKind::ALL.into_iter().map(Method::Factor);
        let others = [Method::Password, Method::BackupCode, Method::Hardware, Method::Verified];
        others.into_iter().chain(factors).collect()
    }

    fn worth(sequence: &[Method]) -> (String, String) {
        let proofs: Vec<VerifiedFactor> = sequence.iter().map(|method| method.proof()).collect();
        let amr = amr_of(&proofs);
        let earned: Vec<Amr> = amr.iter().map(|method| method.parse().unwrap()).collect();
        (acr::choose(&[], &earned).unwrap(), amr.join(" "))
    }

    /// T1: the table is what is done; every single method is in it, and each with the password.
    #[test]
    fn sec_t01_the_truth_table_is_what_tokens_say() {
        let methods = methods();
        let mut seen = Vec::new();
        for (sequence, acr, amr) in TRUTH_TABLE {
            let used: Vec<Method> = sequence
                .split(", ")
                .map(|name| *methods.iter().find(|method| method.name() == name).expect(name))
                .collect();
            assert_eq!(worth(&used), (acr.to_owned(), amr.to_owned()), "{sequence}");
            seen.push(sequence);
        }
        for method in methods {
            let name = method.name();
            assert!(seen.contains(&name.as_str()), "{name}");
            let second = method != Method::Password;
            assert!(!second || seen.contains(&format!("password, {name}").as_str()), "{name}");
        }
    }

    /// T1: every sequence of three methods says what its parts say, `mfa` and the level by classes alone.
    #[test]
    fn sec_t01_every_sequence_is_worth_its_parts() {
        let single = |method: Method| {
            let name = method.name();
            TRUTH_TABLE.iter().find(|(sequence, ..)| *sequence == name).unwrap().2
        };
        let methods = methods();
        for &first in &methods {
            for &second in &methods {
                for &third in &methods {
                    let sequence = [first, second, third];
                    let mut amr: Vec<&str> = Vec::new();
                    for value in sequence.into_iter().flat_map(|method| single(method).split(' ')) {
                        if value != "mfa" && !amr.contains(&value) {
                            amr.push(value);
                        }
                    }
                    let of = |class| sequence.into_iter().any(|method| method.classes().contains(&class));
                    let two = of(FactorClass::Knowledge) && of(FactorClass::Possession);
                    if two {
                        amr.push("mfa");
                    }
                    let acr = match (two, sequence.contains(&Method::Password)) {
                        (true, _) => LOA2,
                        (false, true) => "urn:okta:loa:1fa:pwd",
                        (false, false) => LOA1,
                    };
                    assert_eq!(worth(&sequence), (acr.to_owned(), amr.join(" ")), "{sequence:?}");
                }
            }
        }
    }

    /// The README has the same table.
    #[test]
    fn the_table_is_in_the_readme() {
        let readme = include_str!("../../README.md");
        for (sequence, acr, amr) in TRUTH_TABLE {
            let line = format!("| {sequence} | `{acr}` | `{}` |", amr.replace(' ', "`, `"));
            assert!(readme.lines().any(|known| known == line), "{line}");
        }
    }

    #[test]
    fn the_first_context_that_can_be_had_is_gone_for() {
        use Choice::{Satisfied, StepUp, Unmet};
        let two = StepUp(Acr::TwoFactorAny);
        for (requested, earned, reach, choice) in [
            (&[][..], ONE, Reach::Never, Satisfied),
            (&["gold", "1 2"], ONE, Reach::Never, Satisfied),
            (&[LOA1], ONE, Reach::Now, Satisfied),
            (&[LOA1, LOA2], ONE, Reach::Now, Satisfied),
            (&[LOA2, LOA1], ONE, Reach::Now, two),
            (&[LOA2, LOA1], ONE, Reach::ByEnrolment, Satisfied),
            (&[LOA2], ONE, Reach::ByEnrolment, two),
            (&[LOA2], ONE, Reach::Never, Unmet),
            (&[LOA2], TWO, Reach::Never, Satisfied),
            (&[IF_POSSIBLE], ONE, Reach::Now, two),
            (&[IF_POSSIBLE], ONE, Reach::ByEnrolment, Satisfied),
            (&[IF_POSSIBLE], ONE, Reach::Never, Satisfied),
            (&["phr", "phrh"], TWO, Reach::Now, Unmet),
            (&["phr", LOA2], ONE, Reach::Now, two),
            (&["urn:okta:loa:1fa:pwd"], &[Amr::Sms], Reach::Never, StepUp(Acr::OneFactorPassword)),
        ] {
            let reaches = Reaches::two_factors(reach);
            assert_eq!(choose(requested, earned, reaches), choice, "{requested:?} {earned:?} {reach:?}");
        }
    }
}
