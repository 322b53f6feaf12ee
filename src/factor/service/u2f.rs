//! Security keys of U2F: their challenges, which count once, and the registrations that administrators import.

use serde_json::Value;

use super::{
    open,
    passkey::{draw, failed, relying_party, spend, suspend},
};
use crate::{
    app::App,
    factor::{
        Assertion, Challenged, FactorError, Purpose,
        u2f::{self, Known},
        webauthn::{Bound, Ceremony, CeremonyError},
    },
    fault::Fault,
    model::{factor::Factor, user::User},
    store::{factor::Stored, unit::Unit},
    syslog::Caller,
};

fn bound<'a>(user: &'a User, factor: &'a Factor, purpose: &'a Purpose<'a>) -> Bound<'a> {
    Bound {
        ceremony: Ceremony::Sign,
        purpose: purpose.key(),
        user: user.id.as_str(),
        factor: factor.id.as_str(),
    }
}

/// Begins a signature by a key.
pub(super) fn challenge(
    app: &App,
    user: &User,
    factor: &Factor,
    purpose: Purpose<'_>,
) -> Result<Challenged, FactorError> {
    relying_party(app)?;
    let shown = u2f::challenge(&draw(app, &bound(user, factor, &purpose)));
    Ok(Challenged { unit: Unit::new(), shown: Some(shown) })
}

/// A challenge as browsers take it.
///
/// # Errors
/// The issuer is none that browsers make credentials for.
pub fn browser_options(app: &App, factor: &Factor, shown: &Value) -> Result<Value, FactorError> {
    Ok(u2f::request_options(&relying_party(app)?, &factor.profile, shown))
}

/// Judges a signature; the counter that it had must be claimed.
pub(super) async fn asserted(
    app: &App,
    stored: &Stored,
    user: &User,
    given: &Assertion,
    (purpose, caller): (Purpose<'_>, &Caller),
) -> Result<u64, FactorError> {
    let rp = relying_party(app)?;
    let factor = &stored.factor;
    let answered = spend(app, &given.client_data, &[bound(user, factor, &purpose)]).await?;
    let public_key = open(app, stored)?;
    let app_id = factor.profile_text("appId").ok_or_else(|| Fault::stored("factor.profile"))?;
    let known = Known { app_id, public_key: public_key.expose(), counter: stored.counter };
    match u2f::assert(&rp, (&known, &answered), given) {
        Ok(counter) => Ok(u64::from(counter)),
        Err(error) => {
            if matches!(error, CeremonyError::Cloned) {
                suspend(app, factor, caller).await?;
            }
            Err(failed(error))
        }
    }
}
