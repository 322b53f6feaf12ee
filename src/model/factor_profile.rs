//! How the codes of custom one-time password tokens are made (Okta `token:hotp`; RFC 4226, RFC 6238).

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{id::FactorProfileId, protocol::wire_enum::wire_enum};

wire_enum! {
    /// The hash function of the HMAC (RFC 6238 §1.2), as Okta spells it.
    HmacAlgorithm {
        /// SHA-1 (RFC 4226 §5.2).
        Sha1 = "HMacSHA1",
        /// SHA-256.
        Sha256 = "HMacSHA256",
        /// SHA-512.
        Sha512 = "HMacSHA512",
    }
}

wire_enum! {
    /// How shared secrets of tokens are written when they are enrolled.
    SecretEncoding {
        /// RFC 4648 §6.
        Base32 = "base32",
        /// RFC 4648 §4.
        Base64 = "base64",
        /// RFC 4648 §8.
        Hexadecimal = "hexadecimal",
    }
}

/// What makes the next code another one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moving {
    /// Every use (RFC 4226).
    Counter {
        /// How many codes ahead of the last one are looked at (RFC 4226 §7.4 `s`).
        look_ahead: u32,
    },
    /// Time (RFC 6238).
    Time {
        /// Seconds a code lives.
        time_step: u32,
        /// How many steps the token's clock may be off either way.
        drift: u32,
    },
}

impl Moving {
    /// From the numbers of an administrator: a token counts, or has a clock.
    ///
    /// # Errors
    /// It would do both.
    pub fn of(
        look_ahead: Option<u32>,
        (time_step, drift): (Option<u32>, Option<u32>),
    ) -> Result<Self, SettingsError> {
        match look_ahead {
            Some(_) if time_step.is_some() || drift.is_some() => Err(SettingsError {
                member: "lookAhead",
                problem: "a token counts, or has a clock, not both",
            }),
            Some(look_ahead) => Ok(Self::Counter { look_ahead }),
            None => Ok(Self::Time { time_step: time_step.unwrap_or(30), drift: drift.unwrap_or(1) }),
        }
    }
}

/// How codes are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TokenSettings {
    /// The hash function.
    pub algorithm: HmacAlgorithm,
    /// Digits of a code: 6 to 8.
    pub digits: u8,
    /// How secrets are written.
    pub encoding: SecretEncoding,
    /// What makes the next code another one.
    pub moving: Moving,
}

/// Why settings of tokens are refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{member}: {problem}")]
pub struct SettingsError {
    /// The member.
    pub member: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl TokenSettings {
    /// What every authenticator application does by default: six digits, SHA-1, 30 seconds, one step of drift.
    pub const AUTHENTICATOR: Self = Self {
        algorithm: HmacAlgorithm::Sha1,
        digits: 6,
        encoding: SecretEncoding::Base32,
        moving: Moving::Time { time_step: 30, drift: 1 },
    };

    /// Checks the numbers: too few digits, long steps and wide windows are codes that can be guessed.
    ///
    /// # Errors
    /// A number is out of its range.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let refuse = |member, problem| Err(SettingsError { member, problem });
        if !(6..=8).contains(&self.digits) {
            return refuse("passCodeLength", "must be 6, 7 or 8");
        }
        match self.moving {
            Moving::Counter { look_ahead } if !(1..=100).contains(&look_ahead) => {
                refuse("lookAhead", "must be between 1 and 100")
            }
            Moving::Time { time_step, .. } if !(15..=120).contains(&time_step) => {
                refuse("timeStep", "must be between 15 and 120 seconds")
            }
            Moving::Time { drift, .. } if drift > 10 => {
                refuse("clockDriftInterval", "must be at most 10 steps")
            }
            Moving::Counter { .. } | Moving::Time { .. } => Ok(()),
        }
    }
}

/// A profile of custom tokens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FactorProfile {
    /// `fpr…`
    pub id: FactorProfileId,
    /// What administrators call it.
    pub name: String,
    /// How codes are made.
    pub settings: TokenSettings,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// When it was last changed.
    pub updated_at: OffsetDateTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_outside_of_their_ranges_are_refused() {
        let good = TokenSettings::AUTHENTICATOR;
        assert_eq!(good.validate(), Ok(()));
        let with = |moving| TokenSettings { moving, ..good };
        for (bad, member) in [
            (TokenSettings { digits: 5, ..good }, "passCodeLength"),
            (TokenSettings { digits: 9, ..good }, "passCodeLength"),
            (with(Moving::Counter { look_ahead: 0 }), "lookAhead"),
            (with(Moving::Counter { look_ahead: 101 }), "lookAhead"),
            (with(Moving::Time { time_step: 0, drift: 1 }), "timeStep"),
            (with(Moving::Time { time_step: 30, drift: 11 }), "clockDriftInterval"),
        ] {
            assert_eq!(bad.validate().unwrap_err().member, member);
        }
    }

    #[test]
    fn settings_are_stored_and_read_back() {
        let settings =
            TokenSettings { moving: Moving::Counter { look_ahead: 10 }, ..TokenSettings::AUTHENTICATOR };
        let stored = serde_json::to_value(settings).unwrap();
        assert_eq!(stored["algorithm"], "HMacSHA1");
        assert_eq!(serde_json::from_value::<TokenSettings>(stored).unwrap(), settings);
    }
}
