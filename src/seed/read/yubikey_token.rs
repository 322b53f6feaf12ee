//! YubiKeys of the installation.

use crate::{
    factor::yubikey_tokens::NewToken,
    seed::{
        SeedError,
        document::{Place, Spot},
    },
};

pub(in crate::seed) struct YubikeyToken {
    pub(in crate::seed) new: NewToken,
    pub(in crate::seed) spot: Spot,
}

pub(super) fn yubikey_token(place: &Place<'_>) -> Result<YubikeyToken, SeedError> {
    let members = place.members(&["serial_number", "public_id", "private_id", "aes_key"])?;
    let text = |name| members.load(name)?.text();
    let (serial, public_id) = (text("serial_number")?, text("public_id")?);
    let (private_id, aes_key) = (text("private_id")?, text("aes_key")?);
    let new = NewToken::read((&serial, &public_id), (&private_id, &aes_key));
    Ok(YubikeyToken {
        new: new.map_err(|error| place.error(error.to_string()))?,
        spot: members.load("serial_number")?.spot(),
    })
}
