//! YubiKeys: which one a password is of, whose it is, and whether it was used before. That none counts twice is claimed by the
//! unit that a password buys something with.

use serde_json::{Map, Value};

use super::challenge::activations;
use crate::{
    app::App,
    factor::{
        Enrolment, FactorError, Purpose, attempt, message_budget,
        yubikey::{PassCode, Use},
        yubikey_tokens,
    },
    fault::Fault,
    id::FactorId,
    model::{
        factor::{Factor, FactorKind},
        user::User,
        yubikey_token::YubikeyStatus,
    },
    store::{self, factor_budget, unit::Unit, yubikey_token::Stored},
    syslog::{Caller, Event, EventType, Reason},
};

/// What a password of a YubiKey that nobody has makes of it.
pub(super) struct Enrolling {
    /// The profile of the factor.
    pub(super) profile: Map<String, Value>,
    /// What makes the YubiKey the factor's, after the factor was inserted.
    pub(super) unit: Unit,
}

/// Enrols a YubiKey by a password of it, which is thereby spent. One YubiKey is one user's.
///
/// # Errors
/// The password does not count: which of the reasons it is, whoever guesses is not told. That it was tried is counted.
pub(super) async fn enrolling(
    app: &App,
    user: &User,
    (enrolment, id): (&Enrolment, &FactorId),
    (purpose, caller): (Purpose<'_>, &Caller),
) -> Result<Enrolling, FactorError> {
    let Some(typed) = enrolment.profile.get("passCode").and_then(Value::as_str) else {
        let problem = "is required: a YubiKey is enrolled by a password of it".to_owned();
        return Err(FactorError::Invalid { member: "passCode", problem });
    };
    let budget = activations(&user.id);
    if !message_budget::claim(app, &budget, &attempt::ACTIVATIONS).await? {
        return Err(FactorError::TooManyAttempts);
    }
    match unassigned(app, typed).await {
        Ok((stored, made)) => {
            let token = stored.token;
            let claim = store::yubikey_token::claim_assign(&token.id, id, made.counter(), app.now());
            let unit = Unit::new().claim(claim).change(factor_budget::forget(&budget));
            let profile = Map::from_iter([("credentialId".to_owned(), Value::from(token.serial))]);
            Ok(Enrolling { profile, unit })
        }
        Err(error) => {
            refused(app, user, &error, (purpose, caller)).await?;
            Err(error)
        }
    }
}

async fn unassigned(app: &App, typed: &str) -> Result<(Stored, Use), FactorError> {
    let code = PassCode::read(typed)?;
    let found = store::yubikey_token::find_by_public_id(&app.db, code.public_id()).await?;
    let stored = found.ok_or(FactorError::Wrong)?;
    let made = opened(app, &stored, &code)?;
    match stored.token.status() {
        YubikeyStatus::Unassigned => Ok((stored, made)),
        YubikeyStatus::Active | YubikeyStatus::Inactive | YubikeyStatus::Revoked => Err(FactorError::Wrong),
    }
}

/// What a password is of: this YubiKey, and later than every other that was accepted of it.
fn opened(app: &App, stored: &Stored, code: &PassCode) -> Result<Use, FactorError> {
    let made = code.open(&yubikey_tokens::open(app, stored)?)?;
    if stored.counter.is_some_and(|last| made.counter() <= last) {
        return Err(FactorError::Replayed);
    }
    Ok(made)
}

/// Logs that a password did not enrol a YubiKey.
async fn refused(
    app: &App,
    user: &User,
    error: &FactorError,
    (purpose, caller): (Purpose<'_>, &Caller),
) -> Result<(), Fault> {
    let reason: Reason = match error {
        FactorError::Replayed => super::verify::REPLAYED,
        // No verdict was reached, so there is nothing to log.
        FactorError::Fault(_) => return Ok(()),
        _ => "invalid_passcode",
    };
    let failure = Event::failure(EventType::AuthenticateViaMfa, reason)
        .user(&user.id)
        .with("factorType", FactorKind::Yubikey.factor_type())
        .with("provider", FactorKind::Yubikey.provider())
        .with("purpose", purpose.logged());
    let row = failure.row(caller, app.random.as_ref(), app.now());
    app.db.writer().commit(Unit::new().row(row)).await?;
    Ok(())
}

/// Whether a password is one of the YubiKey that a factor is.
///
/// # Errors
/// It is not, or was used before.
pub(super) async fn judge(app: &App, factor: &Factor, typed: &str) -> Result<Use, FactorError> {
    let code = PassCode::read(typed)?;
    let found = store::yubikey_token::find_by_factor(&app.db, &factor.id).await?;
    let stored = found.ok_or_else(|| Fault::stored("yubikey_token.factor_id"))?;
    if stored.token.public_id != code.public_id() {
        return Err(FactorError::Wrong);
    }
    opened(app, &stored, &code)
}
