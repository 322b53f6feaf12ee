//! Profiles of custom one-time password tokens (Okta `token:hotp`), as administrators make them: by the management API, the
//! command line, or a configuration file.

use crate::{
    app::App,
    fault::Fault,
    id::FactorProfileId,
    model::factor_profile::{FactorProfile, SettingsError, TokenSettings},
    store::{self, db::Tx},
    syslog::{Caller, Event, EventType},
};

/// The most bytes of a name.
pub const MAX_NAME: usize = 100;

/// Why a profile is not made, changed or removed.
#[derive(Debug, thiserror::Error)]
pub enum FactorProfileError {
    /// The name is none.
    #[error("name: must have 1 to 100 characters")]
    Name,
    /// Another profile has the name.
    #[error("name: An object with this field already exists")]
    Taken,
    /// A number is out of its range.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Tokens of users would have no profile any more.
    #[error("tokens of users are enrolled with it")]
    InUse,
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Makes a profile.
///
/// # Errors
/// The name is none or taken, or a number is out of its range.
pub async fn create(
    app: &App,
    tx: &Tx,
    (name, settings): (&str, TokenSettings),
    caller: &Caller,
) -> Result<FactorProfile, FactorProfileError> {
    let name = name.trim();
    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(FactorProfileError::Name);
    }
    settings.validate()?;
    if store::factor_profile::find_by_name_in(tx, name).await?.is_some() {
        return Err(FactorProfileError::Taken);
    }
    let now = app.now();
    let id = FactorProfileId::generate(app.random.as_ref());
    let profile = FactorProfile { id, name: name.to_owned(), settings, created_at: now, updated_at: now };
    store::factor_profile::insert(tx, &profile).await?;
    log(app, tx, &profile, ("created", caller)).await?;
    Ok(profile)
}

/// Changes how the codes of a profile are made, also those of tokens that are enrolled with it.
///
/// # Errors
/// A number is out of its range.
pub async fn update(
    app: &App,
    tx: &Tx,
    profile: FactorProfile,
    settings: TokenSettings,
    caller: &Caller,
) -> Result<FactorProfile, FactorProfileError> {
    settings.validate()?;
    let profile = FactorProfile { settings, updated_at: app.now(), ..profile };
    store::factor_profile::update(tx, &profile).await?;
    log(app, tx, &profile, ("changed", caller)).await?;
    Ok(profile)
}

/// Removes a profile that no token needs.
///
/// # Errors
/// A token of a user is enrolled with it.
pub async fn remove(
    app: &App,
    tx: &Tx,
    profile: &FactorProfile,
    caller: &Caller,
) -> Result<(), FactorProfileError> {
    if !store::factor_profile::delete_unless_used(tx, &profile.id).await? {
        return Err(FactorProfileError::InUse);
    }
    Ok(log(app, tx, profile, ("removed", caller)).await?)
}

async fn log(
    app: &App,
    tx: &Tx,
    profile: &FactorProfile,
    (change, caller): (&str, &Caller),
) -> Result<(), Fault> {
    let event = Event::new(EventType::MfaFactorUpdate)
        .with("factorProfileId", profile.id.as_str())
        .with("factorProfileName", profile.name.as_str())
        .with("change", change);
    event.insert(tx, caller, app.random.as_ref(), app.now()).await
}
