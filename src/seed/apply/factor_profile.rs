//! Writes profiles of custom one-time password tokens. How codes are made is set when a profile is made, later only by force:
//! it decides about tokens that users hold.

use super::{Apply, SeedError, read};
use crate::{
    factor::profiles::{self, FactorProfileError},
    store,
    syslog::Caller,
};

impl Apply<'_> {
    pub(super) async fn factor_profile(&self, wanted: &read::FactorProfile) -> Result<(), SeedError> {
        let caller = Caller::system("apply");
        let settings = wanted.settings;
        let written = match store::factor_profile::find_by_name_in(&self.tx, &wanted.name).await? {
            Some(known) if !wanted.force || known.settings == settings => return Ok(()),
            Some(known) => profiles::update(self.app, &self.tx, known, settings, &caller).await,
            None => profiles::create(self.app, &self.tx, (&wanted.name, settings), &caller).await,
        };
        match written {
            Ok(_) => Ok(()),
            Err(FactorProfileError::Fault(fault)) => Err(fault.into()),
            Err(
                error @ (FactorProfileError::Name
                | FactorProfileError::Taken
                | FactorProfileError::Settings(_)
                | FactorProfileError::InUse),
            ) => Err(wanted.spot.error(error.to_string())),
        }
    }
}
