//! Profiles of custom one-time password tokens.

use crate::{
    model::factor_profile::{HmacAlgorithm, Moving, SecretEncoding, TokenSettings},
    seed::{
        SeedError,
        document::{Place, Spot},
    },
};

pub(in crate::seed) struct FactorProfile {
    pub(in crate::seed) name: String,
    pub(in crate::seed) settings: TokenSettings,
    pub(in crate::seed) force: bool,
    pub(in crate::seed) spot: Spot,
}

pub(super) fn factor_profile(place: &Place<'_>, force: bool) -> Result<FactorProfile, SeedError> {
    let members = place.members(&[
        "name",
        "hmac_algorithm",
        "pass_code_length",
        "encoding",
        "time_step",
        "clock_drift_interval",
        "look_ahead",
        "force",
    ])?;
    let number = |name, range| members.opt(name, |place| place.integer(range));
    let clock = (number("time_step", 15..=120)?, number("clock_drift_interval", 0..=10)?);
    let moving = Moving::of(number("look_ahead", 1..=100)?, clock);
    let settings = TokenSettings {
        algorithm: members
            .opt("hmac_algorithm", |place| place.word("HMacSHA1, HMacSHA256, HMacSHA512"))?
            .unwrap_or(HmacAlgorithm::Sha1),
        digits: u8::try_from(number("pass_code_length", 6..=8)?.unwrap_or(6)).unwrap_or(u8::MAX),
        encoding: members
            .opt("encoding", |place| place.word("base32, base64, hexadecimal"))?
            .unwrap_or(SecretEncoding::Base32),
        moving: moving.map_err(|error| place.error(error.problem))?,
    };
    let name = members.load("name")?;
    Ok(FactorProfile {
        name: name.text()?,
        settings,
        force: members.flag("force")?.unwrap_or(force),
        spot: name.spot(),
    })
}
