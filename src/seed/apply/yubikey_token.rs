//! Writes YubiKeys. One that somebody uses stays as it is: applying a file again changes nothing.

use super::{Apply, SeedError, read};
use crate::{
    factor::yubikey_tokens::{self, YubikeyTokenError},
    syslog::Caller,
};

impl Apply<'_> {
    pub(super) async fn yubikey_token(&self, wanted: &read::YubikeyToken) -> Result<(), SeedError> {
        let caller = Caller::system("apply");
        match yubikey_tokens::import_new(self.app, &self.tx, &wanted.new, &caller).await {
            Ok(()) => Ok(()),
            Err(YubikeyTokenError::Fault(fault)) => Err(fault.into()),
            Err(error @ (YubikeyTokenError::InUse | YubikeyTokenError::Taken)) => {
                Err(wanted.spot.error(error.to_string()))
            }
        }
    }
}
