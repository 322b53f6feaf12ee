//! What users do to their own factors. Whether they may is asked before (security rule S1).

use super::reset::gone;
use crate::{
    app::App,
    fault::Fault,
    model::{factor::Factor, user::User},
    session::farewell,
    store::{self, unit::Unit},
    syslog::Caller,
};

/// Removes a factor by the hand of its user, with what was won by it: sessions no longer show the proof, one that has
/// nothing else to show ends, and devices that were remembered are forgotten. The unit's own claim is its first; lost: the
/// factor is gone, or was proved a moment ago, and the unit must be made anew.
///
/// # Errors
/// The database failed, or a message could not be sealed.
pub async fn forget(app: &App, user: &User, factor: &Factor, caller: &Caller) -> Result<Unit, Fault> {
    let now = app.now();
    let unit = Unit::new().claim(store::factor::claim_remove_as_seen(factor));
    let mut unit = gone(app, unit, user, factor, caller)?;
    // Read after the factor was: whatever is proved by it since then makes the claim above lost.
    for (session, _) in store::session::open_of_user(&app.db, &user.id, now).await? {
        let mut left = session.factors.clone();
        left.retain(|proof| proof.factor_id.as_ref() != Some(&factor.id));
        if left.len() == session.factors.len() {
            continue;
        }
        unit = if left.is_empty() {
            let parties = farewell::relying_parties(app, &session.id).await?;
            let unit = unit.change(store::session::end(&session.id, now));
            farewell::add(app, unit, &session, &parties, now)?
        } else {
            unit.change(store::session::keep_factors(&session.id, &left)?)
        };
    }
    Ok(unit)
}
