//! What users do to their own factors. Whether they may is asked before (security rule S1).

use unicode_normalization::UnicodeNormalization;

use super::{event, list, reset::gone};
use crate::{
    app::App,
    factor::{
        FactorError,
        backup_code::{self, BackupKind},
        is_unseen,
    },
    fault::Fault,
    model::{
        factor::{Factor, FactorStatus, has_possession},
        user::User,
    },
    session::farewell,
    store::{self, unit::Unit},
    syslog::{Caller, EventType},
};

/// The longest name of a factor, in characters.
pub const MAX_NAME: usize = 64;

/// Gives a factor another name; an empty one takes its name away. The unit's own claim is its first; lost: it is gone.
///
/// # Errors
/// The name is too long, or holds what cannot be seen.
pub fn rename(app: &App, factor: &Factor, (name, caller): (&str, &Caller)) -> Result<Unit, FactorError> {
    let name = named(name)?;
    let now = app.now();
    let row = event(EventType::MfaFactorUpdate, factor).with("renamed", true);
    let claim = store::factor::claim_rename(factor, name.as_deref(), now);
    Ok(Unit::new().claim(claim).row(row.row(caller, app.random.as_ref(), now)))
}

/// A name as it is kept: composed (NFC), without blanks around it.
fn named(typed: &str) -> Result<Option<String>, FactorError> {
    let invalid = |problem: &str| FactorError::Invalid { member: "name", problem: problem.to_owned() };
    // Composing makes nothing longer than three times its bytes, nor from more characters fewer than a third.
    if typed.len() > 16 * MAX_NAME {
        return Err(invalid("must be 64 characters at most"));
    }
    let name: String = typed.trim().nfc().collect();
    if name.chars().count() > MAX_NAME {
        return Err(invalid("must be 64 characters at most"));
    }
    if name.chars().any(is_unseen) {
        return Err(invalid("must not hold control characters"));
    }
    Ok((!name.is_empty()).then_some(name))
}

/// Removes a factor by the hand of its user, with what was won by it: sessions no longer show the proof, one that has
/// nothing else to show ends, devices that were remembered are forgotten, and recovery codes go with the last factor that they
/// stand in for. What is on its way to a session looks for the factor itself ([`store::factor::claim_held`]). The unit's own
/// claim is its first; lost: the factor is gone, or was proved a moment ago, and the unit must be made anew.
///
/// # Errors
/// The database failed, or a message could not be sealed.
pub async fn forget(app: &App, user: &User, factor: &Factor, caller: &Caller) -> Result<Unit, Fault> {
    let now = app.now();
    let unit = Unit::new().claim(store::factor::claim_remove_as_seen(factor));
    let mut unit = gone(app, unit, user, factor, caller)?;
    // Read after the factor was: whatever is proved by it since then makes the claim above lost.
    for session in store::session::showing(&app.db, (&user.id, &factor.id), now).await? {
        let mut left = session.factors.clone();
        left.retain(|proof| proof.factor_id.as_ref() != Some(&factor.id));
        unit = if left.is_empty() {
            let parties = farewell::relying_parties(app, &session.id).await?;
            let unit = unit.change(store::session::end(&session.id, now));
            farewell::add(app, unit, &session, &parties, now)?
        } else {
            unit.change(store::session::keep_factors(&session.id, &left)?)
        };
    }
    let mut others = list(app, &user.id).await?;
    others.retain(|other| other.id != factor.id);
    let was_last = factor.status != FactorStatus::PendingActivation && !has_possession(&others);
    if !was_last || backup_code::list(app, user, BackupKind::Recovery).await?.is_empty() {
        return Ok(unit);
    }
    Ok(unit.and(backup_code::revoke(app, user, BackupKind::Recovery, (user.id.as_str(), caller))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_r08_a_name_is_short_composed_and_visible() {
        assert_eq!(named("  My phone ").unwrap().as_deref(), Some("My phone"));
        assert_eq!(named(" ").unwrap(), None);
        assert_eq!(named("Schlu\u{308}ssel").unwrap().as_deref(), Some("Schl\u{fc}ssel"));
        assert_eq!(named(&"\u{1f511}".repeat(64)).unwrap().map(|name| name.chars().count()), Some(64));
        for bad in [
            "x".repeat(65),
            "a\nb".to_owned(),
            "\u{202e}evil".to_owned(),
            "a\u{200b}".to_owned(),
            "x".repeat(1 << 20),
        ] {
            assert!(matches!(named(&bad), Err(FactorError::Invalid { member: "name", .. })));
        }
    }
}
